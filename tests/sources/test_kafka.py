"""A topic: several rows a message, what is gone, what is new, what nobody answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from fireline.errors import InputError, SettingsError
from fireline.runbook.sources import Source
from fireline.sources.pull import Around, Pulled, opened
from tests.sources.wells.kafka import Topic

library = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def pull(topic: Topic, cursor: str = "", **more: str) -> list[Pulled]:
    told = {"brokers": topic.brokers, "topic": "events", "timeout": "30s", **more}
    source = opened(Source(name="k", kind="kafka", **told), Around("s", "k", "events"))
    try:
        return list(source.pull(cursor, NOW))
    finally:
        source.close()


@pytest.fixture
def topic() -> Topic:
    """One that nobody else has written to."""
    return Topic(library, first=None)


def test_a_message_may_hold_several_rows_and_some_of_them_broken(topic: Topic) -> None:
    before = pull(Topic(library))[-1].cursor
    assert json.loads(before)["0"] == 1
    topic.write({"n": 1}, b"[1]", {"n": 2}, b"", partition=0)
    topic.write({"n": 3}, partition=0)
    (found,) = [one for one in pull(topic) if len(one)]
    assert [row["n"] for row in found.rows] == [1, 2, 3]  # type: ignore[call-overload]
    assert found.numbers is None, "two rows of one offset must not count as one"
    assert found.origin == "events[0] offsets 0 to 1"
    assert [(row.kind, row.row) for row in found.bad] == [("bad_json", 0)]


def test_newest_begins_at_the_end_and_remembers_where(topic: Topic) -> None:
    topic.write({"n": 1}, partition=1)
    (first,) = pull(topic, begin="newest")
    assert len(first) == 0
    topic.write({"n": 2}, partition=1)
    assert [row["n"] for one in pull(topic, first.cursor, begin="newest") for row in one.rows] == [2]  # type: ignore[call-overload]


def test_offsets_that_are_gone_are_told(topic: Topic) -> None:
    topic.write({"n": 1}, partition=2)
    told = pull(topic, json.dumps({"0": 0, "1": 0, "2": 10_000}))
    (bad,) = [row for one in told for row in one.bad if row.kind == "offsets_gone"]
    assert "made anew" in bad.reason
    assert bad.file == "events[2]"
    assert json.loads(told[-1].cursor)["2"] >= 1


def test_nobody_answers_and_no_such_topic(topic: Topic) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        pull(topic, brokers="127.0.0.1:9", timeout="1s")


def test_an_option_that_librdkafka_does_not_know_is_told() -> None:
    source = Source(name="k", kind="kafka", brokers="b", topic="t", options={"no.such": "1"})
    with pytest.raises(SettingsError, match=r"No such configuration property"):
        opened(source, Around("s", "k", "events"))
