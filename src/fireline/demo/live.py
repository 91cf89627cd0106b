"""The live demo: a model service, a server, a pager and a player, all real, and a bad deploy contained.

The player owns the clock: it moves only once the server has done what was due, so two days pass in about a
minute and nothing is left out. Everything else is as in production: processes, HTTP, signatures, disks.
"""

from __future__ import annotations

import os
import pickle
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fireline.clock import iso, parse_time
from fireline.demo import delay_model, timetable
from fireline.demo.delay_model import DelayModel
from fireline.demo.flights import SERVICE, Plan, Recording, changes, local, record, source
from fireline.demo.pager import Pager
from fireline.demo.player import Deploy, Line, Player
from fireline.errors import FirelineError
from fireline.terms import words
from fireline.terms.fold import fold
from fireline.terms.timeline import Entry, EntryKind
from fireline.web.story import Story

Invoke = Callable[[list[str]], int]
STARTS = local(3, 18, 0)
REFERENCE_UNTIL = "2013-03-15"
LONGEST = timedelta(days=3)
AFTERWARDS = timedelta(hours=1)
PERSON = "Pat Rivera"
EDITS = (
    ("\n    authority: observe", "\n    authority: auto", "a deploy that goes wrong is undone at once"),
    ("  shadow: shadow\n", "  shadow: shadow\n  rung: rung\n  switch: switch\n  host: host\n",
     "the guard's own columns"),
    ("\nmonitors:", "\nmonitors:\n  - {monitor: latency, off: true, because: the reference's latency was invented}",
     "no latency monitor"),
)  # fmt: skip


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


def run(
    out: Path, *, invoke: Invoke, fault: bool = True, stay: bool = True, port: int = 8700,
    console: Console | None = None,
) -> int:  # fmt: skip
    """Play the story; 0 when every step of it happened. ``stay`` leaves the server up until Ctrl-C."""
    console = console or Console(highlight=False, soft_wrap=True)
    began = perf_counter()
    scene = _prepared(out, console, fault, port, invoke)
    rings: list[Mapping[str, Any]] = []
    telling = _Telling(console)
    pager = Pager(scene.secret, lambda page: _rings(page, rings, console))
    try:
        with _running(scene, pager.port) as (service, fireline):
            player = _player(scene, service, fireline)
            _say(console, "4", "The flights go out, and five minutes pass at a time")
            done = _play(scene, player, fireline, telling)
            steps = _steps(done, rings, fault)
            _summary(console, done, steps, telling, player, perf_counter() - began)
            if stay and all(happened for _, happened in steps):
                _stay(console, scene.port)
    except KeyboardInterrupt:
        console.print(Text("\nStopped. What was done is kept; the next run begins anew."))
        return 130
    finally:
        scene.stop()
        pager.close()
    return 0 if all(happened for _, happened in steps) else 1


# -- before: a log, a runbook, models ------------------------------------------------------------------------


def _prepared(out: Path, console: Console, fault: bool, port: int, invoke: Invoke) -> Scene:
    _say(console, "1", "Two weeks of a delay service in New York, 2013, and its model in two versions")
    recording = record(
        out.parent / "log", Plan(fault=fault), say=lambda step: console.print(Text(f"  {step}", "dim"))
    )
    out.mkdir(parents=True, exist_ok=True)
    scene = Scene(out, console, _free(port), fault, recording)
    _fresh(scene)
    past, known = _past(recording, out)
    _models(scene)
    _say(console, "2", "A runbook from the past, and three lines changed in it")
    code = invoke(["init", str(past), "--labels", str(known), "--changes", str(recording.changes), "--service",
                   SERVICE, "--until", REFERENCE_UNTIL, "--timezone", timetable.NEW_YORK, "--owner", "delays team",
                   "--contact", f"{PERSON}, all, pat@example.com", "-o", str(scene.runbook), "--force"])  # fmt: skip
    if code:
        raise FirelineError("`fireline init` failed", todo="see its message above")
    _edit(scene)
    backfill = ["backfill", str(scene.runbook), "--events", str(past), "--events", str(known),
                "--data", str(scene.data)]  # fmt: skip
    if invoke(backfill):
        raise FirelineError("`fireline backfill` failed", todo="see its message above")
    return scene


def _fresh(scene: Scene) -> None:
    """A run begins with no state but the log: what an earlier one left is put away."""
    import shutil

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


# -- the processes -------------------------------------------------------------------------------------------


@contextmanager
def _running(scene: Scene, pager_port: int) -> Iterator[tuple[Line, Line]]:
    """The server and the model service, up and speaking to each other."""
    _say(scene.console, "3", "Three processes: Fireline, the delay service with its guard, and a pager")
    config = scene.out / "fireline.yaml"
    config.write_text(_settings(pager_port), encoding="utf-8")
    environment = {"DEMO_PAGER_SECRET": scene.secret}
    here = [sys.executable, "-m", "fireline.cli.entry"]
    scene.start(
        "server",
        [*here, "serve", str(scene.runbook), "--data", str(scene.data), "--port", str(scene.port), "--config",
         str(config), "--drill-clock", iso(STARTS)],
        **environment,
    )  # fmt: skip
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
    from fireline.clock import SystemClock
    from fireline.live.keys import switch_key
    from fireline.store import Store
    from fireline.store.people import People
    from fireline.web.auth.tokens import make

    with Store.open(scene.data / "fireline.sqlite") as store:
        token, text = make("demo guard", "guard", SERVICE, SystemClock().now())
        People(store).add_token(token)
        return text, switch_key(store, SERVICE)


def _await(ready: Callable[[], Any], scene: Scene, name: str) -> None:
    for _ in range(300):
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
    """``port`` if nobody listens there, else any."""
    for wanted in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
                return int(probe.getsockname()[1])
            except OSError:
                continue
    raise FirelineError("no port is free", todo="close some programs")


# -- the play ------------------------------------------------------------------------------------------------


def _player(scene: Scene, service: Line, fireline: Line) -> Player:
    flights, weather = source(last_month=3)
    plan = scene.recording.plan
    served = flights.pick(flights.between(local(3, 17), plan.serves_until))
    told = changes(plan)[1:]
    deploys = [
        Deploy(plan.canary_at, {"B": plan.share, "A": 1 - plan.share}, told[0]),
        Deploy(plan.full_at, {"B": 1.0}, told[1]),
    ]
    return Player(served, weather, service, fireline, SERVICE, deploys, STARTS)


def _play(scene: Scene, player: Player, fireline: Line, telling: _Telling) -> list[dict[str, Any]]:
    """Steps until the incident is written up, or the time is over; the incidents as they stand then."""
    until = STARTS + LONGEST if scene.fault else STARTS + timedelta(days=2)
    ended: datetime | None = None
    with telling.story:
        while player.now < until:
            player.step()
            telling.story.on_tick(player.now, (player.now - STARTS) / (until - STARTS))
            found = telling.look(fireline)
            _person(fireline, found, player.now)
            paged = [i for i in found if _paged(i)]
            if ended is None and paged and all(i["state"] in ("learning", "closed") for i in paged):
                ended = player.now
            if ended is not None and player.now >= ended + AFTERWARDS:
                break
    return telling.look(fireline)


def _person(fireline: Line, incidents: list[dict[str, Any]], now: datetime) -> None:
    """What the person on call does: acknowledges the page, and after the watch period keeps the rollback."""
    for incident in incidents:
        if not _paged(incident):
            continue
        name, kinds = incident["id"], {e["kind"] for e in incident["timeline"]}
        if "paged" in kinds and "acked" not in kinds:
            fireline.post(f"/v1/incidents/{name}/ack", {"text": f"{PERSON} has it."})
        passed = any(
            e["kind"] == "next" and "watch period has passed" in e["because"] for e in incident["timeline"]
        )
        for measure in incident["measures"]:
            if passed and measure["state"] == "confirmed" and measure["temporary"] and "kept" not in kinds:
                text = f"{PERSON} keeps it: B is withdrawn until its feature code is fixed."
                fireline.post(f"/v1/incidents/{name}/keep", {"text": text, "measure": measure["id"]})


def _paged(incident: Mapping[str, Any]) -> bool:
    return any(a["urgency"] == "page" for a in incident["alerts"]) and incident["state"] != "merged"


@dataclass
class _Telling:
    """Tells each entry as it comes, and remembers when it was first seen by the wall clock."""

    console: Console
    seen: dict[str, int] = field(default_factory=dict)
    wall: dict[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.story = Story(self.console, timezone=timetable.NEW_YORK)

    def look(self, fireline: Line) -> list[dict[str, Any]]:
        """The incidents as they stand; what is new is told."""
        found = []
        for brief in reversed(fireline.get("/v1/incidents")):
            told = fireline.get(f"/v1/incidents/{brief['id']}")
            found.append(told)
            entries = [_entry(brief["id"], one) for one in told["timeline"]]
            incident = replace(fold(entries), evidence=tuple(told["evidence"]))
            for entry in entries[self.seen.get(brief["id"], 0) :]:
                self.wall.setdefault((brief["id"], entry.kind.value), perf_counter())
                self.story.on_entry(incident, entry)
            self.seen[brief["id"]] = len(entries)
        return found


def _entry(incident: str, told: Mapping[str, Any]) -> Entry:
    fixed = ("seq", "at", "kind", "by", "because")
    data = {name: value for name, value in told.items() if name not in fixed}
    if told["kind"] == "evidence":
        data["evidence"] = []
    return Entry(incident, told["seq"], parse_time(told["at"]), EntryKind(told["kind"]), told["by"],
                 told["because"], data)  # fmt: skip


def _rings(page: Mapping[str, Any], rings: list[Mapping[str, Any]], console: Console) -> None:
    rings.append(page)
    console.print(Text("  ☎ page: " if console.encoding.startswith("utf") else "  page: ", "bold red").append(
        str(page.get("title") or page.get("subject") or page.get("text", ""))[:140]))  # fmt: skip


# -- after ---------------------------------------------------------------------------------------------------


def _steps(
    incidents: list[dict[str, Any]], rings: list[Mapping[str, Any]], fault: bool
) -> list[tuple[str, bool]]:
    """What must have happened, and whether it did."""
    paged = [i for i in incidents if _paged(i)]
    if not fault:
        measures = [m for i in incidents for m in i["measures"]]
        return [("nobody was paged", not paged and not rings), ("nothing was done", not measures)]
    whole = paged[0] if paged else {"timeline": [], "measures": [], "review": None, "state": "", "causes": []}
    kinds = {e["kind"] for e in whole["timeline"]}
    states = {e.get("to") for e in whole["timeline"] if e["kind"] == "moved"}
    measure = next((m for m in whole["measures"] if m["action"] == "rollback"), {})
    verdicts = [v["verdict"] for v in whole.get("verdicts", [])]
    top = (whole["causes"] or [{}])[0]
    return [
        ("the fault was detected, and paged once", len(paged) == 1),
        ("a signed page reached the pager", bool(rings) and "paged" in kinds),
        ("the deploy was named as the cause", top.get("cause") == "deploy"),
        ("the guard was told to roll back B to A", bool(measure.get("applied_at"))),
        ("live traffic was seen to obey it", bool(measure.get("confirmed_at")) and "contained" in states),
        ("it helped", "effective" in verdicts),
        ("the watch period passed", "recovered" in verdicts),
        ("a person kept the rollback", "kept" in kinds),
        ("it was resolved", "resolved" in states),
        ("its review was drafted", bool(whole["review"])),
    ]


def _summary(
    console: Console, incidents: list[dict[str, Any]], steps: list[tuple[str, bool]], telling: _Telling,
    player: Player, took: float,
) -> None:  # fmt: skip
    _say(console, "5", "What happened")
    for what, happened in steps:
        console.print(
            Text("  yes  " if happened else "  NO   ", "green" if happened else "bold red").append(
                what, "default"
            )
        )
    paged = [i for i in incidents if _paged(i)]
    if paged:
        console.print(Padding(_times(paged[0], telling), (1, 0, 0, 2)))
    console.print(
        Text(
            f"  {words.number(player.requests)} requests over HTTP, {player.refused} refused; {took:.0f} s in all",
            "dim",
        )
    )


def _times(incident: Mapping[str, Any], telling: _Telling) -> Table:
    """From onset to alert, containment and resolution, in event time and by the wall clock."""
    timeline = incident["timeline"]
    name = incident["id"]

    def first(kind: str, **data: str) -> datetime | None:
        found = (e for e in timeline if e["kind"] == kind and all(e.get(k) == v for k, v in data.items()))
        return next((parse_time(e["at"]) for e in found), None)

    onset = parse_time(incident["onset"][0])
    alert = first("alerted")
    rows = [
        ("alert", alert, 0.0),
        ("told the guard", first("applied"), _wall(telling, name, "applied")),
        ("confirmed in live traffic", first("confirmed"), _wall(telling, name, "confirmed")),
        ("judged effective", first("verdict"), _wall(telling, name, "verdict")),
        ("resolved", first("moved", to="resolved"), None),
    ]
    table = Table(box=None, pad_edge=False)
    for head, side in (("", "left"), ("event time", "left"), ("since onset", "right"), ("since the alert", "right"),
                       ("wall time since the alert", "right")):  # fmt: skip
        table.add_column(head, justify=side, header_style="dim")  # type: ignore[arg-type]
    table.add_row("onset", words.day_time(onset, timetable.NEW_YORK), "", "", "")
    for what, at, wall in rows:
        if at is None:
            continue
        since = words.length(at - alert) if alert and at > alert else "0"
        table.add_row(what, words.day_time(at, timetable.NEW_YORK), words.length(at - onset), since,
                      "" if wall is None else f"{wall:.1f} s")  # fmt: skip
    return table


def _wall(telling: _Telling, incident: str, kind: str) -> float | None:
    alerted, then = telling.wall.get((incident, "alerted")), telling.wall.get((incident, kind))
    return None if alerted is None or then is None else then - alerted


def _stay(console: Console, port: int) -> None:
    console.print(Text(f"\nLook around: http://127.0.0.1:{port} stays up until Ctrl-C.", "bold"))
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print(Text("\nStopped."))


def _say(console: Console, number: str, text: str) -> None:
    console.print(Padding(Text(f"{number}  ", "bold dark_orange").append(text, "bold"), (1, 0, 0, 0)))
