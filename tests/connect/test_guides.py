"""The guides on connecting run as they are written: their files, their commands, their order."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from fireline.cli.entry import main
from fireline.clock import SystemClock, iso
from tests.support import postgres
from tests.support.listening import free_port

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
LASTING = ("fireline serve", "fireline collect", "uvicorn")
LACKING = 1
"""What `check` ends with for a runbook nobody has filled in yet."""


class Walk:
    """A reader who does what the page says, in a folder of their own, at ports that are free."""

    def __init__(self, page: str, folder: Path) -> None:
        self.folder, self.port, self.app = folder, free_port(), free_port()
        text = (GUIDES / f"{page}.md").read_text(encoding="utf-8")
        self.text = text.replace("8700", str(self.port)).replace("8000", str(self.app))
        for name, body in re.findall(r'```\w+ title="([^"]+)"\n(.*?)```', self.text, re.S):
            (folder / name).write_text(body, encoding="utf-8")
        blocks = re.findall(r"```console\n(.*?)```", self.text, re.S)
        self.commands = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
        self.env = {
            **os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "FIRELINE_URL": f"http://127.0.0.1:{self.port}", "FIRELINE_STATE": str(folder / "guard"),
            "XDG_STATE_HOME": str(folder / "xdg"), "NO_COLOR": "1",
        }  # fmt: skip
        self.lasting: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.said = ""

    def do(self, *codes: int, until: str = "", before: dict[str, Callable[[], None]] | None = None) -> None:
        """Do the commands that are left, up to the one that begins with ``until``; ``before`` has what
        happens in the meantime."""
        while self.commands and not (until and self.commands[0].startswith(until)):
            command = self.commands.pop(0)
            for start, event in (before or {}).items():
                if command.startswith(start) or f" {start}" in command:
                    event()
            self.run(command, codes or (0,))

    def run(self, command: str, codes: tuple[int, ...] = (0,)) -> str:
        if given := re.fullmatch(r"export (\w+)=(\S+)", command):
            self.env[given[1]] = given[2]
            return ""
        if given := re.fullmatch(r"(\w+)=\$\((.*)\)", command):
            self.env[given[1]] = self.run(given[2]).strip()
            assert self.env[given[1]]
            return ""
        if any(name in command for name in LASTING) or command.endswith("--follow"):
            self.start(command)
            return ""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=300,
        )
        allowed = (0, LACKING) if command.startswith("fireline check") else codes
        assert done.returncode in allowed, f"{command}\n{done.stdout}\n{done.stderr}"
        self.said = done.stdout + done.stderr
        return done.stdout

    def start(self, command: str) -> None:
        """A command that lasts; a second server takes the place of the first."""
        port = self.port
        if command.startswith("fireline"):
            self.end("fireline serve", "fireline collect")
            command += f" --port {port}" if "send" not in command else ""
        elif "uvicorn" in command:
            port = self.app
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.env,
            stdout=(self.folder / "out.log").open("ab"), stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.lasting.append((command, process))
        if "send" not in command:
            wait(lambda: listens(port) or process.poll() is not None)
            assert process.poll() is None, (self.folder / "out.log").read_text()

    def end(self, *names: str) -> None:
        for command, process in self.lasting:
            if any(name in command for name in names) and process.poll() is None:
                process.terminate()
                process.wait(60)

    def close(self) -> None:
        """End what lasts; what it said is shown where the test fails."""
        self.end("")
        log = self.folder / "out.log"
        print(log.read_text(errors="replace")[-3000:] if log.exists() else "nothing that lasts was begun")

    def get(self, path: str, port: int = 0) -> dict:
        with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}{path}", timeout=60) as answer:
            return json.load(answer)


def listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def wait(happened: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Callable[[str], Walk]]:
    walks: list[Walk] = []

    def begin(page: str) -> Walk:
        walks.append(Walk(page, tmp_path))
        return walks[-1]

    yield begin
    for one in walks:
        one.close()


def counted(walk: Walk, service: str, least: int = 1) -> None:
    """Wait until the server has counted events of now."""
    wait(lambda: walk.get(f"/v1/services/{service}")["events"] >= least)


def taken(walk: Walk, service: str, than: int) -> None:
    """Wait until the server has taken more than ``than`` events, counted or about to be."""

    def more() -> bool:
        told = walk.get(f"/v1/services/{service}/arrivals")
        return told["waiting_bytes"] > 0 or told["since_start"]["events"] > than

    wait(more)


# -- a service -----------------------------------------------------------------------------------------------


def two_weeks(folder: Path) -> None:
    """What a collector would have after two weeks: what it has, many times over, day by day."""
    (event,) = [json.loads(x) for x in next(folder.glob("events-*.jsonl")).read_text().splitlines()[:1]]
    rng, first = np.random.default_rng(2), datetime(2026, 11, 1, tzinfo=UTC)
    with (
        (folder / "events-past.jsonl").open("w") as events,
        (folder / "labels-past.jsonl").open("w") as labels,
    ):
        for i in range(15 * 288):
            at, km = first + timedelta(minutes=5 * i), float(rng.gamma(4, 2))
            score = float(1 / (1 + np.exp(3 - 0.25 * km - 0.5 * (at.hour > 15))))
            row = {"time": iso(at), "request_id": f"p-{i}", "km": km, "hour": at.hour, "score": score}
            row |= {"prediction": int(score >= 0.5), "city": ("Ghent", "Bruges")[i % 2], "shadow": False}
            row = {**event, **row}
            events.write(json.dumps(row) + "\n")
            known = iso(at + timedelta(hours=3))
            told = {"request_id": f"p-{i}", "label": int(rng.random() < score), "label_time": known}
            labels.write(json.dumps(told) + "\n")


def ask(walk: Walk, name: str, km: float = 8.0) -> float:
    body = json.dumps({"request_id": name, "city": "Ghent", "km": km, "hour": 18}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{walk.app}/late", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return float(json.load(answer)["late"])


def test_a_fastapi_and_scikit_learn_service_from_nothing_to_a_switch_obeyed(walk):
    page = walk("connect-fastapi-sklearn")
    collected = page.folder / "state" / "collected" / "courier"

    def both() -> bool:  # a file of each kind, or two where midnight has passed
        return {path.name.split("-")[0] for path in collected.glob("*.jsonl")} == {"events", "labels"}

    arrived = {"fireline doctor": lambda: wait(both)}
    page.do(until="fireline init", before=arrived)
    assert "Nothing stands in the way" in page.said
    two_weeks(collected)
    page.do(until="env $(cat guard.env) fireline doctor")
    b = ask(page, "n-1")
    for i in range(5):
        ask(page, f"m-{i}")
    counted(page, "courier", 6)
    wait(lambda: bool(page.get("/v1/services/courier")["guards"]))
    page.do(until="fireline declare")
    assert "Nothing stands in the way" in page.said
    assert page.get("/v1/services/courier")["rungs"].keys() == {"current"}
    page.do(until="fireline undo")
    wait(lambda: ask(page, f"a-{time.monotonic()}") != b)
    a = ask(page, "n-2")
    page.do()
    wait(lambda: ask(page, f"b-{time.monotonic()}") == b)
    assert a != b
    deploys = [c for c in page.get("/v1/services/courier")["changes"] if c["kind"] == "deploy"]
    assert [c["version"] for c in deploys if not c.get("inferred")] == ["B"]  # A may have been counted by now


def test_a_pytorch_service():
    pytest.importorskip("torch", reason="PyTorch is not installed here")
    text = (GUIDES / "connect-pytorch.md").read_text(encoding="utf-8")
    names = {"__name__": "guide"}
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.S)):
        exec(compile(block, f"connect-pytorch.md, block {number}", "exec", dont_inherit=True), names)


def test_the_pytorch_guides_code_reads_as_python():
    blocks = re.findall(r"```python\n(.*?)```", (GUIDES / "connect-pytorch.md").read_text("utf-8"), re.S)
    assert len(blocks) == 4
    for block in blocks:
        compile(block, "connect-pytorch.md", "exec")


# -- a batch job ---------------------------------------------------------------------------------------------


def night(rng: np.random.Generator, at: datetime, n: int = 400) -> pa.Table:
    x = rng.normal(size=n)
    return pa.table({
        "scored_at": pa.array([at + timedelta(seconds=2 * i) for i in range(n)], pa.timestamp("us", "UTC")),
        "request_id": [f"{at:%m%d}-{i}" for i in range(n)],
        "model_version": ["v2"] * n,
        "tenure": x,
        "plan": rng.choice(["basic", "plus"], n).tolist(),
        "score": 1 / (1 + np.exp(-x)),
    })  # fmt: skip


def outcomes(rng: np.random.Generator, scored: pa.Table, at: datetime) -> pa.Table:
    n = len(scored)
    return pa.table({
        "request_id": scored.column("request_id"),
        "label": (rng.random(n) < scored.column("score").to_numpy()).astype(int),
        "label_time": pa.array([at + timedelta(hours=9)] * n, pa.timestamp("us", "UTC")),
    })  # fmt: skip


def test_a_batch_job(walk):
    page, rng = walk("connect-a-batch-job"), np.random.default_rng(4)
    for name in ("scores", "outcomes"):
        (page.folder / name).mkdir()
    for day in range(28):
        at = datetime(2026, 2, 1, 2, tzinfo=UTC) + timedelta(days=day)
        scored = night(rng, at)
        pq.write_table(scored, page.folder / "scores" / f"{at:%Y-%m-%d}.parquet")
        pq.write_table(outcomes(rng, scored, at), page.folder / "outcomes" / f"{at:%Y-%m-%d}.parquet")
    now = SystemClock().now()
    tonight = night(rng, now - timedelta(minutes=14))
    pq.write_table(tonight, page.folder / "tonight.parquet")
    pq.write_table(outcomes(rng, tonight, now - timedelta(hours=9)), page.folder / "outcomes.parquet")
    (page.folder / "scores.jsonl").write_text("")

    page.do(until="fireline backfill")
    book = page.folder / "runbook.yaml"
    written = re.search(r"```yaml\n(allowed_lateness.*?)```", page.text, re.S)[1]
    plain = re.sub(r"^(allowed_lateness|dedup_horizon): .*\n|^monitors:\n", "", book.read_text(), flags=re.M)
    book.write_text(plain + "\n" + written)
    page.do(until="env $(cat job.env) fireline send tonight")
    page.run(page.commands[0])
    assert "400 events taken" in page.said
    page.do(until="env $(cat job.env) fireline send outcomes")
    assert "400 were there already" in page.said
    page.do(until="env $(cat job.env) fireline doctor")
    counted(page, "churn", 400)
    page.do()
    assert "Nothing stands in the way" in page.said
    with (page.folder / "scores.jsonl").open("a") as stream:
        row = tonight.slice(0, 1).to_pylist()[0]
        stream.write(json.dumps({**row, "request_id": "late-1", "scored_at": iso(now)}) + "\n")
    taken(page, "churn", 400)


# -- a table -------------------------------------------------------------------------------------------------

TABLES = (
    "CREATE TABLE predictions (id integer primary key, answered_at {time}, model text, country text,"
    " amount double precision, risk double precision)",
    "CREATE TABLE outcomes (seq integer primary key, prediction_id integer, fraud integer, known_at {time})",
)


class Sqlite:
    """Somebody's SQLite."""

    time, mark = "text", "?"

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'theirs.db'}"
        self.line = sqlite3.connect(folder / "theirs.db")

    def when(self, at: datetime):
        return iso(at)

    def do(self, text: str, rows=None) -> None:
        cursor = self.line.cursor()
        cursor.executemany(text.replace("?", self.mark), rows) if rows else cursor.execute(text)
        self.line.commit()


class Postgres(Sqlite):
    """Somebody's PostgreSQL."""

    time, mark = "timestamptz", "%s"

    def __init__(self, server: postgres.Postgres) -> None:
        import psycopg

        self.url = server.new_database()
        self.line = psycopg.connect(self.url)

    def when(self, at: datetime):
        return at


@pytest.fixture(params=["sqlite", "postgresql"])
def theirs(request, tmp_path):
    if request.param == "sqlite":
        yield Sqlite(tmp_path)
        return
    try:
        server = postgres.start()
    except postgres.NoPostgres as why:
        pytest.skip(str(why))
    yield Postgres(server)
    server.stop()


def fill(theirs: Sqlite, first: int, times: list[datetime]) -> None:
    rng = np.random.default_rng(first)
    risk = rng.random(len(times))
    theirs.do("INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?)", [
        (first + i, theirs.when(at), "v7", ("be", "nl")[i % 2], float(rng.gamma(2, 30)), float(risk[i]))
        for i, at in enumerate(times)
    ])  # fmt: skip
    theirs.do("INSERT INTO outcomes VALUES (?, ?, ?, ?)", [
        (first + i, first + i, int(rng.random() < risk[i]), theirs.when(at + timedelta(hours=5)))
        for i, at in enumerate(times)
    ])  # fmt: skip


def test_a_table_in_sql(theirs, walk):
    page = walk("connect-a-sql-table")
    page.env["FIRELINE_SQL"] = theirs.url
    for text in TABLES:
        theirs.do(text.format(time=theirs.time))
    for view in re.findall(r"```sql\n(.*?)```", page.text, re.S):
        theirs.do(view)
    first = datetime(2026, 2, 1, tzinfo=UTC)
    fill(theirs, 1, [first + timedelta(minutes=10 * i) for i in range(28 * 144)])
    page.commands = [
        line.replace("--state loader", "--state loader --settle 1s") for line in page.commands
    ]  # ten seconds each are for real databases
    page.do(until="fireline serve")
    page.do(until="env $(cat loader.env) fireline send")
    now = SystemClock().now()
    fill(theirs, 10_001, [now - timedelta(minutes=5) + timedelta(seconds=i) for i in range(200)])
    page.do(until="env $(cat loader.env) fireline doctor")
    assert "labels taken" in page.said
    counted(page, "fraud", 28 * 144 + 200)
    fill(theirs, 20_001, [now - timedelta(minutes=1) + timedelta(seconds=i) for i in range(50)])
    taken(page, "fraud", 28 * 144 + 200)
    page.do()
    told = page.get("/v1/services/fraud")
    assert (told["duplicates"], told["quarantined"]) == (0, 0)


# -- the server ----------------------------------------------------------------------------------------------


def test_running_the_server(walk, tmp_path):
    page = walk("run-the-server")
    first, step = datetime(2026, 2, 1, tzinfo=UTC), timedelta(minutes=5)
    log = [
        {"time": iso(first + i * step), "score": (i * 37 % 100) / 100, "request_id": f"r{i}"}
        for i in range(4000)
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    assert main(["init", str(tmp_path / "log.jsonl"), "--service", "pricing", "--until", "2026-02-14", "-o",
                 str(tmp_path / "runbook.yaml"), "-q"]) == 0  # fmt: skip
    page.commands = [line for line in page.commands if "--db" not in line]
    page.do(until="curl -s http://127.0.0.1")
    page.do(until="fireline doctor")
    assert json.loads(page.said) == {"status": "ready"}
    page.do(0, 1, until="mkdir")
    assert 'fireline_events_total{service="pricing"} 0' in page.said
    page.run("head -50 log.jsonl > few.jsonl && fireline send few.jsonl --service pricing")
    counted(page, "pricing", 50)
    page.do(until="fireline serve backup")
    page.do()
    rows = page.get("/v1/services/pricing/arrivals")["events"]["last"]
    assert rows == log[49]["time"]
    assert yaml.safe_load((tmp_path / "prometheus.yml").read_text())["scrape_configs"]


def test_the_unit_is_one_that_systemd_takes(walk, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze looks at units, and is not here")
    walk("run-the-server")
    unit = tmp_path / "fireline.service"
    unit.write_text(unit.read_text().replace("/opt/fireline/bin/fireline", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert str(unit.name) not in done.stderr, done.stderr


def test_the_servers_guide_names_every_setting_of_the_environment():
    text = "".join(one.read_text("utf-8") for one in GUIDES.glob("*.md"))
    source = Path(__file__).resolve().parents[2] / "src" / "fireline"
    found = {
        name for one in source.rglob("*.py") for name in re.findall(r"FIRELINE_[A-Z]+\b", one.read_text())
    }
    assert {name for name in found if name not in text} <= {"FIRELINE_DATA"}
