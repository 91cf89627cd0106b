"""GenAI log records: joined to their call, alone or with its span; one event a call, and no word kept."""

from __future__ import annotations

import itertools
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.cli.entry import main
from fireline.runbook.spans import Spans
from fireline.telemetry.otlp import messages
from fireline.telemetry.otlp.genai import hexed, parted
from fireline.telemetry.otlp.messages import Calls
from tests.signals.test_spans import (
    CHAT,
    SERVICE,
    SINCE,
    WORDS,
    attribute,
    request,
    said,
    served,
    span,
    typed,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALL = "00f067aa0ba902b7"


def record(name: str, body: Any = None, call: str = CALL, after: float = 0.0, **told: Any) -> dict:
    nanos = int((SINCE + timedelta(seconds=after)).timestamp() * 1e9)
    return {
        "timeUnixNano": str(nanos), "eventName": name, "severityNumber": 9,
        **({"traceId": TRACE, "spanId": call} if call else {}),
        "attributes": [attribute(n.replace("__", "."), v) for n, v in told.items()],
        **({"body": typed(body)} if body is not None else {}),
    }  # fmt: skip


def logged(records: list[dict], service: str = SERVICE) -> dict[str, Any]:
    resource = {"attributes": [attribute("service.name", service), attribute("host.name", "pod-7")]}
    scope = {"scope": {"name": "instrumentation"}, "logRecords": records}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]}


def heard(exports: list[list[dict]], read: str = "logs", calls: Calls | None = None) -> list[messages.Parted]:
    calls = calls or Calls()
    agreed = Spans(read=read)  # type: ignore[arg-type]
    return [messages.parted(logged(one), "", lambda name: agreed, calls, 0.0) for one in exports]


def events(found: list[messages.Parted]) -> list[dict[str, Any]]:
    return [row for one in found for _, row in one.events]


USER = record("gen_ai.user.message", {"content": "where is my parcel?"}, gen_ai__system="openai")
HISTORY = record("gen_ai.assistant.message", {"content": "hello before"}, gen_ai__system="openai")
CHOICE = record(
    "gen_ai.choice",
    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "on its way",
     "tool_calls": [{"function": {"name": "track"}}]}},
    after=2.0, gen_ai__system="openai",
)  # fmt: skip


def test_the_messages_of_a_call_are_one_event_when_its_answer_comes():
    (row,) = events(heard([[HISTORY, USER], [CHOICE]]))
    assert row == {
        "time": "2026-03-01T00:00:02Z", "request_id": f"{TRACE}-{CALL}", "status": "ok",
        "host": "pod-7", "prompt": "where is my parcel?", "answer": "on its way", "tools": '["track"]',
        "finish_reason": "stop",
    }  # fmt: skip


def test_a_calls_details_are_an_event_by_themselves():
    details = record(
        "gen_ai.client.inference.operation.details", **CHAT, gen_ai__response__id="chatcmpl-1",
        gen_ai__usage__input_tokens=12, gen_ai__response__finish_reasons=["stop"],
        gen_ai__input__messages=[{"role": "user", "parts": [{"type": "text", "content": "where?"}]}],
        gen_ai__output__messages=said("assistant", "there"),
    )  # fmt: skip
    (row,) = events(heard([[details]]))
    assert (row["request_id"], row["version"], row["input_tokens"]) == ("chatcmpl-1", "m-2", 12)
    assert (row["prompt"], row["answer"], row["finish_reason"]) == ("where?", "there", "stop")
    other = record("gen_ai.client.inference.operation.details", gen_ai__operation__name="embeddings")
    assert events(heard([[other]])) == []


def test_an_evaluation_is_a_flag_of_its_call_by_span_or_by_the_answers_id():
    scored = {"gen_ai__evaluation__name": "toxicity", "gen_ai__evaluation__score__value": 0.9}
    by_span = record("gen_ai.evaluation.result", **scored)
    by_id = record("gen_ai.evaluation.result", call="", gen_ai__response__id="r-1", **scored)
    details = record("gen_ai.client.inference.operation.details", **CHAT, gen_ai__response__id="r-1")
    for first in (by_span, by_id):
        (row,) = events(heard([[first], [details]]))
        assert row["toxic"] is True
    told = heard([[details], [by_span]])
    assert [one.late for one in told] == [0, 1], "what comes too late is said, not passed over"
    assert "toxic" not in events(told)[0]


def test_a_failed_call_and_a_filtered_answer_say_so():
    failed = record("gen_ai.client.inference.operation.details", **CHAT, error__type="ReadTimeout")
    assert events(heard([[failed]]))[0]["status"] == "timeout"
    filtered = record("gen_ai.choice", {"index": 0, "finish_reason": "content_filter", "message": {}})
    assert events(heard([[filtered]]))[0]["refusal"] is True


def test_what_is_sent_again_is_the_same_event_and_further_choices_are_none():
    second = record(
        "gen_ai.choice", {"index": 1, "finish_reason": "length", "message": {"content": "or not"}}
    )
    once, again, more = heard([[USER, CHOICE], [USER, CHOICE], [second]])
    assert once.events == again.events
    assert again.late == 0
    assert (more.events, more.late) == ([], 1)


def test_records_without_a_span_are_calls_of_their_own():
    found = events(
        heard([[record("gen_ai.choice", {"message": {"content": str(n)}}, call="") for n in "ab"]])
    )
    assert [row["answer"] for row in found] == ["a", "b"]
    assert len({row["request_id"] for row in found}) == 2


@given(st.permutations([HISTORY, USER, CHOICE]), st.sets(st.integers(1, 2)))
def test_however_messages_of_a_span_come_they_are_read(order, cuts):
    ends = [0, *sorted(cuts), 3]
    exports = [order[a:b] for a, b in itertools.pairwise(ends)]
    calls = Calls()
    assert events(heard(exports, "both", calls)) == [], "the span is the event"
    told = span(SINCE, **CHAT) | {"traceId": TRACE, "spanId": CALL}
    _, found = parted(
        request([told]), "", lambda name: Spans(read="both"),
        lambda *key: messages.happened_in(calls, key[:3], key[3]),
    )  # fmt: skip
    (row,) = [row for _, row in found]
    assert (row["prompt"], row["answer"], row["version"]) == ("where is my parcel?", "on its way", "m-2")
    assert row["latency_ms"] == 100.0


def test_a_runbook_that_reads_spans_only_says_what_it_passed_over():
    (found,) = heard([[USER, CHOICE]], "spans")
    assert (found.events, found.unread) == ([], 2)


def test_what_was_said_is_bounded_in_number_size_and_age():
    many = Calls(most=3)
    heard([[record("gen_ai.user.message", {"content": "x"}, call=f"{n:016x}")] for n in range(9)], calls=many)
    assert [many.heard((SERVICE, TRACE, f"{n:016x}")) for n in (0, 5, 6, 8)] == [False, False, True, True]
    small = Calls(characters=2000)
    heard(
        [[record("gen_ai.user.message", {"content": "x" * 900}, call=f"{n:016x}")] for n in range(4)],
        calls=small,
    )
    assert not small.heard((SERVICE, TRACE, f"{0:016x}"))
    old = Calls()
    heard([[USER]], calls=old)
    other = logged([record("gen_ai.user.message", call="a" * 16)])
    messages.parted(other, "", lambda name: Spans(read="logs"), old, messages.KEPT_FOR)
    assert not old.heard((SERVICE, TRACE, CALL))


def test_ids_are_hex_whichever_way_they_were_sent():
    assert hexed("SecMFUKRRRGM5pYUdU5lsA==") == "49e70c15429145118ce69614754e65b0"
    assert hexed("APBnqgupArc=") == CALL
    assert hexed("00F067AA0BA902B7") == CALL


@pytest.mark.parametrize("odd", [{}, {"body": 3}, {"body": {"kvlistValue": 3}}, {"attributes": 3}])
def test_odd_records_are_calls_without_words(odd):
    found = events(heard([[record("gen_ai.choice") | odd]]))
    assert [row.get("prompt") for row in found] == [None]


# -- over the wire


def test_recorded_logs_are_drafted_from_as_the_guide_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("logs.jsonl").write_text("\n".join(json.dumps(logged([one])) for one in (USER, CHOICE)))
    at = span(SINCE, **CHAT) | {"traceId": TRACE, "spanId": CALL}
    Path("traces.jsonl").write_text(json.dumps(request([at])))
    assert main(["spans", "traces.jsonl", "logs.jsonl", "--read", "both", "-o", "both.jsonl"]) == 0
    assert main(["spans", "logs.jsonl", "--read", "logs", "-o", "logs-only.jsonl"]) == 0
    (both,) = [json.loads(line) for line in Path("both.jsonl").read_text().splitlines()]
    (alone,) = [json.loads(line) for line in Path("logs-only.jsonl").read_text().splitlines()]
    assert (both["prompt"], both["version"], both["latency_ms"]) == ("where is my parcel?", "m-2", 100.0)
    assert (alone["prompt"], alone["answer"]) == ("where is my parcel?", "on its way")
    assert main(["spans", "logs.jsonl", "-o", "none.jsonl"]) != 0, "there is no span in it"


def runbook_of(folder: Path, read: str) -> Path:
    """A runbook and baseline drafted from two weeks of such calls."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    with (folder / "logs.jsonl").open("w") as lines:
        for n in range(700):
            about = {"call": f"{n + 1:016x}", "after": n * 1200.0}
            details = record(
                "gen_ai.client.inference.operation.details", **about, **CHAT,
                gen_ai__input__messages=said("user", " ".join(rng.choice(WORDS, 12))),
                gen_ai__output__messages=said("assistant", " ".join(rng.choice(WORDS, 20))),
            )  # fmt: skip
            scored = record("gen_ai.evaluation.result", **about, gen_ai__evaluation__name="toxicity",
                            gen_ai__evaluation__score__value=0.9 if n % 50 == 0 else 0.1)  # fmt: skip
            lines.write(json.dumps(logged([scored, details])) + "\n")
    events, book = folder / "events.jsonl", folder / "runbook.yaml"
    assert main(["spans", str(folder / "logs.jsonl"), "--read", "logs", "-o", str(events)]) == 0
    told = ["init", str(events), "--service", SERVICE, "--until", "2026-03-09", "-o", str(book)]
    assert main(told) == 0
    book.write_text(book.read_text() + f"\nspans:\n  read: {read}\n")
    return book


def test_a_server_reads_log_records_and_keeps_no_word(tmp_path):
    pytest.importorskip("opentelemetry.sdk", reason="needs opentelemetry-sdk")
    for read in ("logs", "both"):
        book = runbook_of(tmp_path / read, read)
        for running, address in served(book, tmp_path / f"state-{read}"):
            emit(address, with_spans=read == "both")
            pulse = running.pulses[SERVICE]
            pulse.counting.count(0)
            now = datetime.now(UTC)
            kept = pulse.archive.events(now - timedelta(hours=1), now + timedelta(minutes=1)).to_pylist()
            assert [row["prompt.words"] for row in kept] == [8.0], read
            assert [row["toxic"] for row in kept] == [True]
            assert running.doors[SERVICE].bad_rows == 0
            held = [path for path in (tmp_path / f"state-{read}").rglob("*") if path.is_file()]
            assert not [path for path in held if b"4111-secret" in path.read_bytes()]


def emit(address: str, with_spans: bool) -> None:
    """A call as an instrumentation tells it, by OpenTelemetry's own exporters: its span ends before the
    answer's record is sent."""
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.trace import set_span_in_context

    resource = Resource.create({"service.name": SERVICE})
    spans, logs = TracerProvider(resource=resource), LoggerProvider(resource=resource)
    logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{address}/logs")))
    if with_spans:
        spans.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{address}/traces")))
    logger = logs.get_logger("app")

    def say(name: str, body: Any, context: Any, **told: Any) -> None:
        attributes = {n.replace("__", "."): v for n, v in told.items()}
        info = SeverityNumber.INFO
        logger.emit(LogRecord(event_name=name, body=body, context=context, severity_number=info,
                              attributes=attributes))  # fmt: skip

    one = spans.get_tracer("app").start_span("chat m-2")
    one.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.response.model": "m-2"})
    context = set_span_in_context(one)
    say("gen_ai.user.message", {"content": "my card is 4111-secret, refund please now"}, context)
    say("gen_ai.evaluation.result", None, context, gen_ai__evaluation__name="toxicity",
        gen_ai__evaluation__score__value=0.97)  # fmt: skip
    ending = threading.Thread(target=one.end)
    ending.start()
    answer = {"role": "assistant", "content": "no 4111-secret here"}
    say("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": answer}, context)
    ending.join()
    spans.shutdown()
    logs.shutdown()
