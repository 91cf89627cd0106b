"""Whatever is sent, nothing breaks inside: every answer below 500, and the loop goes on."""

# ruff: noqa: E501
from __future__ import annotations

import gzip
import io
import json
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from tests.support.living import BEGIN, SERVICE, lines, rows

NDJSON, ARROW = "application/x-ndjson", "application/vnd.apache.arrow.stream"
DEEP = b"[" * 100_000
HUGE = b'{"time": 1e999, "x": ' + b"9" * 5000 + b"}"
ODD = [
    b"", b"\n", b"null", b"[]", b"{}", b'""', b"7", b"\x00", b"\xff\xfe", b"{", DEEP, b'{"a":' * 9000, HUGE,
    b'{"time": "\\ud800", "request_id": "\\u0000", "x": 1}', b'{"time": null}', b'{"time": true}', b'{"time": []}',
    b'{"time": {"a": 1}, "x": {}}', b'{"time": "2026-01-19T00:00:00Z", "x": "\\u0000", "version": ["B"]}',
    b'{"time": "2026-01-19T00:00:00Z", "request_id": "\\u0000\\ud800", "version": "\\u0000", "status": {"a": 1}}',
    b'{"time": "0001-01-01T00:00:00+14:00"}', b'{"time": 9e18}', b'{"time": -9223372036854775808, "x": NaN}',
    b'{"": 1, "": 2}', b'{"time": 1, "time": 2}', b'{"label": 1, "request_id": "r1", "label_time": "x"}',
    b'{"at": "9999-12-31T23:59:59-12:00", "kind": "deploy", "what": "x"}', b'{"at": 7, "kind": 7, "what": 7}',
    b'{"at": "2026-01-19T00:00:00Z", "kind": "\\ud800", "what": "\\u0000", "text": "\\ud800\\u0000", "job": "\\u0000",'
    b' "state": "\\ud800", "run": NaN}',
    b'{"kind": "deploy", "what": "x", "version": {"a": [1]}, "segment": "no", "link": 7, "job": [1], "state": {}}',
    b'{"alerts": [{"labels": [], "startsAt": 7}, {"labels": {"service": ["x"]}}, null, {"startsAt": "0001-01-01"}]}',
    b'{"alerts": [{"labels": {"service": "pricing", "a": "\\ud800\\u0000"}, "startsAt": "9999-12-31T23:59:59-14:00"}]}',
    b'{"alerts": [{"labels": {"service": "pricing", "a": "\\ud800\\u0000"}, "fingerprint": "\\ud800"}]}',
    b'{"to": "\\ud800"}', b'{"to": {}}', b'{"text": "\\ud800\\u0000"}', b'{"text": "\\u0000", "measure": "\\ud800"}',
    b'{"service": "pricing", "title": "\\ud800"}', b'{"service": "pricing", "title": "\\u0000", "severity": ""}',
    b'{"service": "\\ud800", "title": "x"}', b'{"role": "\\ud800", "person": "\\u0000", "to": "\\ud800", "text": "x"}',
    b'{"action": "rollback", "params": {"to": "\\u0000\\ud800", "from": {}}, "hours": 1e308}',
    b'{"action": "fallback", "params": {"rung": "last known good", "segment": {"a": [1]}}}',
    b'{"action": "route_share", "params": {"version": "B", "to": "A", "share": NaN}}',
    b'{"action": "\\ud800", "hours": 1e-300}',
]  # fmt: skip


def arrows() -> list[bytes]:
    """Arrow streams of every odd sort."""
    time = pa.array([BEGIN, None], pa.timestamp("us", tz="UTC"))
    tables = [
        pa.table({}),
        pa.table({"time": time}),
        pa.table([time, time], names=["time", "time"]),
        pa.table({"time": pa.array([1, 2])}),
        pa.table({"time": pa.array([[1], []]), "x": pa.array([{"a": 1}, None])}),
        pa.table({"time": time, "x": pa.array([1, None], pa.decimal128(30, 2)), "version": pa.array([b"\xff", None])}),
        pa.table({"time": time, "request_id": pa.array(["a", "a"]).dictionary_encode(), "status": pa.nulls(2)}),
        pa.table({"time": pa.array([2**62, -(2**62)], pa.timestamp("ns")), "x": pa.array([1.0, float("nan")])}),
        pa.table({"time": pa.array([1, 2], pa.time64("us")), "x": pa.array([1, 2], pa.duration("s"))}),
        pa.table({"": pa.array([1, 2]), "time": time}),
        pa.table({"time": pa.array([7, 8], pa.date32()), "x": pa.array([[1.0], [2.0]], pa.list_(pa.float64(), 1))}),
    ]  # fmt: skip
    found = []
    for table in tables:
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        found.append(sink.getvalue())
    rng = Random("cut arrows")
    for body in list(found):
        found += [body[: rng.randrange(len(body))] for _ in range(3)]
        broken = bytearray(body)
        for _ in range(8):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        found.append(bytes(broken))
    return found


def asked(api: Any) -> list[str]:
    """Every address that takes a body, filled in."""
    one = api.living
    known = {"{incident}": one.incident.id, "{name}": SERVICE, "{service}": SERVICE}
    addresses = []
    for path, methods in api.app.openapi()["paths"].items():
        if "post" in methods and not path.endswith("{command}"):
            for name, value in known.items():
                path = path.replace(name, value)
            addresses.append(path)
    commands = ("ack", "note", "approve", "free", "role", "move", "waive", "resolve", "\u00e9%00")
    return [*addresses, *(f"/v1/incidents/{one.incident.id}/{c}" for c in commands), "/v1/incidents/%00/ack"]


def test_no_body_breaks_anything(burning: Any) -> None:
    addresses = asked(burning)
    assert len(addresses) > 14
    for address in addresses:
        for body in ODD:
            for form in (NDJSON, "application/json"):
                answer = burning.here.post(
                    address, content=body, params={"service": SERVICE}, headers={"Content-Type": form}
                )
                assert answer.status_code < 500, (address, body[:200], answer.text[:300])
    goes_on(burning)


def goes_on(api: Any) -> None:
    """Good rows are still taken, counted and judged."""
    one, name = api.living, api.living.store.incidents(SERVICE)[0]
    taken = api.here.post(
        "/v1/events", content=lines(rows(one.clock.now(), one.clock.now() + (one.clock.now() - BEGIN) / 50)),
        params={"service": SERVICE},
    )  # fmt: skip
    assert taken.json()["taken"] > 0
    one.running.beat()
    assert one.running.trouble(SERVICE) == ""
    assert not one.pulse.counting.waits
    for path in ("/v1/services", "/v1/incidents", f"/v1/incidents/{name}", "/metrics", "/"):
        assert api.here.get(path).status_code == 200, path


@pytest.mark.parametrize("path", ["/v1/events", "/v1/labels"])
def test_no_arrow_stream_breaks_anything(burning: Any, path: str) -> None:
    for body in arrows():
        answer = burning.here.post(
            path, content=body, params={"service": SERVICE}, headers={"Content-Type": ARROW}
        )
        assert answer.status_code < 500, (body[:80], answer.text[:300])
    goes_on(burning)


def test_no_packing_breaks_anything(burning: Any) -> None:
    whole = gzip.compress(lines(rows(BEGIN, burning.living.clock.now())))
    rng = Random("cut gzip")
    bodies = [whole[: rng.randrange(len(whole))] for _ in range(10)]
    bodies += [b"", b"\x1f\x8b", whole + b"rubbish", b"plain", gzip.compress(b"\0" * (65 << 20))]
    for path in ("/v1/events", "/v1/changes", "/v1/reports"):
        for body in bodies:
            answer = burning.here.post(
                path, content=body, params={"service": SERVICE}, headers={"Content-Encoding": "gzip"}
            )
            assert answer.status_code in (200, 413, 422), (path, len(body), answer.text[:200])
        for coding in ("br", "deflate", "gzip, gzip", "\u00e9".encode("latin-1")):
            answer = burning.here.post(
                path, content=whole, params={"service": SERVICE}, headers={"Content-Encoding": coding}
            )
            assert answer.status_code in (415, 422), (path, coding, answer.text[:200])
    goes_on(burning)


def test_no_parameter_or_header_breaks_anything(burning: Any) -> None:
    name = burning.living.incident.id
    odd = ["", "\u00e9", "\x00", "../..", "x" * 5000, "-1", "nan", "1e400", "%", "inc-\ud7ff", "0" * 400]
    for value in odd:
        for path in (
            "/v1/services/",
            "/v1/incidents/",
            "/v1/switches/",
            "/services/",
            "/incidents/",
            "/assets/",
        ):
            from urllib.parse import quote

            assert burning.here.get(path + quote(value, safe="")).status_code < 500, (path, value)
        for path, query in (
            ("/v1/incidents", "service"), ("/v1/incidents", "limit"), ("/v1/incidents", "open"),
            (f"/v1/switches/{SERVICE}", "wait"), ("/incidents", "page"), ("/incidents", "state"),
        ):  # fmt: skip
            if not (query == "wait" and value.strip("0") == ""):
                answer = burning.here.get(path, params={query: value}, headers={"If-None-Match": '"9"'})
                assert answer.status_code < 500, (path, query, value)
        for header in ("Idempotency-Key", "Content-Type", "If-None-Match", "Fireline-Guard", "Authorization"):
            told = {header: value.replace("\x00", "\x01").encode("utf-8")}
            for path in ("/v1/events", "/v1/changes"):
                body = lines(rows(BEGIN, burning.living.clock.now())[:1])
                answer = burning.here.post(path, content=body, params={"service": SERVICE}, headers=told)
                assert answer.status_code < 500, (path, header, value, answer.text[:200])
    assert burning.here.get(f"/v1/incidents/{name}").status_code == 200
    goes_on(burning)


def test_docs_tell_every_endpoint(burning: Any) -> None:
    page = burning.here.get("/docs")
    assert page.status_code == 200
    told = burning.here.get("/openapi.json").json()
    for path, methods in told["paths"].items():
        for method in methods:
            assert f"<b>{method.upper()}</b> {path}" in page.text
    assert "http://127.0.0.1/v1/events?service=pricing" in page.text
    assert "cdn" not in page.text
    assert "<script>" not in page.text
    assert burning.client().get("/docs").status_code == 401
    assert 'href="/docs"' in burning.here.get("/about").text
    for line in page.text.split("<pre>")[1:]:
        assert line.startswith("curl ")


def test_every_endpoint_says_what_it_does(burning: Any) -> None:
    for path, methods in json.loads(burning.here.get("/openapi.json").text)["paths"].items():
        for method, one in methods.items():
            assert one.get("description"), f"{method} {path}"
            assert one.get("tags"), f"{method} {path}"
