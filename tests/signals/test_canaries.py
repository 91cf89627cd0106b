"""Canaries through a real HTTP service: right and wrong answers, and none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fireline.cli.entry import main
from fireline.clock import ManualClock, iso
from fireline.live.probing import Probing, result, sent
from fireline.probes import Answer, kinds
from fireline.probes._expected import wrong
from fireline.runbook.canaries import Canary, Expected
from tests.support.living import BEGIN, RUNBOOK, SERVICE, write_book


class Model(BaseHTTPRequestHandler):
    """Answers a score, as a model does; what it was asked is kept."""

    asked: ClassVar[list[tuple[Any, Any]]] = []
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Model.asked.append((json.loads(body), self.headers.get("Authorization")))
        said = json.dumps({"score": 0.71, "result": [{"label": "refund", "ok": True}]}).encode()
        self.send_response(Model.status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *about: Any) -> None:
        return


@pytest.fixture
def model() -> Iterator[str]:
    """A model service on this machine; its address."""
    Model.asked, Model.status = [], 200
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/predict"
    server.shutdown()
    server.server_close()


def canary(url: str, **more: Any) -> Canary:
    return Canary.model_validate(
        {"name": "refund", "url": url, "body": {"x": 1}, "allow_private": True, "timeout": "30s", **more}
    )


def test_a_right_answer_is_a_good_run(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_TOKEN", "s3cret")
    one = canary(
        model,
        headers={"Authorization": "env:MODEL_TOKEN"},
        expect={
            "values": {"score": [0.5, 0.9], "result.0.label": "refund", "result.0.ok": True},
            "within": "30s",
        },
    )
    row = result(one, sent(one), BEGIN)
    assert (row["kind"], row["name"], row["ok"]) == ("canary", "refund", True)
    assert "message" not in row
    assert Model.asked == [({"x": 1}, "s3cret")]


@pytest.mark.parametrize(
    ("expect", "says"),
    [
        ({"status": 201}, "answered 200, not 201"),
        ({"values": {"score": [0.8, 0.9]}}, "has score = 0.71, not within 0.8 to 0.9"),
        ({"values": {"result.3.label": "refund"}}, "has no result.3.label"),
        ({"values": {"result.0.ok": 1}}, "has result.0.ok = true, not 1.0"),
        ({"contains": "sorry"}, "lacks the text it must hold"),
        ({"lacks": "refund"}, "holds text it must not hold"),
    ],
)
def test_a_wrong_answer_says_what_is_wrong(model: str, expect: dict[str, Any], says: str) -> None:
    one = canary(model, expect=expect)
    row = result(one, sent(one), BEGIN)
    assert (row["ok"], row["message"]) == (False, says)


def test_a_service_that_is_not_there_is_a_failed_run() -> None:
    row = result(canary("http://127.0.0.1:9/"), sent(canary("http://127.0.0.1:9/")), BEGIN)
    assert row["ok"] is False
    assert "cannot be reached" in row["message"]


def test_private_addresses_are_barred_unless_the_runbook_allows_them(model: str) -> None:
    one = canary(model.replace("http://", "https://"), allow_private=False)
    assert "this machine" in sent(one).trouble
    assert Model.asked == []


def test_a_late_answer_is_wrong() -> None:
    expect = Expected(within=timedelta(milliseconds=250))
    assert "took 300 ms" in wrong(expect, Answer(200, "", 300.0))


def test_secrets_do_not_stand_in_runbooks() -> None:
    with pytest.raises(ValueError, match="env:NAME"):
        canary("https://example.com", headers={"Authorization": "Bearer abc"})


def test_every_kind_of_probe_can_be_named_in_a_runbook() -> None:
    assert set(kinds()) == set(Canary.model_fields["kind"].annotation.__args__)


def test_a_server_sends_them_when_they_are_due(model: str) -> None:
    clock = ManualClock(BEGIN)
    taken: list[tuple[str, str, bytes]] = []

    class Book:
        canaries = (canary(model, every="1m"),)

    class Stub:
        leads, drill = True, False
        runbooks: ClassVar = {SERVICE: Book()}

        def __init__(self) -> None:
            self.clock = clock

        def take(self, service: str, kind: str, body: bytes, form: str, key: str, encoding: str) -> None:
            taken.append((service, key, body))

    running: Any = Stub()
    probing = Probing(running)
    for seconds in (0, 10, 20, 61, 70):
        clock.move_to(BEGIN + timedelta(seconds=seconds))
        probing(running)
        for flying in probing._flying.values():
            flying.result(timeout=60)
    later = iso(BEGIN + timedelta(seconds=61))
    assert [key for _, key, _ in taken] == [f"canary:refund:{at}" for at in (iso(BEGIN), later)]
    assert all(json.loads(body)["ok"] for _, _, body in taken)


def test_the_command_shows_what_came_back(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = write_book(tmp_path)
    place.write_text(
        RUNBOOK + f"canaries:\n  - {{name: refund, url: '{model}', body: {{x: 1}}, allow_private: true, "
        "expect: {values: {score: [0.5, 0.9]}}}\n"
    )  # fmt: skip
    assert main(["canary", str(place)]) == 0
    assert "right" in capsys.readouterr().out
    Model.status = 500
    assert main(["canary", str(place)]) == 1
    assert "answered 500, not 200" in capsys.readouterr().out
