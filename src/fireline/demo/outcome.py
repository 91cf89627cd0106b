"""What came of the live demo: whether every step happened, and how long each took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fireline.clock import parse_time
from fireline.demo import timetable
from fireline.demo.player import Player
from fireline.demo.scene import say
from fireline.terms import words

Wall = Mapping[tuple[str, str], float]
Steps = Sequence[tuple[str, bool]]
TRUTH = {
    True: "version B's feature code reads the departure hour in UTC, four hours off.",
    False: "version B has no fault; its deploy is harmless.",
}


def paged(incident: Mapping[str, Any]) -> bool:
    """Whether it called somebody, and stands by itself."""
    return any(a["urgency"] == "page" for a in incident["alerts"]) and incident["state"] != "merged"


def happened(
    incidents: Sequence[Mapping[str, Any]], rings: Sequence[Any], fault: bool
) -> list[tuple[str, bool]]:
    """What must have happened, and whether it did."""
    mine = [i for i in incidents if paged(i)]
    if not fault:
        measures = [m for i in incidents for m in i["measures"]]
        return [("nobody was paged", not mine and not rings), ("nothing was done", not measures)]
    nothing: dict[str, Any] = {"timeline": [], "measures": [], "review": None, "causes": []}
    whole: Mapping[str, Any] = mine[0] if mine else nothing
    kinds = {e["kind"] for e in whole["timeline"]}
    states = {e.get("to") for e in whole["timeline"] if e["kind"] == "moved"}
    measure: Mapping[str, Any] = next((m for m in whole["measures"] if m["action"] == "rollback"), {})
    verdicts = [v["verdict"] for v in whole.get("verdicts", [])]
    top = (whole["causes"] or [{}])[0]
    return [
        ("the fault was detected, and paged once", len(mine) == 1),
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


def summary(
    console: Console, incidents: Sequence[Mapping[str, Any]], steps: Steps, wall: Wall, player: Player,
    took: float, fault: bool,
) -> None:  # fmt: skip
    """Say which steps happened, and how long after the fault and after the alert."""
    say(console, "5", "What happened")
    for what, yes in steps:
        mark = Text("  yes  ", "green") if yes else Text("  NO   ", "bold red")
        console.print(mark.append(what, "default"))
    console.print(Text(f"\n  What nobody told Fireline: {TRUTH[fault]}"))
    mine = [i for i in incidents if paged(i)]
    if mine:
        console.print(Padding(_times(mine[0], wall), (1, 0, 0, 2)))
    sent = f"  {words.number(player.requests)} requests over HTTP, {player.refused} refused"
    console.print(Text(f"\n{sent}; {took:.0f} s in all", "dim"))


def _times(incident: Mapping[str, Any], wall: Wall) -> Table:
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
        ("told the guard", first("applied"), _wall(wall, name, "applied")),
        ("confirmed in live traffic", first("confirmed"), _wall(wall, name, "confirmed")),
        ("judged effective", first("verdict"), _wall(wall, name, "verdict")),
        ("resolved", first("moved", to="resolved"), None),
    ]
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("event time", no_wrap=True, header_style="dim")
    for head in ("since onset", "since alert", "wall clock"):
        table.add_column(head, justify="right", no_wrap=True, header_style="dim")
    table.add_row("onset", _short(onset), "", "", "")
    for what, at, seconds in rows:
        if at is None:
            continue
        since = words.length(at - alert) if alert and at > alert else "0"
        table.add_row(what, _short(at), words.length(at - onset), since,
                      "" if seconds is None else f"{seconds:.1f} s")  # fmt: skip
    return table


def _short(at: datetime) -> str:
    """An instant on New York's clocks, short enough for a table of 80 columns."""
    return f"{at.astimezone(ZoneInfo(timetable.NEW_YORK)):%d %b %H:%M}"


def _wall(wall: Wall, incident: str, kind: str) -> float | None:
    alerted, then = wall.get((incident, "alerted")), wall.get((incident, kind))
    return None if alerted is None or then is None else then - alerted
