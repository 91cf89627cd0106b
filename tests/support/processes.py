"""The living loop as real processes, small and fast: `fireline serve` on a drill clock, a guarded service,
and a server that dies at chosen writes or at any moment and is started again.

The log comes from a synthetic world; its reference, runbook and baseline are made once and played often.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from fireline.cli.entry import main
from fireline.clock import SystemClock, iso
from fireline.drill.world import World
from fireline.drill.writing import write
from fireline.live.keys import switch_key
from fireline.store import Store
from fireline.store.people import People
from fireline.web.auth.tokens import make
from tests.support.listening import free_port
from tests.support.played import small

PATIENCE = 120.0
EDITS = (
    ("\n    authority: observe", "\n    authority: auto"),
    ("  shadow: shadow", "  rung: rung\n  switch: switch\n  shadow: shadow"),
    ("\nmonitors:", "\nmonitors:\n  - {monitor: latency, off: true, because: it is the machine's own}"),
    ("watch: 1d", "watch: 2h"),
)
DYING = """
import atexit, os, signal, sys, threading
from fireline.store import Store
from fireline.store.watch import watch

how, given = sys.argv.pop(1).split(":")
given, opened, lock = int(given), Store.open.__func__, threading.Lock()
left, counts = given, how == "write"

def told(moment, what):
    global left, counts
    counts = counts or what == "INSERT entries"
    if counts and moment in ("before", "after"):
        with lock:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

def watched(kind, *args, **named):
    store = opened(kind, *args, **named)
    watch(store.database, told)
    return store

def begun(*args):
    global counts
    counts = True
    return accept(*args)

if how == "accept":
    from fireline.baselines import decide
    accept, decide.accept = decide.accept, begun

Store.open = classmethod(watched)
atexit.register(lambda: print("writes:", given - left, flush=True))
from fireline.cli.entry import main
sys.exit(main(sys.argv[1:]))
"""
"""A server that kills itself before or after its n-th write, of all, from its first journal entry on, or from
the moment on at which a baseline is to be accepted."""


@dataclass(frozen=True)
class Town:
    """A log in a folder, cut at the moment the server begins; its runbook and its baseline."""

    folder: Path
    world: World
    rows: tuple[dict[str, Any], ...]
    labels: tuple[dict[str, Any], ...]
    blank: str = "amount"
    """The feature that version B loses."""

    @classmethod
    def make(
        cls,
        folder: Path,
        hours: float,
        edits: tuple[tuple[str, str], ...] = EDITS,
        world: World | None = None,
        without: tuple[str, ...] = ("host", "source", "latency_ms"),
    ) -> Town:
        """Writes the log but for the columns ``without``, drafts the runbook with its baseline, and changes
        what ``edits`` say."""
        world = world or small()
        write(world, folder)
        events = pq.read_table(folder / "events.parquet").drop_columns(list(without))
        labels = pq.read_table(folder / "labels.parquet")
        begin, end = world.live_from, world.live_from + timedelta(hours=hours)
        pq.write_table(events.filter(pc.less(events["time"], begin)), folder / "past.parquet")
        pq.write_table(labels.filter(pc.less(labels["label_time"], begin)), folder / "known.parquet")
        made = cls(
            folder, world, _within(events, "time", begin, end), _within(labels, "label_time", begin, end)
        )
        assert main(["init", str(folder / "past.parquet"), "--labels", str(folder / "known.parquet"),
                     "--service", world.service, "--until", iso(begin), "--timezone", world.timezone,
                     "-o", str(made.runbook), "--force", "-q"]) == 0  # fmt: skip
        text = made.runbook.read_text()
        for old, new in edits:
            assert old in text, f"the draft has no {old!r}"
            text = text.replace(old, new, 1)
        made.runbook.write_text(text)
        return made

    @property
    def runbook(self) -> Path:
        return self.folder / "runbook.yaml"

    @property
    def service(self) -> str:
        return self.world.service

    @property
    def begin(self) -> datetime:
        return self.world.live_from


def _within(table: Any, clock: str, begin: datetime, end: datetime) -> tuple[dict[str, Any], ...]:
    inside = pc.and_(pc.greater_equal(table[clock], begin), pc.less(table[clock], end))
    return tuple(table.filter(inside).to_pylist())


# -- asking --


class Gone(Exception):
    """Nobody answered, or the answer was to come again."""


def ask(port: int, method: str, path: str, body: Any = None, patience: float = 60.0, **headers: str) -> Any:
    """One exchange on a connection of its own; the answer's JSON. Raises Gone."""
    sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    try:
        wire.request(method, path, sent, {"Content-Type": "application/json", **headers})
        answer = wire.getresponse()
        text = answer.read()
    except (http.client.HTTPException, OSError) as error:
        raise Gone(repr(error)) from None
    finally:
        wire.close()
    if answer.status in (429, 500, 503):
        raise Gone(f"{answer.status}: {text[:500]!r}")
    assert 200 <= answer.status < 300, f"{method} {path}: {answer.status} {text[:500]!r}"
    return json.loads(text or b"null")


def until(
    what: Callable[[], Any], why: str | Callable[[], str], patience: float = PATIENCE, pause: float = 0.03
) -> Any:
    """``what`` again and again until it gives something true; what it gave. ``why`` it is waited for, or what
    says at the end what stands in the way."""
    end, last = time.monotonic() + patience, ""
    while time.monotonic() < end:
        try:
            if found := what():
                return found
        except Gone as error:
            last = str(error)
        time.sleep(pause)
    raise AssertionError(f"{why if isinstance(why, str) else why()} {last}")


# -- processes --


@dataclass
class Server:
    """`fireline serve` as a process that may die and be started again on the same state and port."""

    town: Town
    folder: Path
    db: str | None = None
    config: Path | None = None
    drill: bool = True
    secret: str = ""
    name: str = "data"
    more: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / self.name

    def start(self, die_at: str = "write:0") -> None:
        """Start it, to die at a write: ``write:N``, ``entry:N`` or ``accept:N`` (see DYING); it lives where N
        is 0."""
        command = ["serve", str(self.town.runbook), "--data", str(self.data), "--port", str(self.port)]
        command += ["--db", self.db] if self.db else []
        command += ["--config", str(self.config)] if self.config else []
        command += self.more
        command += ["--drill-clock", iso(self.town.begin)] if self.drill else []
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", DYING, die_at, *command],
                stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "DEMO_PAGER_SECRET": self.secret},
            )  # fmt: skip

    def ready(self) -> None:
        """Wait until it answers."""
        until(
            lambda: ask(self.port, "GET", "/healthz", patience=5),
            lambda: f"no server: {self.log()}",
            pause=0.1,
        )

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def log(self) -> str:
        """What it said, the end of it."""
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as Ctrl-C does; what it said is shown where the test fails."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        print(f"{self.name}, the server, said:\n{self.log()}")

    def store(self) -> Store:
        """Its store, opened by the test."""
        return Store.open(self.db or self.data / "fireline.sqlite")

    def credentials(self) -> dict[str, str]:
        """A guard's environment: where the server is, a token, and the key of its switches."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.store() as store:
            token, text = make("test guard", "guard", self.town.service, SystemClock().now())
            People(store).add_token(token)
            key = switch_key(store, self.town.service)
        return {"FIRELINE_URL": f"http://127.0.0.1:{self.port}", "FIRELINE_TOKEN": text,
                "FIRELINE_SWITCH_KEY": key}  # fmt: skip


Fate = tuple[str, float]
"""How a life of the server ends: ("write", n) at its n-th write, ("entry", n) at the n-th from its first
journal entry on, ("wall", s) that many seconds after it was started."""


class Keeper:
    """Starts the server again whenever it has died, as a supervisor does; when no fate is left it lives."""

    def __init__(self, server: Server, fates: list[Fate]) -> None:
        self.server, self._fates, self._stop = server, list(fates), threading.Event()
        self.deaths = 0
        self._begin()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _begin(self) -> None:
        how, when = self._fates.pop(0) if self._fates else ("none", 0.0)
        self._dies_at = time.monotonic() + when if how == "wall" else None
        self.server.start(f"{how}:{int(when)}" if how in ("write", "entry") else "write:0")

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            process = self.server.process
            assert process is not None
            if self._dies_at is not None and time.monotonic() >= self._dies_at:
                self.server.kill()
            if process.poll() is not None:
                self.deaths += 1
                self._begin()

    def close(self) -> None:
        """No more restarts."""
        self._stop.set()
        self._thread.join()


@dataclass
class Counter:
    """The guarded service as a process."""

    town: Town
    folder: Path
    environment: Mapping[str, str]
    more: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self, deployed: str = "A") -> None:
        """Start it with ``deployed`` out to everybody."""
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.folder / "counter.log"
        with place.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.counter", "--service", self.town.service,
                 "--port", str(self.port), "--state", str(self.folder / "guard"), "--blank", self.town.blank,
                 "--deploy", deployed, *self.more],
                stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **self.environment, "PYTHONPATH": os.pathsep.join(["src", "."])},
            )  # fmt: skip
        until(lambda: self.ask("/status"), lambda: f"no service: {place.read_text()[-2000:]}")

    def ask(self, path: str, body: Any = None) -> Any:
        """What the service says."""
        return ask(self.port, "POST", path, body)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
