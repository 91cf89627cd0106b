"""GenAI spans as events: one request to a model a row, by the OpenTelemetry semantic conventions for
generative AI.

A span is an event or a call signal, never both. What it says of prompts and answers goes no further than the
intake, which makes figures of it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from fireline.runbook.spans import Spans
from fireline.telemetry.moderations import SCORE, flag_of, flags_in
from fireline.telemetry.otlp import Row, at, each
from fireline.telemetry.otlp.traces import FAILED, row_of, took

Resource = Mapping[str, Any]
Happened = Sequence[tuple[str, Mapping[str, Any]]]
"""Events of a span, or log records that name it: their names and attributes."""
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "version": ("gen_ai.response.model", "gen_ai.request.model"),
    "operation": ("gen_ai.operation.name",),
    "error_type": ("error.type",),
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "temperature": ("gen_ai.request.temperature",),
    "max_tokens": ("gen_ai.request.max_tokens",),
    "finish_reason": ("gen_ai.response.finish_reasons",),
    "source": ("enduser.id", "user.id", "gen_ai.conversation.id", "session.id"),
    "host": ("host.name", "service.instance.id"),
}
"""Column of an event -> the attributes that give it, the most telling first."""
TEXTS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("gen_ai.input.messages", "gen_ai.prompt"),
    "answer": ("gen_ai.output.messages", "gen_ai.completion"),
}
SAID = {"gen_ai.user.message": "prompt", "gen_ai.choice": "answer", "gen_ai.assistant.message": "answer"}
"""Events of a span that hold one message each, in older versions of the conventions."""
CHOICE = "gen_ai.choice"
HISTORY = "gen_ai.assistant.message"
"""What was answered before, and sent along: the answer only where there is no choice."""
EVALUATION = "gen_ai.evaluation."
VERDICTS = frozenset({"moderation", "moderations", "moderation_result", "moderation_results"})
"""Last part of the name of an attribute that holds a `/v1/moderations`-shaped result."""
RAISED = frozenset({"fail", "failed", "flagged", "true", "yes", "unsafe", "block", "blocked"})


def parted(
    request: Mapping[str, Any],
    service: str,
    spans_of: Callable[[str], Spans | None],
    said_in: Callable[[str, str, str, Any], Happened] = lambda *_: (),
) -> tuple[list[tuple[Resource, Row]], list[tuple[Resource, Row]]]:
    """The request's spans as call signals and as events, each with its resource.

    ``service`` is the one all of it is about, or empty where the resource's `service.name` says so;
    ``spans_of`` gives what a service's runbook says of its spans, None where it takes no events from them;
    ``said_in`` what log records say of a call: by service, trace, span and the answer's id.
    """
    signals, events = [], []
    for resource, _, span in each(request, "resourceSpans", "scopeSpans", "spans"):
        told = plain_attributes(span.get("attributes"))
        name = service or str(resource.get("service.name") or "")
        spans = spans_of(name)
        operations = () if spans is None or spans.read == "logs" else spans.operations
        if spans is not None and told.get("gen_ai.operation.name") in operations:
            happened = [] if spans.read == "spans" else said_in(
                name, hexed(span.get("traceId")), hexed(span.get("spanId")), told.get("gen_ai.response.id")
            )  # fmt: skip
            row = event_of(span, resource, spans.attributes, happened=happened)
            events += [(resource, row)] if row else []
        elif signal := row_of(resource, span):
            signals.append((resource, signal))
    return signals, events


def event_of(
    span: Mapping[str, Any],
    resource: Resource,
    more: Mapping[str, str] | None = None,
    *,
    told: Mapping[str, Any] | None = None,
    ended: str | None = None,
    happened: Happened = (),
) -> Row | None:
    """The event that a GenAI span tells of; None for one without an end. ``more`` maps further columns to
    attributes of the span or its resource. A call that log records tell of gives ``told`` and ``ended``
    itself; ``happened`` is what they add to a span's own events."""
    ended = ended or at(span.get("endTimeUnixNano"))
    if ended is None:
        return None
    told = plain_attributes(span.get("attributes")) if told is None else told
    known = {**resource, **told}
    happened = [
        *((str(one.get("name")), plain_attributes(one.get("attributes"))) for one in _listed(span, "events")),
        *happened,
    ]
    row: Row = {"time": ended, "request_id": _name(span, told), "latency_ms": took(span)}
    row["status"] = _status(span, told)
    for column, names in COLUMNS.items():
        row[column] = _first(known, names)
    row["finish_reason"] = _joined(row["finish_reason"] or _finished(happened))
    asked, answered, tools = _messages(told, happened)
    row |= {"prompt": asked, "answer": answered, "tools": _tools(told, tools)}
    row |= {column: _scalar(known.get(name)) for column, name in (more or {}).items()}
    row |= dict.fromkeys(_flags(told, happened, str(row["finish_reason"] or "")), True)
    return {column: value for column, value in row.items() if value is not None}


def only(row: Row, wanted: Collection[str], flags: Sequence[str]) -> Row:
    """``row`` with the columns that the runbook wants, and each of its ``flags`` as raised or not."""
    return {name: value for name, value in row.items() if name in wanted} | {
        flag: row.get(flag) is True for flag in flags
    }


def plain(told: Any) -> Any:
    """An AnyValue as a plain one: text, numbers, lists and objects."""
    if not isinstance(told, Mapping) or not told:
        return None
    kind, held = next(iter(told.items()))
    if kind == "intValue":
        return int(held)
    if kind == "arrayValue":
        return [plain(one) for one in _listed(held, "values")]
    if kind == "kvlistValue":
        return plain_attributes(held.get("values") if isinstance(held, Mapping) else None)
    return held


def plain_attributes(pairs: Any) -> dict[str, Any]:
    """Attributes by name, as ``plain`` gives their values."""
    found = [one for one in pairs if isinstance(one, Mapping)] if isinstance(pairs, list) else []
    return {str(one.get("key")): plain(one.get("value")) for one in found}


def _listed(held: Any, name: str) -> list[Mapping[str, Any]]:
    inner = held.get(name) if isinstance(held, Mapping) else None
    return [one for one in inner if isinstance(one, Mapping)] if isinstance(inner, list) else []


def _name(span: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """The answer's own id, so that labels and reports find it; else the span's."""
    own = told.get("gen_ai.response.id") or told.get("gen_ai.tool.call.id")
    if own:
        return str(own)
    return "-".join(part for part in (hexed(span.get("traceId")), hexed(span.get("spanId"))) if part)


def hexed(told: Any) -> str:
    """A trace's or span's id in hex, as people read it: JSON has it so, decoded protobuf in base64."""
    said = str(told or "")
    if len(said) in (12, 24):  # 8 and 16 bytes in base64; in hex they are 16 and 32 characters
        try:
            return base64.b64decode(said, validate=True).hex()
        except (ValueError, binascii.Error):
            return said
    return said.lower()


def has_failed(span: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Whether a span, or a log record of a call, says that it failed."""
    return (span.get("status") or {}).get("code") in FAILED or bool(told.get("error.type"))


def _status(span: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """`ok`, `timeout`, or `error`; the kind of error has a column of its own."""
    kind = str(told.get("error.type") or "")
    if not has_failed(span, told):
        return "ok"
    return "timeout" if "timeout" in kind.lower().replace("_", "") else "error"


def _first(known: Mapping[str, Any], names: Sequence[str]) -> Any:
    found = next((known[name] for name in names if known.get(name) is not None), None)
    return found if isinstance(found, list) else _scalar(found)


def _scalar(value: Any) -> Any:
    return json.dumps(value, sort_keys=True) if isinstance(value, (list, dict)) else value


def _joined(value: Any) -> Any:
    return ",".join(sorted({str(one) for one in value})) if isinstance(value, list) else value


# -- what was said


def _finished(happened: Happened) -> Any:
    """How choices that came one by one finished; None where none says so."""
    found = [
        inner["finish_reason"] for name, inner in happened if name == CHOICE and inner.get("finish_reason")
    ]
    return found or None


def _messages(told: Mapping[str, Any], happened: Happened) -> tuple[str | None, str | None, list[str]]:
    """What was asked last, what was answered, and the names of the tools that the answer calls."""
    found: dict[str, list[Any]] = {"prompt": [], "answer": []}
    for column, names in TEXTS.items():
        own = _parsed(_first_raw(told, names))
        found[column] = own or [m for _, inner in happened for m in _parsed(_first_raw(inner, names))]
    chosen = any(name == CHOICE for name, _ in happened)
    for name, inner in happened:
        if name in SAID and not (chosen and name == HISTORY):
            message = inner.get("message") or inner.get("content")
            found[SAID[name]] += _parsed(message, role="user" if SAID[name] == "prompt" else "assistant")
    asked = [m for m in found["prompt"] if m.get("role") in (None, "user")]
    tools = [name for m in found["answer"] for name in _called(m)]
    return _text(asked[-1:]), _text(found["answer"]), tools


def _first_raw(known: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((known[name] for name in names if known.get(name) is not None), None)


def _parsed(said: Any, role: str | None = None) -> list[dict[str, Any]]:
    """Messages, whatever form a span gives them in: a list, the JSON of one, or a text."""
    if isinstance(said, str):
        found = _json(said)
        return found if found is not None else [{"role": role, "content": said}]
    if isinstance(said, Mapping):
        return [{"role": role, **said}]
    return [dict(one) for one in said if isinstance(one, Mapping)] if isinstance(said, list) else []


def _json(said: str) -> list[dict[str, Any]] | None:
    """The messages that a text is the JSON of; None for a text that only looks like it."""
    if said[:1] not in ("[", "{"):
        return None
    try:
        told = json.loads(said)
    except (ValueError, RecursionError):
        return None
    found = told if isinstance(told, list) else [told]
    fits = all(isinstance(one, dict) and one.keys() & {"content", "parts", "tool_calls"} for one in found)
    return found if found and fits else None


def _parts(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inner = message.get("parts") if message.get("parts") is not None else message.get("content")
    if isinstance(inner, str):
        return [{"type": "text", "content": inner}]
    return [one for one in inner if isinstance(one, Mapping)] if isinstance(inner, list) else []


def _text(messages: Sequence[Mapping[str, Any]]) -> str | None:
    said = [
        str(part.get("content") or part.get("text") or "")
        for message in messages for part in _parts(message) if part.get("type") in (None, "text")
    ]  # fmt: skip
    return "\n".join(said) if said else None


def _called(message: Mapping[str, Any]) -> Iterator[str]:
    for part in _parts(message):
        if part.get("type") == "tool_call" and part.get("name"):
            yield str(part["name"])
    for call in message.get("tool_calls") or ():
        inner = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(inner, Mapping) and inner.get("name"):
            yield str(inner["name"])


def _tools(told: Mapping[str, Any], called: Sequence[str]) -> str | None:
    names = [*called, *([str(told["gen_ai.tool.name"])] if told.get("gen_ai.tool.name") else [])]
    return json.dumps(names) if names else None


# -- what was found of it


def _flags(told: Mapping[str, Any], happened: Happened, finish: str) -> set[str]:
    """The flags that evaluations, moderation results and the way it ended raise."""
    found: set[str] = set()
    for known in (told, *(inner for _, inner in happened)):
        for name, value in known.items():
            if name.lower().rsplit(".", 1)[-1] in VERDICTS:
                found |= flags_in(value)
            elif name.startswith(EVALUATION) and _is_raised(value) and "." not in name[len(EVALUATION) :]:
                found.add(flag_of(name.removeprefix(EVALUATION)))
    for _, inner in happened:
        scored = inner.get(EVALUATION + "name")
        value = inner.get(EVALUATION + "score.value")
        label = str(inner.get(EVALUATION + "score.label") or "").lower()
        if scored and (label in RAISED if label else _is_raised(value)):
            found.add(flag_of(str(scored)))
    if "content_filter" in finish or "refusal" in finish:
        found.add("refusal")
    return found - {"name"}


def _is_raised(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return isinstance(value, (int, float)) and value >= SCORE
