"""The live demo: a model service, a server, a pager and a player, all real, and a bad deploy contained.

The player owns the clock: it moves only once the server has done what was due, so two days pass in about a
minute and nothing is left out. Everything else is as in production: processes, HTTP, signatures, disks.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from rich.console import Console
from rich.text import Text

from fireline.clock import parse_time
from fireline.demo.flights import SERVICE, changes, local, source
from fireline.demo.outcome import happened, paged, summary
from fireline.demo.pager import Pager
from fireline.demo.player import Deploy, Line, Player
from fireline.demo.scene import PERSON, STARTS, Invoke, Scene, prepared, running, say
from fireline.terms.fold import fold
from fireline.terms.incident import Incident
from fireline.terms.timeline import Entry, EntryKind

LONGEST = timedelta(days=3)
QUIET = timedelta(days=2)
AFTERWARDS = timedelta(hours=1)
RING = "\N{BLACK TELEPHONE}"


class Teller(AbstractContextManager["Teller"], Protocol):
    """Tells a story on a screen: what the command line brings along."""

    def on_tick(self, now: datetime, done: float) -> None:
        """Time goes on."""

    def on_entry(self, incident: Incident, entry: Entry) -> None:
        """Something happened."""


def run(
    out: Path, *, invoke: Invoke, fault: bool = True, stay: bool = True, port: int = 8700,
    teller: Teller, console: Console | None = None,
) -> int:  # fmt: skip
    """Play the story; 0 when every step of it happened. ``stay`` leaves the server up until Ctrl-C."""
    console = console or Console(highlight=False, soft_wrap=True)
    began = perf_counter()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # what it started ends with it
    scene = prepared(out, console, fault, port, invoke)
    rings: list[Mapping[str, Any]] = []
    telling = Telling(teller)
    pager = Pager(scene.secret, lambda page: _rings(page, rings, console))
    try:
        with running(scene, pager.port) as (service, fireline):
            player = _player(scene, service, fireline)
            say(console, "4", "The flights go out, and five minutes pass at a time")
            done = _play(scene, player, fireline, telling)
            steps = happened(done, rings, fault)
            summary(console, done, steps, telling.wall, player, perf_counter() - began, fault)
            if stay and all(yes for _, yes in steps):
                _stay(console, scene.port)
    except KeyboardInterrupt:
        console.print(Text("\nStopped. What was done is kept; the next run begins anew."))
        return 130
    finally:
        scene.stop()
        pager.close()
    return 0 if all(yes for _, yes in steps) else 1


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


def _play(scene: Scene, player: Player, fireline: Line, telling: Telling) -> list[dict[str, Any]]:
    """Steps until the incident is written up, or the time is over; the incidents as they stand then."""
    until = STARTS + (LONGEST if scene.fault else QUIET)
    ended: datetime | None = None
    with telling.story:
        while player.now < until:
            player.step()
            telling.story.on_tick(player.now, (player.now - STARTS) / (until - STARTS))
            found = telling.look(fireline)
            _person(fireline, found, player.now)
            mine = [i for i in found if paged(i)]
            if ended is None and mine and all(i["state"] in ("learning", "closed") for i in mine):
                ended = player.now
            if ended is not None and player.now >= ended + AFTERWARDS:
                break
    return telling.look(fireline)


def _person(fireline: Line, incidents: list[dict[str, Any]], now: datetime) -> None:
    """What the person on call does: acknowledges the page, and after the watch period keeps the rollback."""
    for incident in incidents:
        if not paged(incident):
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


@dataclass
class Telling:
    """Tells each entry as it comes, and remembers when it was first seen by the wall clock."""

    story: Teller
    seen: dict[str, int] = field(default_factory=dict)
    wall: dict[tuple[str, str], float] = field(default_factory=dict)

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
    head = f"  {RING} page: " if console.encoding.startswith("utf") else "  page: "
    console.print(Text(head, "bold red").append(str(page.get("title", ""))[:140]))


def _stay(console: Console, port: int) -> None:
    console.print(Text(f"\nLook around: http://127.0.0.1:{port} stays up until Ctrl-C.", "bold"))
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print(Text("\nStopped."))
