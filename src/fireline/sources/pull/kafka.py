"""A topic of Kafka: JSON lines in messages, from offsets that are kept here and in no consumer group."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from fireline.errors import InputError, SettingsError, Where
from fireline.runbook.sources import Feed
from fireline.runbook.values import Duration
from fireline.sources.pull import Around, Pulled, PullSettings, PullSource, Secret, needed, revealed
from fireline.terms.quarantine import BadRow, cut

KIND = "kafka"
FEEDS: tuple[Feed, ...] = ("events", "labels", "changes", "jobs", "signals")
MESSAGES = 500
ROWS = 10_000
POLL = 0.2
OURS = ("bootstrap.servers", "group.id", "enable.auto.commit", "auto.offset.reset", "enable.partition.eof")
SECRET = ("password", "pem", "secret", "token", "sasl.oauthbearer.config", "jaas")


class Settings(PullSettings):
    """Settings of a topic."""

    brokers: str = Field(min_length=1, description="Where Kafka is: host:9092, several with commas.")
    topic: str = Field(min_length=1, description="The topic; each message holds JSON lines.")
    begin: Literal["oldest", "newest"] = Field(
        default="oldest", description="At the first start: everything kept there, or only what comes then."
    )
    username: str | None = Field(default=None, description="SASL user; needs `password`.")
    password: Secret | None = Field(default=None, description="SASL password, as env:NAME.")
    timeout: Duration = Field(
        default=timedelta(seconds=10),
        description="How long Kafka may take to answer before it is tried again.",
    )
    options: dict[str, str] = Field(
        default_factory=dict,
        description="Further settings of librdkafka, such as security.protocol; secrets as env:NAME.",
    )

    @field_validator("options")
    @classmethod
    def _no_secret(cls, options: dict[str, str]) -> dict[str, str]:
        for name, value in options.items():
            if name in OURS:
                raise PydanticCustomError("option", "{name} is set by the source itself", {"name": name})
            if any(word in name for word in SECRET) and not value.startswith("env:"):
                raise PydanticCustomError(
                    "option", "{name} does not stand in a runbook: write env:NAME", {"name": name}
                )
        return options


def opened(settings: Settings, around: Around) -> PullSource:
    """The topic that ``settings`` name; Kafka is asked at the first pull."""
    library = needed("confluent_kafka", "'fireline[kafka]'")
    return _Topic(settings, around, library)


class _Topic:
    def __init__(self, settings: Settings, around: Around, library: Any) -> None:
        self.settings, self.around, self.library = settings, around, library
        self._seconds = settings.timeout.total_seconds()
        self._trouble = ""
        self._consumer = self._connected()

    def _connected(self) -> Any:
        settings = self.settings
        options: dict[str, Any] = {
            "bootstrap.servers": settings.brokers,
            "group.id": "fireline",  # must be there, and is never joined: partitions are assigned by hand
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "error_cb": self._note,
            "logger": _Quiet(),
        }
        for name, value in settings.options.items():
            options[name] = revealed(value, f"options.{name}")
        if settings.username:
            options |= {"sasl.username": settings.username,
                        "sasl.password": revealed(settings.password, "password") or ""}  # fmt: skip
            options.setdefault("sasl.mechanism", "PLAIN")
        try:
            return self.library.Consumer(options)
        except (self.library.KafkaException, ValueError, TypeError) as error:
            raise SettingsError(
                f"librdkafka takes no such settings: {_said(error)}", where=Where(key="options"),
                todo="see librdkafka's CONFIGURATION.md",
            ) from None  # fmt: skip

    def _note(self, error: Any) -> None:
        self._trouble = str(error.str())

    def pull(self, cursor: str, now: datetime) -> Iterator[Pulled]:
        try:
            yield from self._pull(cursor)
        except self.library.KafkaException as error:
            raise self._unreachable(_said(error)) from None

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def _unreachable(self, why: str) -> InputError:
        return InputError(
            f"{self.settings.topic} cannot be read: {self._trouble or why}",
            todo="look at brokers, topic and options, and that Kafka runs", permanent=False,
        )  # fmt: skip

    def _pull(self, cursor: str) -> Iterator[Pulled]:
        self._trouble = ""
        offsets = {int(p): int(o) for p, o in json.loads(cursor or "{}").items()}
        ends, lost = {}, []
        fresh = False
        for partition in self._partitions():
            low, high = self._bounds(partition)
            if partition not in offsets:
                newest = self.settings.begin == "newest" and not cursor and not self.around.trial
                offsets[partition], fresh = (high if newest else low), True
            if not low <= offsets[partition] <= high:
                lost.append(self._gap(partition, offsets[partition], low, high))
                offsets[partition] = low
            if offsets[partition] < high:
                ends[partition] = high
        if fresh or lost:  # where it began must be kept, or "newest" would begin anew
            yield Pulled(self.around.feed, [], _text(offsets), self.settings.topic, bad=tuple(lost))
        if ends:
            yield from self._read(offsets, ends)

    def _partitions(self) -> list[int]:
        told = self._consumer.list_topics(self.settings.topic, timeout=self._seconds)
        topic = told.topics.get(self.settings.topic)
        if topic is None or topic.error is not None or not topic.partitions:
            why = topic.error.str() if topic is not None and topic.error is not None else "no such topic"
            raise self._unreachable(why)
        return sorted(topic.partitions)

    def _bounds(self, partition: int) -> tuple[int, int]:
        place = self.library.TopicPartition(self.settings.topic, partition)
        found = self._consumer.get_watermark_offsets(place, timeout=self._seconds, cached=False)
        if found is None:
            raise self._unreachable(f"partition {partition} does not answer")
        return int(found[0]), int(found[1])

    def _gap(self, partition: int, at: int, low: int, high: int) -> BadRow:
        """What is gone: retention took it before it was read, or the topic was made anew."""
        if at > high:
            says, todo = (
                f"it ends at {high}, before {at}: the topic was made anew",
                "it is read from its start",
            )
        else:
            says = f"offsets {at} to {low - 1} are gone before they were read"
            todo = "keep more in the topic, or let the server run"
        return BadRow(f"{self.settings.topic}[{partition}]", "offsets_gone", says, todo, row=at)

    def _read(self, offsets: dict[int, int], ends: dict[int, int]) -> Iterator[Pulled]:
        topic, place = self.settings.topic, self.library.TopicPartition
        self._consumer.assign([place(topic, partition, offsets[partition]) for partition in ends])
        heard = monotonic()
        try:
            while any(offsets[partition] < end for partition, end in ends.items()):
                messages = self._consumer.consume(MESSAGES, POLL)
                if not messages:
                    if monotonic() - heard > self._seconds:
                        raise self._unreachable("no message came in time")
                    continue
                heard = monotonic()
                for partition, found in self._by_partition(messages, ends).items():
                    yield from self._portions(partition, found, offsets)
        finally:
            self._consumer.unassign()

    def _by_partition(self, messages: Sequence[Any], ends: Mapping[int, int]) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = {}
        for message in messages:
            error = message.error()
            if error is None or error.code() == self.library.KafkaError._PARTITION_EOF:
                found.setdefault(message.partition(), []).append(message)
            else:
                raise self.library.KafkaException(error)
        return found

    def _portions(self, partition: int, messages: Sequence[Any], offsets: dict[int, int]) -> Iterator[Pulled]:
        """One partition's messages, whole messages at a time. The end of a partition moves the cursor too:
        markers of transactions and what was compacted away count as offsets and are no messages."""
        origin = f"{self.settings.topic}[{partition}]"
        rows: list[Mapping[str, Any]] = []
        numbers: list[int] = []
        bad: list[BadRow] = []
        before = offsets[partition]
        for message in messages:
            if message.error() is not None:  # the end
                offsets[partition] = max(offsets[partition], message.offset())
                continue
            found, broken = _rows(message, origin)
            rows += found
            bad += broken
            numbers += [message.offset()] * len(found)
            offsets[partition] = message.offset() + 1
            if len(rows) >= ROWS:
                yield self._portion(rows, numbers, bad, origin, offsets)
                rows, numbers, bad, before = [], [], [], offsets[partition]
        if offsets[partition] > before:
            yield self._portion(rows, numbers, bad, origin, offsets)

    def _portion(
        self, rows: list[Mapping[str, Any]], numbers: list[int], bad: list[BadRow], origin: str,
        offsets: Mapping[int, int],
    ) -> Pulled:  # fmt: skip
        single = len(set(numbers)) == len(numbers)
        if not single:  # several rows a message: an offset alone names none of them
            origin += f" offsets {numbers[0]} to {numbers[-1]}"
        return Pulled(
            self.around.feed, rows, _text(offsets), origin, numbers if single else None, tuple(bad)
        )  # fmt: skip


def _rows(message: Any, origin: str) -> tuple[list[Mapping[str, Any]], list[BadRow]]:
    """The objects in a message, and its lines that hold none."""
    found: list[Mapping[str, Any]] = []
    bad: list[BadRow] = []
    for line in (message.value() or b"").splitlines():
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if isinstance(row, dict):
                found.append(row)
                continue
            why = "the line is not a JSON object"
        except (ValueError, RecursionError) as error:
            why = f"not JSON: {error}"
        raw = cut(line[:8_000].decode(errors="replace"))
        todo = "write one JSON object a line into the topic"
        bad.append(BadRow(origin, "bad_json", why, todo, row=message.offset(), raw=raw))
    return found, bad


def _text(offsets: Mapping[int, int]) -> str:
    return json.dumps({str(partition): at for partition, at in sorted(offsets.items())})


def _said(error: Exception) -> str:
    first = error.args[0] if error.args else error
    return str(first.str()) if hasattr(first, "str") else str(first)


class _Quiet:
    """librdkafka's own log would stand on standard error, addresses and all."""

    def log(self, *args: Any, **more: Any) -> None:
        """Nothing."""

    debug = info = warning = error = critical = log
