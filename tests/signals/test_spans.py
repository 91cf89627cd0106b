"""GenAI spans of a service that takes its events from them: events, once, and no text of theirs kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fireline.cli.entry import main
from fireline.clock import SystemClock
from fireline.live.book import open_books
from fireline.live.running import Running
from fireline.runbook.load import load
from fireline.runbook.spans import Spans
from fireline.store import Store
from fireline.telemetry.otlp.genai import only, parted
from fireline.web.app import create_app
from fireline.web.auth import Access
from tests.docs.test_docs import commands
from tests.support.listening import listening

PAGE = "docs/guides/watch-texts-and-schemas.md"
SERVICE = "support-chat"
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
WORDS = ["where", "is", "my", "order", "refund", "please", "late", "parcel", "thanks", "help"]


def attribute(name: str, value: Any) -> dict[str, Any]:
    return {"key": name, "value": typed(value)}


def typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [typed(one) for one in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [attribute(*pair) for pair in value.items()]}}
    return {"stringValue": value}


def span(at: datetime, took: float = 100.0, events: Sequence[tuple[str, dict]] = (), **told: Any) -> dict:
    end = int(at.timestamp() * 1e9)
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": f"{end % 10**16:016x}", "kind": 3,
        "startTimeUnixNano": str(end - int(took * 1e6)), "endTimeUnixNano": str(end),
        "attributes": [attribute(name.replace("__", "."), value) for name, value in told.items()],
        "events": [
            {"name": name, "attributes": [attribute(*pair) for pair in known.items()]}
            for name, known in events
        ],
    }  # fmt: skip


def request(spans: list[dict], service: str = SERVICE) -> dict[str, Any]:
    resource = {"attributes": [attribute("service.name", service), attribute("host.name", "pod-7")]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}


def rows(spans: list[dict], **more: Any) -> list[dict[str, Any]]:
    return [row for _, row in parted(request(spans), "", lambda name: Spans(**more))[1]]


def said(role: str, text: str, *parts: dict) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}, *parts]}])


CHAT = {
    "gen_ai__operation__name": "chat",
    "gen_ai__request__model": "asked",
    "gen_ai__response__model": "m-2",
}


def test_a_chat_is_an_event_with_what_the_conventions_name():
    told = CHAT | {
        "gen_ai__response__id": "chatcmpl-1", "gen_ai__usage__input_tokens": 12,
        "gen_ai__usage__output_tokens": 40, "gen_ai__request__temperature": 0.2,
        "gen_ai__response__finish_reasons": ["stop", "length"], "gen_ai__conversation__id": "c-9",
        "gen_ai__input__messages": json.dumps([
            {"role": "system", "parts": [{"type": "text", "content": "be kind"}]},
            {"role": "user", "parts": [{"type": "text", "content": "where is it?"}]},
        ]),
        "gen_ai__output__messages": said("assistant", "there", {"type": "tool_call", "name": "find"}),
        "app__region": "eu",
    }  # fmt: skip
    (row,) = rows([span(SINCE, 250.0, **told)], attributes={"region": "app.region", "zone": "none.such"})
    assert row == {
        "time": "2026-03-01T00:00:00Z", "request_id": "chatcmpl-1", "latency_ms": 250.0, "status": "ok",
        "version": "m-2", "operation": "chat", "input_tokens": 12, "output_tokens": 40, "temperature": 0.2,
        "finish_reason": "length,stop", "source": "c-9", "host": "pod-7", "prompt": "where is it?",
        "answer": "there", "tools": '["find"]', "region": "eu",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "events", "flags"),
    [
        ({"gen_ai.evaluation.toxicity": 0.9}, (), {"toxic"}),
        ({"gen_ai.evaluation.toxicity": 0.2, "gen_ai.evaluation.pii": True}, (), {"pii"}),
        ({}, [("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "Jailbreak",
                                            "gen_ai.evaluation.score.value": 0.8})], {"jailbreak"}),
        ({}, [("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "hate",
                                            "gen_ai.evaluation.score.label": "pass",
                                            "gen_ai.evaluation.score.value": 0.8})], set()),
        ({"app.moderation": '{"results": [{"flagged": true, "categories": {"hate": true}}]}'}, (),
         {"flagged", "toxic"}),
        ({}, [("moderated", {"moderation_result": {"categories": {"sexual": False, "pii": True}}})], {"pii"}),
        ({"gen_ai.response.finish_reasons": ["content_filter"]}, (), {"refusal"}),
        ({"gen_ai.response.finish_reasons": ["stop"]}, (), set()),
    ],
)  # fmt: skip
def test_evaluations_and_moderation_results_are_flags(told, events, flags):
    named = {name.replace(".", "__"): value for name, value in told.items()}
    (row,) = rows([span(SINCE, events=events, **CHAT, **named)])
    assert {name for name, value in row.items() if value is True} == flags
    kept = only(row, {"time", "version"}, ["toxic", "pii"])
    assert kept == {"time": row["time"], "version": "m-2", "toxic": "toxic" in flags, "pii": "pii" in flags}


def test_older_forms_of_messages_are_read():
    happened = [
        ("gen_ai.user.message", {"content": "hello"}),
        ("gen_ai.choice", {"message": '{"role": "assistant", "content": "hi", "tool_calls": '
                           '[{"function": {"name": "look"}}]}'}),
    ]  # fmt: skip
    (row,) = rows([span(SINCE, events=happened, **CHAT)])
    assert (row["prompt"], row["answer"], row["tools"]) == ("hello", "hi", '["look"]')
    (plain,) = rows([span(SINCE, **CHAT, gen_ai__prompt='{"only": "json"}', gen_ai__completion="[1")])
    assert (plain["prompt"], plain["answer"]) == ('{"only": "json"}', "[1")


def test_failures_are_errors_and_say_which():
    (timed,) = rows([span(SINCE, **CHAT, error__type="ReadTimeout")])
    (limited,) = rows([span(SINCE, **CHAT, error__type="RateLimitError")])
    (failed,) = rows([span(SINCE, **CHAT) | {"status": {"code": "STATUS_CODE_ERROR"}}])
    assert [row["status"] for row in (timed, limited, failed)] == ["timeout", "error", "error"]
    assert limited["error_type"] == "RateLimitError"


def test_a_span_is_an_event_or_a_signal_never_both():
    spans = [
        span(SINCE, **CHAT),
        span(SINCE, gen_ai__operation__name="execute_tool", gen_ai__tool__name="find"),
        span(SINCE, peer__service="orders"),
    ]
    told = request(spans)
    signals, events = parted(told, "", lambda name: Spans() if name == SERVICE else None)
    assert [row["name"] for _, row in signals] == ["tool:find", "orders"]
    assert len(events) == 1
    signals, events = parted(told, "other", lambda name: Spans() if name == SERVICE else None)
    assert [row["name"] for _, row in signals] == ["model:asked", "tool:find", "orders"]
    assert events == []
    _, events = parted(told, "", lambda name: Spans(operations=("chat", "execute_tool")))
    assert [row.get("tools") for _, row in events] == [None, '["find"]']


@pytest.mark.parametrize("odd", ["", "[", "{}", "[" * 5000, "[[]]", '[{"parts": 3}]', "[null]"])
def test_odd_messages_are_texts_or_nothing(odd):
    (row,) = rows([span(SINCE, **CHAT, gen_ai__input__messages=odd, moderation=odd)])
    assert row["version"] == "m-2"
    assert isinstance(row.get("prompt", ""), str)


# -- as the guide says


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runbook and baseline that the guide's commands make of recorded spans."""
    folder = tmp_path_factory.mktemp("spans")
    rng = np.random.default_rng(1)
    with (folder / "traces.jsonl").open("w") as lines:
        for n in range(2600):
            at = SINCE + timedelta(minutes=4 * n)
            told = CHAT | {
                "gen_ai__response__id": f"c{n}", "gen_ai__usage__input_tokens": int(rng.integers(5, 400)),
                "gen_ai__input__messages": said("user", " ".join(rng.choice(WORDS, 12))),
                "gen_ai__output__messages": said("assistant", " ".join(rng.choice(WORDS, 20))),
                "gen_ai__evaluation__toxicity": float(rng.random() * 0.52),
            }  # fmt: skip
            lines.write(json.dumps(request([span(at, float(rng.lognormal(5, 0.3)), **told)])) + "\n")
    return folder


def test_the_guides_commands_make_a_runbook_that_a_server_serves(book, tmp_path, monkeypatch):
    pytest.importorskip("opentelemetry.sdk", reason="needs opentelemetry-sdk")
    monkeypatch.chdir(book)
    for command in commands(PAGE):
        assert main(command) == 0, command
    guide = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")
    (written,) = re.findall(r"```yaml\n(spans:.*?)```", guide, re.S)
    place = Path("runbook.yaml")
    place.write_text(place.read_text() + "\n" + written)
    agreed = load(place)
    assert set(agreed.columns.texts) == {"prompt", "answer"}
    assert agreed.columns.flags == ("toxic",)
    assert agreed.spans is not None
    for running, address in served(place, tmp_path / "state"):
        send(address)
        pulse, door = running.pulses[SERVICE], running.doors[SERVICE]
        pulse.counting.count(0)
        now = SystemClock().now()
        kept = pulse.archive.events(now - timedelta(hours=1), now + timedelta(minutes=1)).to_pylist()
        assert [row["request_id"] for row in kept] == ["r-1"], "sent twice, counted once"
        assert (kept[0]["prompt.words"], kept[0]["toxic"], kept[0]["version"]) == (7.0, True, "m-2")
        signals = pulse.archive.signals(now - timedelta(hours=1), now + timedelta(minutes=1))
        assert signals.column("name").to_pylist() == ["tool:find"]
        assert door.bad_rows == 0
        held = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
        assert not [path for path in held if b"4111-secret" in path.read_bytes()]


def served(place: Path, folder: Path) -> Iterator[tuple[Running, str]]:
    """A server of this runbook, and its address for exporters; its loop stands still."""
    folder.mkdir()
    with Store.open(folder / "fireline.sqlite") as store:
        running = Running(store, folder, open_books([place]), SystemClock())
        app = create_app(running, Access(open_on_loopback=True), begin=False)
        with listening(app) as address:
            yield running, f"{address}/v1/otlp/v1"
        running.stop()


def send(address: str) -> None:
    """A chat and a call of a tool, by OpenTelemetry's own exporter; the chat a second time by hand."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.trace import SpanKind

    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{address}/traces")))
    tracer = provider.get_tracer("app")
    for _ in range(2):
        with tracer.start_as_current_span("chat m-2", kind=SpanKind.CLIENT) as one:
            one.set_attributes({
                "gen_ai.operation.name": "chat", "gen_ai.response.model": "m-2", "gen_ai.response.id": "r-1",
                "gen_ai.usage.input_tokens": 9,
                "gen_ai.input.messages": said("user", "my card is 4111-secret, refund please"),
                "gen_ai.output.messages": said("assistant", "no 4111-secret here"),
            })  # fmt: skip
            one.add_event("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "toxicity",
                                                       "gen_ai.evaluation.score.value": 0.97})  # fmt: skip
    with tracer.start_as_current_span("execute_tool find") as one:
        one.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find"})
    provider.shutdown()
