"""Every endpoint of the API against the real loop: what it takes, what it answers, how it refuses."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
import re
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from fireline import commands
from fireline.clock import iso
from fireline.live.keys import switch_key
from fireline.store.facts import read_facts
from tests.support.living import BEGIN, SERVICE, lines, rows

NOW = iso(BEGIN)
MINUTE = timedelta(minutes=1)
NDJSON = {"Content-Type": "application/x-ndjson"}


def sent(api: Any, path: str, body: bytes, headers: dict[str, str] | None = None, **query: str) -> Any:
    return api.here.post(path, content=body, params=query, headers=NDJSON | (headers or {}))


def problem(answer: Any, status: int) -> dict[str, Any]:
    """What is wrong, in the shape every error has."""
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    assert told["error"]
    assert told["todo"], told
    return told


# -- telemetry ----------------------------------------------------------------------------------------------


def test_events_are_taken_once_per_key(api: Any) -> None:
    body = lines(rows(BEGIN - 5 * MINUTE, BEGIN))
    key = {"Idempotency-Key": "batch-1"}
    first = sent(api, "/v1/events", body, key, service=SERVICE).json()
    assert (first["taken"], first["duplicate_batch"], first["quarantined"]) == (20, False, [])
    again = sent(api, "/v1/events", body, key, service=SERVICE).json()
    assert (again["taken"], again["duplicate_batch"]) == (0, True)
    zipped = sent(api, "/v1/events", gzip.compress(body), {"Content-Encoding": "gzip"}, service=SERVICE)
    assert zipped.json()["taken"] == 20
    api.living.running.beat()
    view = api.here.get(f"/v1/services/{SERVICE}").json()
    assert view["events"] == 20
    assert view["duplicates"] == 20


def test_bad_rows_are_answered_and_good_ones_taken(api: Any) -> None:
    good = rows(BEGIN - MINUTE, BEGIN)
    body = lines(good[:2]) + b'{"time": "soon", "x": 1}\n' + b"{not json\n" + lines(good[2:])
    told = sent(api, "/v1/events", body, service=SERVICE).json()
    assert told["taken"] == 4
    assert [(q.get("row"), q.get("line")) for q in told["quarantined"]] == [(4, 4), (3, 3)]
    assert told["quarantined_rows"] == 2
    assert all(q["reason"] and q["todo"] for q in told["quarantined"])


def test_labels_are_taken(api: Any) -> None:
    body = lines([{"request_id": "r1", "label": 1, "label_time": NOW}])
    told = sent(api, "/v1/labels", body, service=SERVICE).json()
    assert (told["taken"], told["labels"], told["events"]) == (1, 1, 0)


@pytest.mark.parametrize("path", ["/v1/events", "/v1/labels"])
def test_an_unknown_service_is_refused_with_those_there_are(api: Any, path: str) -> None:
    told = problem(sent(api, path, b"{}\n", service="other"), 422)
    assert SERVICE in told["todo"]


def test_pressure_says_when_to_come_again(api: Any) -> None:
    api.living.door.spool.limit = 0
    answer = sent(api, "/v1/events", lines(rows(BEGIN - MINUTE, BEGIN)), service=SERVICE)
    told = problem(answer, 429)
    assert told["permanent"] is False
    assert int(answer.headers["Retry-After"]) > 0


def test_a_full_disk_is_a_503_to_be_tried_again(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fireline.live.spool.os.fsync", full)
    answer = sent(api, "/v1/events", lines(rows(BEGIN - MINUTE, BEGIN)), service=SERVICE)
    assert problem(answer, 503)["permanent"] is False
    assert answer.headers["Retry-After"]
    monkeypatch.undo()
    assert sent(api, "/v1/events", lines(rows(BEGIN - MINUTE, BEGIN)), service=SERVICE).json()["taken"] == 4


FACTS = {
    "change": ("/v1/changes", {"at": NOW, "kind": "deploy", "what": "model B", "version": "B"}),
    "report": ("/v1/reports", {"at": NOW, "request_id": "r1", "text": "the price is absurd"}),
    "job": ("/v1/jobs", {"at": NOW, "job": "train", "run": "81", "state": "failed"}),
}


@pytest.mark.parametrize("kind", sorted(FACTS))
def test_a_fact_told_twice_counts_once(api: Any, kind: str) -> None:
    path, row = FACTS[kind]
    first = sent(api, path, lines([row]), service=SERVICE).json()
    again = sent(api, path, lines([row, row]), service=SERVICE).json()
    assert (first["taken"], first["new"], again["taken"], again["new"]) == (1, 1, 2, 0)
    assert len(read_facts(api.living.store, kind, SERVICE)) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(FACTS))
def test_bad_facts_are_answered_line_by_line(api: Any, kind: str) -> None:
    path, row = FACTS[kind]
    body = b"\n".join(
        [
            b"[1]",
            b"{",
            b'{"at": "soon"}',
            b'{"at": "0001-01-01T00:00:00+14:00"}',
            b"\xff",
            json.dumps(row).encode(),
        ]
    )
    told = sent(api, path, body, service=SERVICE).json()
    assert told["taken"] == 1
    assert [q["row"] for q in told["quarantined"]] == [1, 2, 3, 4, 5]
    assert all(q["reason"] for q in told["quarantined"])
    problem(sent(api, path, b"\n\n", service=SERVICE), 422)
    problem(sent(api, path, b"{}\n" * 10_001, service=SERVICE), 422)


def test_a_change_told_is_seen_in_the_service(api: Any) -> None:
    sent(api, "/v1/changes", lines([FACTS["change"][1]]), service=SERVICE)
    view = api.here.get(f"/v1/services/{SERVICE}").json()
    assert [c["what"] for c in view["changes"]] == ["model B"]


def alert(**more: Any) -> dict[str, Any]:
    usual = {
        "status": "firing", "labels": {"alertname": "HighLatency", "service": SERVICE}, "annotations": {},
        "startsAt": NOW, "fingerprint": "f1", "generatorURL": "http://prometheus/graph",
    }  # fmt: skip
    return usual | more


def test_alertmanagers_webhook_is_kept_beside_the_service(api: Any) -> None:
    body = {
        "version": "4",
        "status": "firing",
        "alerts": [alert(), alert(), alert(labels={"service": "other"}), 7],
    }
    told = api.here.post("/v1/alertmanager", json=body).json()
    assert (told["taken"], told["new"], [q["row"] for q in told["quarantined"]]) == (2, 1, [3, 4])
    resolved = {"alerts": [alert(status="resolved")]}
    assert api.here.post("/v1/alertmanager", json=resolved).json()["new"] == 1
    (first, _) = read_facts(api.living.store, "alert", SERVICE)
    assert first.body["labels"]["alertname"] == "HighLatency"
    for wrong in (b"", b"[]", b"{}", b'{"alerts": 3}', b"\xff"):
        problem(api.here.post("/v1/alertmanager", content=wrong), 422)


# -- switches -----------------------------------------------------------------------------------------------


def roll_back(api: Any) -> None:
    one = api.living
    commands.approve(one.store, one.clock, one.incident.id, None, "ada")
    one.running.wake()


def test_before_any_switch_there_is_an_empty_one_signed(api: Any) -> None:
    answer = api.here.get(f"/v1/switches/{SERVICE}")
    assert answer.headers["ETag"] == '"0"'
    told = answer.json()
    switch = json.loads(told["switch"])
    assert (switch["version"], switch["routes"], switch["service"]) == (0, [], SERVICE)
    key = bytes.fromhex(switch_key(api.living.store, SERVICE))
    assert hmac.new(key, told["switch"].encode(), hashlib.sha256).hexdigest() == told["signature"]
    problem(api.here.get("/v1/switches/other"), 422)


def test_a_switch_that_was_put_is_given_out_with_the_clock_of_the_drill(burning: Any) -> None:
    roll_back(burning)
    answer = burning.here.get(f"/v1/switches/{SERVICE}", headers={"If-None-Match": '"0"'}, params={"wait": 5})
    switch = json.loads(answer.json()["switch"])
    assert answer.headers["ETag"] == f'"{switch["version"]}"'
    assert [r["version"] for r in switch["routes"]] == ["A"]
    assert answer.headers["Fireline-Clock"] == iso(burning.living.clock.now())
    burning.living.running.drill = False
    assert "Fireline-Clock" not in burning.here.get(f"/v1/switches/{SERVICE}").headers


@pytest.mark.parametrize("tag", ['"0"', "0", 'W/"0"'])
def test_nothing_newer_is_a_304_after_the_wait(api: Any, tag: str) -> None:
    began = time.monotonic()
    answer = api.here.get(f"/v1/switches/{SERVICE}", headers={"If-None-Match": tag}, params={"wait": 0.4})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["ETag"] == '"0"'
    assert time.monotonic() - began > 0.3


@pytest.mark.parametrize("tag", ["", "*", '"x"', '"-1"', '"\u00b2"', '"7"'])
def test_any_other_tag_is_answered_at_once(api: Any, tag: str) -> None:
    answer = api.here.get(
        f"/v1/switches/{SERVICE}", headers={"If-None-Match": tag.encode("latin-1")}, params={"wait": 9}
    )
    assert answer.status_code == 200


def test_who_waits_wakes_when_a_switch_is_put_and_other_news_keeps_nobody_longer(burning: Any) -> None:
    async def play() -> tuple[float, Any, float, Any]:
        transport = httpx.ASGITransport(burning.app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            about = {"headers": {"If-None-Match": '"0"'}, "timeout": 120}
            chatter = asyncio.create_task(_chatter(burning.living.running))
            began = time.monotonic()
            nothing = await asyncio.wait_for(client.get(f"/v1/switches/{SERVICE}?wait=1", **about), 60)
            waited = time.monotonic() - began
            asked = asyncio.create_task(client.get(f"/v1/switches/{SERVICE}?wait=50", **about))
            await asyncio.sleep(0.2)
            assert not asked.done()
            began = time.monotonic()
            await asyncio.to_thread(roll_back, burning)
            found = await asked
            chatter.cancel()
            return waited, nothing, time.monotonic() - began, found

    waited, nothing, took, found = asyncio.run(play())
    assert nothing.status_code == 304
    assert waited < 25, "news of other things must not make the wait longer than asked"
    assert found.status_code == 200
    assert took < 25, "it did not sleep on until its time was over"


async def _chatter(running: Any) -> None:
    while True:
        running.news.told()
        await asyncio.sleep(0.05)


def test_guards_that_ask_are_known_and_strange_ones_harm_nothing(api: Any) -> None:
    for said in (
        "gate-1;version=3;stale=1",
        "odd",
        ";;;=",
        "gate-2;version=\u00b2;stale=x",
        "gate-3;version=-1",
        "x" * 300,
    ):
        answer = api.here.get(f"/v1/switches/{SERVICE}", headers={"Fireline-Guard": said.encode("latin-1")})
        assert answer.status_code == 200, said
    view = api.here.get(f"/v1/services/{SERVICE}").json()
    known = {g["id"]: (g["obeys"], g["stale"]) for g in view["guards"]}
    assert known["gate-1"] == (3, True)
    assert known["gate-2"] == (0, False)
    api.here.get("/v1/switches/other", headers={"Fireline-Guard": "stranger;version=1"})
    assert not [key for key in api.living.running.guards._seen if key[0] == "other"]


# -- incidents ----------------------------------------------------------------------------------------------


def test_services_and_incidents_are_told(burning: Any) -> None:
    (service,) = burning.here.get("/v1/services").json()
    assert service["service"] == SERVICE
    (brief,) = burning.here.get("/v1/incidents", params={"open": "true"}).json()
    assert brief["state"] == "containing"
    assert "timeline" not in brief
    whole = burning.here.get(f"/v1/incidents/{brief['id']}").json()
    assert whole["timeline"][0]["kind"] == "opened"
    assert burning.here.get("/v1/incidents", params={"service": "other"}).json() == []
    problem(burning.here.get("/v1/incidents/inc-none"), 404)
    problem(burning.here.get("/v1/services/other"), 422)


def test_a_command_is_obeyed_before_it_is_answered(burning: Any) -> None:
    name = burning.living.incident.id
    told = burning.here.post(f"/v1/incidents/{name}/approve", json={"text": "go"}).json()
    assert told["measures"][0]["state"] == "applied"
    assert [e["kind"] for e in told["timeline"]].count("approved") == 1
    again = problem(burning.here.post(f"/v1/incidents/{name}/approve", json={}), 409)
    assert "no measure that is asked" in again["error"]


@pytest.mark.parametrize(
    ("command", "body", "status"),
    [
        ("ack", {}, 200), ("note", {"text": "hello"}, 200), ("note", {"text": "  "}, 409), ("deny", {}, 200),
        ("undo", {}, 409), ("keep", {}, 409), ("free", {}, 200), ("resolve", {}, 409),
        ("resolve", {"text": "no"}, 409),
        ("move", {"to": "nowhere", "text": "x"}, 409), ("move", {"to": "triaging"}, 409),
        ("move", {"to": "contained", "text": "x"}, 409), ("role", {"role": "king"}, 409),
        ("role", {"role": "ops"}, 200), ("waive", {}, 409), ("waive", {"text": "low harm"}, 200),
        ("approve_review", {}, 409), ("approve", {"measure": "msr-none"}, 409), ("dance", {}, 422),
        ("note", {"text": "x" * 5000}, 422), ("note", {"text": 7}, 422),
    ],
)  # fmt: skip
def test_every_command_answers_what_came_of_it(burning: Any, command: str, body: Any, status: int) -> None:
    name = burning.living.incident.id
    before = len(burning.living.incident.timeline)
    answer = burning.here.post(f"/v1/incidents/{name}/{command}", json=body)
    assert answer.status_code == status, answer.text
    if status == 200:
        assert len(answer.json()["timeline"]) > before
    else:
        assert len(burning.living.incident.timeline) == before
    if status == 409:
        problem(answer, 409)


def test_an_incident_is_declared_in_the_mode_of_the_server(api: Any) -> None:
    body = {"service": SERVICE, "title": "prices look absurd", "severity": "sev2"}
    told = api.here.post("/v1/incidents", json=body)
    assert told.status_code == 201
    assert (told.json()["severity"], told.json()["mode"]) == ("SEV2", "drill")
    problem(api.here.post("/v1/incidents", json=body | {"service": "other"}), 422)
    problem(api.here.post("/v1/incidents", json=body | {"severity": "SEV9"}), 409)
    problem(api.here.post("/v1/incidents", json=body | {"title": " "}), 409)
    told = problem(api.here.post("/v1/incidents", json={"service": SERVICE}), 422)
    assert told["error"] == "body.title: Field required"


def test_a_person_takes_a_measure_of_their_own(burning: Any) -> None:
    name = burning.living.incident.id
    burning.here.post(f"/v1/incidents/{name}/deny", json={})
    step = {
        "action": "route_share",
        "params": {"version": "B", "share": 0.1, "to": "A"},
        "text": "a tenth",
        "hours": 2,
    }
    told = burning.here.post(f"/v1/incidents/{name}/measures", json=step)
    assert told.status_code == 201, told.text
    assert told.json()["measures"][-1]["state"] == "applied"
    for wrong in (
        {"action": "dance"}, {"action": "rollback"}, {"action": "rollback", "params": {"to": 7}},
        {"action": "fallback", "params": {"rung": None}}, {"action": "route_share", "params": {"share": "x"}},
        {"action": "keep", "params": {}}, {"action": "restore", "params": {"measure": "none"}},
        step | {"hours": 0}, step | {"hours": "nan"}, step | {"params": []},
    ):  # fmt: skip
        answer = burning.here.post(f"/v1/incidents/{name}/measures", json=wrong)
        assert answer.status_code in (409, 422), (wrong, answer.status_code, answer.text)


# -- health -------------------------------------------------------------------------------------------------


def test_health_and_readiness(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.client().get("/healthz").json() == {"status": "ok"}
    api.living.running.beat()
    assert api.here.get("/readyz").json() == {"status": "ready"}
    api.living.running.turns.standing[SERVICE].trouble = "the lake is gone"
    assert api.here.get("/readyz").status_code == 503


SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? ([0-9.eE+-]+|NaN|[+-]Inf)')


def test_metrics_follow_the_rules_of_prometheus_text(burning: Any) -> None:
    told = burning.here.get("/metrics")
    assert told.headers["content-type"].startswith("text/plain")
    assert told.text.endswith("\n")
    kinds: dict[str, str] = {}
    helped: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for line in told.text.splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split()[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in kinds
            assert kind in ("counter", "gauge")
            kinds[name] = kind
        else:
            found = SAMPLE.fullmatch(line)
            assert found, line
            name, labels = found[1], found[2] or ""
            assert name in kinds, "the type comes before the sample"
            assert kinds[name] != "counter" or name.endswith("_total")
            assert (name, labels) not in seen
            seen.add((name, labels))
            float(found[3])
    assert helped == set(kinds)
    assert ("fireline_events_total", f'service="{SERVICE}"') in seen
    assert any(name == "fireline_incidents_open" for name, _ in seen)


def test_the_drill_clock_moves_forward_only_and_not_by_years(api: Any) -> None:
    to = iso(BEGIN + 7 * MINUTE)
    assert api.here.post("/v1/drill/clock", json={"to": to}).json() == {"now": to}
    assert api.here.post("/v1/drill/clock", json={"to": NOW}).json() == {"now": to}
    for wrong in (
        "soon",
        "",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
    ):
        problem(api.here.post("/v1/drill/clock", json={"to": wrong}), 422)


# -- who may ------------------------------------------------------------------------------------------------


def test_a_token_of_one_service_speaks_of_no_other(api: Any) -> None:
    mine, other = api.token("guard", SERVICE), api.token("guard", "other")
    body = lines(rows(BEGIN - MINUTE, BEGIN))
    assert mine.post("/v1/events", content=body, params={"service": SERVICE}).status_code == 200
    assert mine.get(f"/v1/switches/{SERVICE}").status_code == 200
    for path in ("/v1/events", "/v1/labels"):
        assert other.post(path, content=body, params={"service": SERVICE}).status_code == 403
    assert other.get(f"/v1/switches/{SERVICE}").status_code == 403
    for path, row in FACTS.values():
        assert other.post(path, content=lines([row | {"service": SERVICE}])).status_code == 403
        assert other.post(path, content=lines([row]), params={"service": SERVICE}).status_code == 403
        assert mine.post(path, content=lines([row]), params={"service": SERVICE}).status_code == 200
    assert other.post("/v1/alertmanager", json={"alerts": [alert()]}).status_code == 403
    assert read_facts(api.living.store, "alert") == []
    assert mine.get("/v1/incidents").status_code == 403


def test_an_ingest_token_gets_no_switches_and_a_switches_token_sends_nothing(api: Any) -> None:
    assert api.token("ingest", SERVICE).get(f"/v1/switches/{SERVICE}").status_code == 403
    asks = api.token("switches", SERVICE)
    assert asks.post("/v1/events", content=b"{}", params={"service": SERVICE}).status_code == 403
    assert asks.get(f"/v1/switches/{SERVICE}").status_code == 200


def test_a_strangers_request_is_refused_with_what_to_do(api: Any) -> None:
    told = problem(api.client().get("/v1/incidents"), 401)
    assert "token" in told["todo"].lower()
