"""MLflow's REST API, as its documentation describes the two calls that are used: a page token is an offset
into what the filter of *that* call finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fireline.runbook.sources import Source
from fireline.sources.pull import Pulled
from tests.sources.wells._answering import Answering

START = 1_772_323_200_000


def runs_that_ended(ends: list[int], path: str, body: dict[str, Any]) -> Any:
    """MLflow's answer where run n ended at ``ends[n]`` (milliseconds)."""
    if path.endswith("get-by-name"):
        return {"experiment": {"experiment_id": "1"}}
    least = int(body["filter"].rsplit(" ", 1)[1])
    found = [(n, end) for n, end in enumerate(ends) if end >= least]
    at, most = int(body.get("page_token") or 0), int(body["max_results"])
    runs = [
        {"info": {"run_id": f"r{n}", "status": "FINISHED", "start_time": end - 1, "end_time": end}}
        for n, end in found[at : at + most]
    ]
    return {"runs": runs, **({"next_page_token": str(at + most)} if len(found) > at + most else {})}


class MLflow:
    secret = ""

    def __init__(self) -> None:
        self.ends: list[int] = []
        self.server = Answering(lambda path, query, body: runs_that_ended(self.ends, path, body))
        self.away, self.back = self.server.away, self.server.back
        self.source = Source(name="w", kind="mlflow", feed="jobs", url=self.server.url, experiment="train")

    def pour(self, first: int, count: int) -> None:
        assert first == len(self.ends)
        self.ends += [START + 1000 * n for n in range(first, first + count)]

    def ids(self, portion: Pulled) -> list[int]:
        return [int(row["run"].removeprefix("r")) for row in portion.rows]  # type: ignore[call-overload]

    def spoil(self) -> bool:
        return False


@contextmanager
def well(folder: Path) -> Iterator[MLflow]:
    made = MLflow()
    yield made
    made.away()
