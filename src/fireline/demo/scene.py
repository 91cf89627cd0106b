"""What the live demo is made of: a past, a runbook drafted from it, two trained models, and the processes."""

from __future__ import annotations

import os
import pickle
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from fireline.clock import iso
from fireline.demo import delay_model, timetable
from fireline.demo.delay_model import DelayModel
from fireline.demo.flights import SERVICE, Plan, Recording, local, record, source
from fireline.demo.player import Line
from fireline.errors import FirelineError

Invoke = Callable[[list[str]], int]
FIRELINE = [sys.executable, "-m", "fireline.cli.entry"]
STARTS = local(3, 18, 0)
REFERENCE_UNTIL = "2013-03-15"
PERSON = "Pat Rivera"
PATIENCE = 120.0
"""Seconds a process may take to answer for the first time."""
ASKED_FOR = range(20_000, 32_000)
"""Ports that are nobody's but whoever asks for them by number: systems give away those above 32767."""
EDITS = (
    ("\n    authority: observe", "\n    authority: auto", "a deploy that goes wrong is undone at once"),
    (
        "\nmonitors:",
        "\nmonitors:\n  - {monitor: latency, off: true, because: the reference's latency was invented}",
        "no latency monitor",
    ),
)


@dataclass
class Scene:
    """What the demo is made of, and where it stands."""

    out: Path
    console: Console
    port: int
    fault: bool
    recording: Recording
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def runbook(self) -> Path:
        return self.out / "runbook.yaml"

    @property
    def data(self) -> Path:
        return self.out / "data"

    def start(self, name: str, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """A process of its own, its output in a file beside the state."""
        place = self.out / f"{name}.log"
        with place.open("ab") as output:
            started = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self.processes.append(started)
        return started

    def stop(self) -> None:
        """End what is running, the model service first."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def prepared(out: Path, console: Console, fault: bool, port: int, invoke: Invoke) -> Scene:
    """Everything that is there before the first process starts. Raises FirelineError."""
    say(console, "1", "Two weeks of a delay service in New York, 2013, and its model in two versions")
    recording = record(
        out.parent / "log", Plan(fault=fault), say=lambda step: console.print(Text(f"  {step}", "dim"))
    )
    out.mkdir(parents=True, exist_ok=True)
    scene = Scene(out, console, _free(port), fault, recording)
    _fresh(scene)
    past, known = _past(recording, out)
    _models(scene)
    say(console, "2", "A runbook from the past, and two lines changed in it")
    _command(invoke, [
        "init", str(past), "--labels", str(known), "--changes", str(recording.changes), "--service", SERVICE,
        "--until", REFERENCE_UNTIL, "--timezone", timetable.NEW_YORK, "--owner", "delays team",
        "--contact", f"{PERSON}, all, pat@example.com", "-o", str(scene.runbook),
        "--guarded", "--force",
    ])  # fmt: skip
    _edit(scene)
    logs = ["--events", str(past), "--events", str(known)]
    _command(invoke, ["backfill", str(scene.runbook), *logs, "--data", str(scene.data)])
    return scene


def _command(invoke: Invoke, words: list[str]) -> None:
    """Run a command of the command line. Raises FirelineError when it failed."""
    if invoke(words):
        raise FirelineError(f"`fireline {words[0]}` failed", todo="see its message above")


def _fresh(scene: Scene) -> None:
    """A run begins with no state but the log: what an earlier one left is put away."""
    for name in ("data", "guard"):
        shutil.rmtree(scene.out / name, ignore_errors=True)
    for name in ("server.log", "service.log"):
        (scene.out / name).unlink(missing_ok=True)


def _past(recording: Recording, out: Path) -> tuple[Path, Path]:
    """Events and labels from before the demo starts, as files of their own."""
    found = []
    for path, clock in ((recording.events, "time"), (recording.labels, "label_time")):
        table = pq.read_table(path)
        before = table.filter(pc.less(table[clock], STARTS))
        place = out / path.name
        pq.write_table(before, place)
        found.append(place)
    return found[0], found[1]


def _models(scene: Scene) -> None:
    """Train both versions once and keep them: the service loads them as it would from a registry."""
    place = scene.out / "models.pkl"
    if place.exists():
        return
    flights, weather = source(last_month=3)
    history = flights.pick(flights.between(local(1, 1), local(3, 1)))
    past = delay_model.features(history, weather)
    models: dict[str, DelayModel] = {v: delay_model.train(v, past, history.late) for v in ("A", "B")}
    partial = place.with_suffix(".part")
    partial.write_bytes(pickle.dumps(models))
    partial.replace(place)


def _edit(scene: Scene) -> None:
    text = scene.runbook.read_text(encoding="utf-8")
    for old, new, why in EDITS:
        if old not in text:
            raise FirelineError(f"the drafted runbook has no {old.strip()!r}", todo="run the demo anew")
        text = text.replace(old, new, 1)
        scene.console.print(Text(f"  {' '.join(new.split())}  # {why}", "dim"))
    scene.runbook.write_text(text, encoding="utf-8")


@contextmanager
def running(scene: Scene, pager_port: int) -> Iterator[tuple[Line, Line]]:
    """The server and the model service, up and speaking to each other."""
    say(scene.console, "3", "Three processes: Fireline, the delay service with its guard, and a pager")
    config = scene.out / "fireline.yaml"
    config.write_text(_settings(pager_port), encoding="utf-8")
    environment = {"DEMO_PAGER_SECRET": scene.secret}
    options = ["--data", str(scene.data), "--port", str(scene.port), "--config", str(config)]
    serve = [*FIRELINE, "serve", str(scene.runbook), *options, "--drill-clock", iso(STARTS)]
    scene.start("server", serve, **environment)
    fireline = Line(scene.port)
    _await(lambda: fireline.get("/healthz"), scene, "server")
    token, key = _credentials(scene)
    port = _free(0)
    scene.start(
        "service",
        [sys.executable, "-m", "fireline.demo.delays", "--models", str(scene.out / "models.pkl"), "--port",
         str(port), "--state", str(scene.out / "guard"), *([] if scene.fault else ["--healthy"])],
        FIRELINE_URL=f"http://127.0.0.1:{scene.port}", FIRELINE_TOKEN=token, FIRELINE_SWITCH_KEY=key,
    )  # fmt: skip
    service = Line(port)
    _await(lambda: service.get("/status"), scene, "service")
    scene.console.print(
        Text(f"  Fireline: http://127.0.0.1:{scene.port}   the delay service: port {port}", "dim")
    )
    yield service, fireline


def _settings(port: int) -> str:
    return f"""channels:
  phone:
    kind: webhook
    url: http://127.0.0.1:{port}/page
    secret_env: DEMO_PAGER_SECRET
    allow_private: true  # the demo's pager is on this machine
paging:
  steps:
    - channels: [phone]
  repage_every: 30m
  ack_lasts: 12h
"""


def _credentials(scene: Scene) -> tuple[str, str]:
    """A token for the guard and the key that signs its switches, as an admin would make them."""
    asked = [*FIRELINE, "token", "create", "demo-guard", "--scope", "guard", "--service", SERVICE,
             "--data", str(scene.data)]  # fmt: skip
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    lines = dict(
        line.removeprefix("export ").split("=", 1) for line in told.stdout.splitlines() if "=" in line
    )
    try:
        return lines["FIRELINE_TOKEN"].strip("'\""), lines["FIRELINE_SWITCH_KEY"].strip("'\"")
    except KeyError:
        raise FirelineError(f"no token was made: {told.stderr.strip()}", todo="see the message") from None


def _await(ready: Callable[[], Any], scene: Scene, name: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if scene.processes[-1].poll() is not None:
            break
        try:
            ready()
            return
        except FirelineError:
            time.sleep(0.1)
    log = (scene.out / f"{name}.log").read_text(errors="replace")[-2000:]
    raise FirelineError(f"the {name} did not start: {log}", todo=f"see {scene.out / f'{name}.log'}")


def _free(port: int) -> int:
    """``port`` if nobody listens there, else another; 0 for any.

    Not one the system would give: it could give it to somebody else before the process listens there.
    """
    begin = os.getpid() * 97 % len(ASKED_FOR)
    ports: list[int] = [*([port] if port else []), *ASKED_FOR[begin:], *ASKED_FOR[:begin]]
    for wanted in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
                return wanted
            except OSError:
                continue
    raise FirelineError("no port is free", todo="close some programs")


def say(console: Console, number: str, text: str) -> None:
    """A chapter of the demo."""
    console.print(Padding(Text(f"{number}  ", "bold dark_orange").append(text, "bold"), (1, 0, 0, 0)))
