"""Prometheus's query API: each row is a series of its own, sampled at the first step not asked for yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fireline.runbook.sources import Source
from fireline.sources.pull import Pulled
from tests.sources.wells._answering import Answering


class Prometheus:
    secret = ""

    def __init__(self) -> None:
        self.asked = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
        self.samples: dict[int, int] = {}
        self.server = Answering(self._answer)
        self.away, self.back = self.server.away, self.server.back
        queries = [{"name": "rows", "query": "rows"}]
        self.source = Source(
            name="w", kind="prometheus", feed="signals", url=self.server.url, queries=queries, step="1s"
        )

    def _answer(self, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Any:
        first, last = int(query["start"][0]), int(query["end"][0])
        self.asked = max(self.asked, last)
        found = [
            {"metric": {"n": str(n)}, "values": [[at, str(n)]]}
            for n, at in self.samples.items() if first <= at <= last
        ]  # fmt: skip
        return {"status": "success", "data": {"resultType": "matrix", "result": found}}

    def pour(self, first: int, count: int) -> None:
        self.samples.update(dict.fromkeys(range(first, first + count), self.asked + 1))

    def ids(self, portion: Pulled) -> list[int]:
        return [int(row["value"]) for row in portion.rows]  # type: ignore[call-overload]

    def spoil(self) -> bool:
        return False


@contextmanager
def well(folder: Path) -> Iterator[Prometheus]:
    made = Prometheus()
    yield made
    made.away()
