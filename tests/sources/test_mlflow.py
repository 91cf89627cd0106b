"""Runs of an MLflow tracking server become runs of a job, each once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from fireline.detect.jobs import broken
from fireline.errors import InputError
from fireline.runbook.jobs import Job
from fireline.sources.pull import Around
from fireline.sources.pull.mlflow import Settings, opened
from fireline.telemetry.runs import dated
from tests.sources.real_mlflow import MLFLOW, tracked

AROUND = Around("pricing", "mlflow", "jobs")
START = 1_772_323_200_000


def run(number: int, end: int, status: str = "FINISHED", **tags: str) -> dict[str, Any]:
    """A run as MLflow's REST API tells of it."""
    info = {"run_id": f"r{number}", "status": status, "start_time": end - 60_000, "end_time": end}
    data = {"params": [{"key": "depth", "value": "7"}], "metrics": [{"key": "gate", "value": 1.0}],
            "tags": [{"key": k, "value": v} for k, v in tags.items()]}  # fmt: skip
    return {"info": info, "data": data}


class Tracking(BaseHTTPRequestHandler):
    """The two calls of MLflow's REST API that are used, as its 3.x documentation describes them."""

    runs: ClassVar[list[dict[str, Any]]] = []

    def do_GET(self) -> None:
        known = "nightly-train" in self.path
        self._say(
            200 if known else 404, {"experiment": {"experiment_id": "1"}} if known else {"error_code": "X"}
        )

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        least = int(asked["filter"].rsplit(" ", 1)[1])
        found = sorted((r for r in Tracking.runs if (r["info"]["end_time"] or 0) >= least),
                       key=lambda r: r["info"]["end_time"])  # fmt: skip
        at = int(asked.get("page_token") or 0)
        more = {"next_page_token": str(at + 2)} if len(found) > at + 2 else {}
        self._say(200, {"runs": found[at : at + 2], **more})

    def _say(self, status: int, body: dict[str, Any]) -> None:
        said = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *about: Any) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tracking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Tracking.runs = []
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def pulled(url: str, cursor: str = "", **more: Any) -> tuple[list[dict[str, Any]], str]:
    settings = Settings.model_validate({"url": url, "experiment": "nightly-train", "gate": "gate", **more})
    rows: list[dict[str, Any]] = []
    for portion in opened(settings, AROUND).pull(cursor, datetime.now(UTC)):
        rows += [dict(row) for row in portion.rows]
        cursor = portion.cursor
    return rows, cursor


def test_each_run_comes_once_over_pages_and_looks_and_a_late_one_too(url: str) -> None:
    Tracking.runs = [run(i, START + i * 1000) for i in range(5)]
    first, cursor = pulled(url)
    assert [row["run"] for row in first] == [f"r{i}" for i in range(5)]
    assert pulled(url, cursor)[0] == []
    Tracking.runs += [run(6, START + 2500), run(7, START + 9000, "FAILED")]
    later, cursor = pulled(url, cursor)
    assert sorted(row["run"] for row in later) == ["r6", "r7"]
    assert pulled(url, cursor)[0] == []


def test_runs_can_be_judged_by_the_rules(url: str) -> None:
    Tracking.runs = [run(1, START, "FAILED"), run(2, START + 1000, digest="aa", expected_digest="bb")]
    rows, _ = pulled(url)
    runs = [dated(row, "UTC") for row in rows]
    assert runs[1].passed is True
    assert runs[1].parameters == {"depth": "7"}
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    job = Job(name="nightly-train", gate=True, parameters={"depth": (1, 5)})
    found = broken(runs, [job], begin, runs[-1].at)
    assert {one.monitor for one in found} == {"job_failed", "job_artefact", "job_parameters"}


def test_an_experiment_that_is_not_there_yet_brings_nothing(url: str) -> None:
    assert pulled(url, experiment="other")[0] == []


def test_nobody_there_is_tried_again() -> None:
    with pytest.raises(InputError, match="does not answer") as told:
        pulled("http://127.0.0.1:9")
    assert not told.value.permanent


@pytest.mark.soak
@pytest.mark.skipif(MLFLOW is None, reason="no mlflow here: pip install mlflow")
def test_a_real_tracking_server_brings_the_same(tmp_path: Any) -> None:
    with tracked(tmp_path) as (address, names):
        rows, cursor = pulled(address, gate="gate")
        assert sorted(row["run"] for row in rows) == sorted(names)
        assert {row["state"] for row in rows} == {"succeeded", "failed"}
        assert pulled(address, cursor)[0] == []
