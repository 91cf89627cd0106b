"""A topic on librdkafka's own mock broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fireline.runbook.sources import Source
from fireline.sources.pull import Pulled

PARTITIONS = 3


class Quiet:
    """librdkafka says on standard error that its cluster is a mock."""

    def log(self, *args: Any, **more: Any) -> None: ...


class Topic:
    secret = ""

    def __init__(self, library: Any, first: Any = "a row") -> None:
        self._producer = library.Producer(
            {"bootstrap.servers": "nobody:1", "test.mock.num.brokers": 1, "logger": Quiet()}
        )
        (broker,) = self._producer.list_topics(timeout=60).brokers.values()
        self.brokers = f"{broker.host}:{broker.port}"
        self.source = Source(name="w", kind="kafka", brokers=self.brokers, topic="events", timeout="30s")
        self.library = library
        if first:
            self.write({"n": -1})  # the topic is there from now on

    def write(self, *rows: Any, partition: int = 0) -> None:
        value = b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
        self._producer.produce("events", value, partition=partition)
        assert self._producer.flush(60) == 0

    def pour(self, first: int, count: int) -> None:
        for n in range(first, first + count):
            value = json.dumps({"n": n}).encode()
            while True:
                try:
                    self._producer.produce("events", value, partition=n % PARTITIONS)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        assert self._producer.flush(60) == 0

    def ids(self, portion: Pulled) -> list[int]:
        return [row["n"] for row in portion.rows if row["n"] >= 0]

    def spoil(self) -> bool:
        self.write(b"{broken")
        return True

    def away(self) -> bool:
        return False

    def back(self) -> None: ...


@contextmanager
def well(folder: Path) -> Iterator[Topic]:
    library = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
    yield Topic(library)
