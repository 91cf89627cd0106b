"""GenAI log records: what was said in a call to a model, held in memory until its event is made.

Instrumentations that keep contents off the spans emit them as events of the logs signal: one record a message
(`gen_ai.user.message`, `gen_ai.choice`), or one for the whole call
(`gen_ai.client.inference.operation.details`), and scorers `gen_ai.evaluation.result`. They name the call by
its trace and span, or by the answer's id. Nothing here touches a disk.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fireline.ids import stable_id
from fireline.runbook.spans import Spans
from fireline.telemetry.otlp import Row, at, each
from fireline.telemetry.otlp.genai import (
    Happened,
    Resource,
    event_of,
    has_failed,
    hexed,
    plain,
    plain_attributes,
)  # fmt: skip
from fireline.telemetry.otlp.logs import row_of

DETAILS = "gen_ai.client.inference.operation.details"
CHOICE = "gen_ai.choice"
ANSWERS = frozenset({DETAILS, CHOICE})
"""Records that come when the model has answered: the event is made with the first of them."""
EVALUATION = "gen_ai.evaluation.result"
MESSAGES = frozenset({"gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message",
                      "gen_ai.tool.message"})  # fmt: skip
NAMES = ANSWERS | MESSAGES | {EVALUATION}
KEPT_FOR = 600.0
"""Seconds that what was said is remembered for."""
MOST_CALLS = 20_000
MOST_CHARACTERS = 64_000_000

Key = tuple[str, str, str]
"""Service, and trace and span, or nothing and the answer's id."""


class Record(NamedTuple):
    """One GenAI log record. ``when`` is its instant; ``mark`` tells it from every other, and is the same when
    it is sent again."""

    name: str
    when: str | None
    told: Mapping[str, Any]
    body: Any
    failed: bool
    mark: str

    @property
    def happened(self) -> tuple[str, Mapping[str, Any]]:
        """The record in the form of a span's event."""
        inner = self.body if isinstance(self.body, Mapping) else {"content": self.body}
        if self.name in MESSAGES:
            inner = {"message": inner} if inner.get("content") is not None else inner
        return self.name, {**self.told, **{n: v for n, v in inner.items() if v is not None}}


@dataclass(slots=True)
class Heard:
    """What was said in one call so far. ``answer`` is the mark of the record its event is made with."""

    since: float
    records: dict[str, Record] = field(default_factory=dict)
    answer: str = ""
    made: bool = False
    size: int = 0


class Calls:
    """What was said in calls whose event is still to be made, by call: bounded in number, size and age."""

    def __init__(self, most: int = MOST_CALLS, characters: int = MOST_CHARACTERS) -> None:
        self._most, self._characters = most, characters
        self._heard: OrderedDict[Key, Heard] = OrderedDict()
        self._size = 0
        self.in_vain: set[str] = set()
        """Services whose spans were waited with and nothing was said: not waited for again until it is."""

    def hear(self, key: Key, record: Record, size: int, now: float) -> bool:
        """Remember a record; False for one whose event was made without it. ``now`` in seconds."""
        self.in_vain.discard(key[0])
        found = self._heard.setdefault(key, Heard(now))
        if record.mark in found.records:
            return True
        found.records[record.mark] = record
        found.size += size
        self._size += size
        if record.name in ANSWERS and not found.answer:
            found.answer = record.mark
        self._forget(now)
        return not found.made

    def of(self, key: Key, answer_id: Any = None) -> list[Record]:
        """What was said in a call, in the order it came, and of the answer with this id."""
        keys = [key, *([(key[0], "", str(answer_id))] if answer_id else [])]
        return [record for k in keys if k in self._heard for record in self._heard[k].records.values()]

    def answered(self, key: Key) -> str:
        """The mark of the first record of the call's answer, or nothing."""
        return self._heard[key].answer if key in self._heard else ""

    def heard(self, key: Key) -> bool:
        """Whether anything was said in this call."""
        return key in self._heard

    def made(self, key: Key) -> None:
        """The call's event is made: what is said later comes too late."""
        if key in self._heard:
            self._heard[key].made = True

    def _forget(self, now: float) -> None:
        while self._heard:
            key, oldest = next(iter(self._heard.items()))
            fits = len(self._heard) <= self._most and self._size <= self._characters
            if now - oldest.since < KEPT_FOR and (fits or len(self._heard) == 1):
                return
            self._size -= oldest.size
            del self._heard[key]


class Parted(NamedTuple):
    """A request's log records: ``signals`` and ``events`` with their resource, how many GenAI records came
    ``late``, after their call's event, and how many are ``unread`` because the runbook reads spans only."""

    signals: list[tuple[Resource, Row]]
    events: list[tuple[Resource, Row]]
    late: int
    unread: int


def parted(
    request: Mapping[str, Any],
    service: str,
    spans_of: Callable[[str], Spans | None],
    calls: Calls,
    now: float,
) -> Parted:
    """Error lines as signals, and the calls whose answer came with this request as events.

    ``service`` is the one all of it is about, or empty where the resource's `service.name` says so;
    ``spans_of`` gives what a service's runbook says of its spans; ``now`` is in seconds, of any clock that
    only goes forward.
    """
    signals: list[tuple[Resource, Row]] = []
    answered: dict[Key, tuple[Resource, Record, Spans]] = {}
    late = unread = 0
    for resource, scope, item in each(request, "resourceLogs", "scopeLogs", "logRecords"):
        name = service or str(resource.get("service.name") or "")
        spans, record = spans_of(name), record_of(item)
        if spans is None or record is None:
            if signal := row_of(resource, scope, item):
                signals.append((resource, signal))
        elif spans.read == "spans":
            unread += 1
        elif record.told.get("gen_ai.operation.name", spans.operations[0]) in spans.operations:
            key = key_of(name, item, record)
            late += not calls.hear(key, record, len(json.dumps(item)), now)
            if spans.read == "logs" and calls.answered(key) == record.mark:
                answered[key] = (resource, record, spans)
    events = []
    for key, (resource, record, spans) in answered.items():
        row = _event(key, resource, record, spans, calls)
        calls.made(key)
        events += [(resource, row)] if row else []
    return Parted(signals, events, late, unread)


def record_of(item: Mapping[str, Any]) -> Record | None:
    """A log record as a GenAI one; None for any other."""
    told = plain_attributes(item.get("attributes"))
    name = str(item.get("eventName") or told.get("event.name") or "")
    if name not in NAMES:
        return None
    when = at(item.get("timeUnixNano")) or at(item.get("observedTimeUnixNano"))
    mark = stable_id("genai_record", json.dumps(item, sort_keys=True), size=10)
    return Record(name, when, told, plain(item.get("body")), bool(told.get("error.type")), mark)


def key_of(service: str, item: Mapping[str, Any], record: Record) -> Key:
    """Whose call a record tells of; its own where it names none."""
    trace, span = hexed(item.get("traceId")), hexed(item.get("spanId"))
    if span:
        return service, trace, span
    return service, "", str(record.told.get("gen_ai.response.id") or record.mark)


def happened_in(calls: Calls, key: Key, answer_id: Any) -> Happened:
    """What was said in a call, in the form of a span's events."""
    return [record.happened for record in calls.of(key, answer_id)]


def awaited(
    request: Mapping[str, Any], service: str, spans_of: Callable[[str], Spans | None]
) -> Iterator[tuple[Key, bool]]:
    """The calls among a request's spans whose messages come as logs, and whether each failed: one that did
    has no answer to wait for."""
    for resource, _, span in each(request, "resourceSpans", "scopeSpans", "spans"):
        name = service or str(resource.get("service.name") or "")
        spans = spans_of(name)
        if spans is None or spans.read != "both":
            continue
        told = plain_attributes(span.get("attributes"))
        if told.get("gen_ai.operation.name") in spans.operations:
            key = (name, hexed(span.get("traceId")), hexed(span.get("spanId")))
            yield key, has_failed(span, told)


def _event(key: Key, resource: Resource, record: Record, spans: Spans, calls: Calls) -> Row | None:
    """The event that a call's records tell of, without any span."""
    said = calls.of(key, record.told.get("gen_ai.response.id"))
    told: dict[str, Any] = {}
    for one in said:
        if one.name == DETAILS:
            told |= dict(one.happened[1])
        elif one.name != EVALUATION:
            told |= one.told
    failed = any(one.failed for one in said if one.name != EVALUATION)
    call = {"traceId": key[1], "spanId": key[2], "status": {"code": 2 if failed else 0}}
    happened = [one.happened for one in said if one.name != DETAILS]
    return event_of(call, resource, spans.attributes, told=told, ended=record.when, happened=happened)
