"""A real MLflow tracking server with two runs, one good and one failed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.listening import free_port

WAIT = 300.0
MLFLOW = shutil.which("mlflow", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
"""MLflow's command, of this environment or of any other; None where there is none."""


@contextmanager
def tracked(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The server's address, and the ids of its runs."""
    port = free_port()
    process = subprocess.Popen(
        [str(MLFLOW), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
         "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _until_it_answers(address)
        made = _ask(address, "experiments/create", {"name": "nightly-train"})["experiment_id"]
        yield address, [_run(address, made, "FINISHED"), _run(address, made, "FAILED")]
    finally:
        # MLflow starts servers of its own, and does not always end itself when it is asked to.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def _run(address: str, experiment: str, status: str) -> str:
    now = int(time.time() * 1000)
    found = _ask(address, "runs/create", {"experiment_id": experiment, "start_time": now - 60_000})
    name = str(found["run"]["info"]["run_id"])
    _ask(address, "runs/log-parameter", {"run_id": name, "key": "depth", "value": "7"})
    _ask(address, "runs/log-metric", {"run_id": name, "key": "gate", "value": 1, "timestamp": now})
    _ask(address, "runs/update", {"run_id": name, "status": status, "end_time": now})
    return name


def _ask(address: str, what: str, body: dict[str, Any]) -> Any:
    sent = json.dumps(body).encode()
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/{what}", sent, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def _until_it_answers(address: str) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=10).read()
            return
        except OSError:
            time.sleep(0.3)
    raise AssertionError("MLflow did not start")
