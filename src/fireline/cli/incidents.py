"""The incident commands: what a person on call types, against a running server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.text import Text

from fireline.cli import screen
from fireline.cli.client import HERE, TOKEN, URL, client
from fireline.clock import parse_time
from fireline.terms.measure import LIVE
from fireline.terms.standing import ERRANDS

Name = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="Its id; the beginning is enough.", show_default=False)
]
Text_ = Annotated[
    str, typer.Option("--because", "-m", metavar="TEXT", help="Why, in one sentence.", show_default=False)
]
MeasureName = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Which one, where several could be meant.", show_default=False),
]
COLOURS = {"SEV1": "bold red", "SEV2": "yellow", "SEV3": "cyan"}
SHOWN = 20
WHOLE = re.compile(r"inc-[0-9a-f]{10}")
LIVE_STATES = frozenset(state.value for state in LIVE)


def incidents(
    service: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this service's.", show_default=False)
    ] = None,
    all_: Annotated[bool, typer.Option("--all", metavar="", help="Those that are over too.")] = False,
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """List incidents, newest first: what burns, how badly, and what is done about it."""
    asked = client(url, token)
    if service is not None:
        asked.get(f"/v1/services/{quote(service, safe='')}")  # an unknown one is an error, not an empty list
    told = asked.get("/v1/incidents", service=service, open=str(not all_).lower())
    out = screen.out()
    if not told:
        out.print(Text("Nothing is open." if not all_ else "There was no incident yet."))
        return
    for one in told[:200]:
        _line(out, one)


def _line(out: Console, one: Mapping[str, Any]) -> None:
    """One incident in two or three lines: how bad and where it stands, what, and what is in force."""
    level = one["severity"] or ""
    head = Text(f"{level:<5}", style=COLOURS.get(level, ""))
    head.append(f"{one['id']}  ", style="bold").append(f"{one['state']}", style="default")
    head.append(f"  {one['service']}, since {_at(one['opened_at'])}", style="dim")
    out.print(head)
    out.print(Text(f"     {one['title']}"))
    if in_force := _in_force(one):
        out.print(Text(f"     {in_force}", style="green"))


def _in_force(one: Mapping[str, Any]) -> str:
    """The measures that hold something, or wait for an answer."""
    said = []
    for measure in one["measures"]:
        errand = measure["action"] in ERRANDS and measure["state"] == "confirmed"
        if measure["state"] in LIVE_STATES and not errand:
            said.append(f"{measure['action'].replace('_', ' ')}: {measure['state']}, {measure['dry_run']}")
    return "; ".join(said)


def show(name: Name, url: URL = HERE, token: TOKEN = "") -> None:
    """Tell one incident: what, since when, why, what was done, what to check next, and the timeline."""
    asked = client(url, token)
    told = asked.get(f"/v1/incidents/{_whole(asked, name)}")
    out = screen.out()
    _head(out, told)
    _causes(out, told)
    _ledger(out, told)
    for check in told["checks"][:4]:
        out.print(Text(f"  next: {check}"))
    out.print(Text("\nTimeline", style="bold"))
    for entry in told["timeline"][-SHOWN:]:
        line = Text(f"  {entry['at'][5:16].replace('T', ' ')} ", style="dim")
        line.append(f"{entry['kind']:<10}", style="bold").append(f" {entry['because']}")
        line.append(f"  ({entry['by']})" if entry["by"] != "fireline" else "", style="dim")
        out.print(line)


def _head(out: Console, told: Mapping[str, Any]) -> None:
    level = told["severity"] or ""
    head = Text(f"{level} " if level else "", style=COLOURS.get(level, ""))
    head.append(told["title"], style="bold")
    out.print(head)
    onset = f", began between {_at(told['onset'][0])} and {_at(told['onset'][1])}" if told["onset"] else ""
    out.print(
        Text(f"  {told['id']}, {told['service']}, {told['state']}, opened {_at(told['opened_at'])}{onset}")
    )
    if told["slice"]:
        out.print(Text("  where: " + ", ".join(f"{k}={v}" for k, v in told["slice"].items())))


def _causes(out: Console, told: Mapping[str, Any]) -> None:
    for cause in [c for c in told["causes"] if not c.get("rejected")][:3]:
        out.print(Text(f"  {cause['cause'].replace('_', ' ')} ({cause['score']:.0%}): {cause['because']}"))


def _ledger(out: Console, told: Mapping[str, Any]) -> None:
    for measure in told["measures"]:
        line = Text(f"  {measure['action']} {measure['id']}: ", style="bold")
        line.append(f"{measure['state']}, {measure['dry_run']}", style="not bold")
        out.print(line)
        if measure["state"] == "asked":
            out.print(
                Text(f"    -> fireline approve {told['id']}   or   fireline deny {told['id']}", "green")
            )


def _at(text: str) -> str:
    at: datetime = parse_time(text)
    return f"{at:%d %b %H:%MZ}"


def _whole(asked: Any, name: str) -> str:
    """The id that ``name`` begins. Raises typer.BadParameter where none or several do."""
    if WHOLE.fullmatch(name):
        return name
    known = [one["id"] for one in asked.get("/v1/incidents", limit=1000)]
    found = [one for one in known if one.startswith(name) or one.removeprefix("inc-").startswith(name)]
    if len(found) != 1:
        how = "no incident begins" if not found else f"{len(found)} incidents begin"
        raise typer.BadParameter(
            f"{how} with {name!r}; see `fireline incidents --all`", param_hint="INCIDENT"
        )
    return str(found[0])


def _give(name: str, command: str, url: str, token: str, **order: Any) -> None:
    asked = client(url, token)
    whole = _whole(asked, name)
    told = asked.post(f"/v1/incidents/{whole}/{command}", {k: v for k, v in order.items() if v is not None})
    last = told["timeline"][-1]
    screen.out().print(Text(f"{whole} is {told['state']}: {last['because']}"))


def ack(name: Name, text: Text_ = "", url: URL = HERE, token: TOKEN = "") -> None:
    """Say that you have it: paging rests for a while, and calls again if nothing holds the harm by then."""
    _give(name, "ack", url, token, text=text)


def note(
    name: Name,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What you saw or did.", show_default=False)],
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """Write a line into the timeline."""
    _give(name, "note", url, token, text=text)


def approve(
    name: Name, measure: MeasureName = None, text: Text_ = "", url: URL = HERE, token: TOKEN = ""
) -> None:
    """Say yes to the measure that is asked for: it is done at once."""
    _give(name, "approve", url, token, measure=measure, text=text)


def deny(
    name: Name, measure: MeasureName = None, text: Text_ = "", url: URL = HERE, token: TOKEN = ""
) -> None:
    """Say no to the measure that is asked for: it is not proposed again in this round."""
    _give(name, "deny", url, token, measure=measure, text=text)


def undo(
    name: Name, measure: MeasureName = None, text: Text_ = "", url: URL = HERE, token: TOKEN = ""
) -> None:
    """Take a measure back: traffic goes as it did before it."""
    _give(name, "undo", url, token, measure=measure, text=text)


def keep(
    name: Name, measure: MeasureName = None, text: Text_ = "", url: URL = HERE, token: TOKEN = ""
) -> None:
    """Make a measure permanent: it no longer ends by itself, and no longer blocks closing."""
    _give(name, "keep", url, token, measure=measure, text=text)


def free(
    name: Name, measure: MeasureName = None, text: Text_ = "", url: URL = HERE, token: TOKEN = ""
) -> None:
    """Let go of a measure that hangs, so that another may begin. It is not undone."""
    _give(name, "free", url, token, measure=measure, text=text)


def resolve(name: Name, text: Text_ = "", url: URL = HERE, token: TOKEN = "") -> None:
    """End an incident: resolved after its watch period; declined, with the reason, where it was none."""
    _give(name, "resolve", url, token, text=text)


def declare(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Which service.", show_default=False)],
    title: Annotated[
        str, typer.Argument(metavar="TITLE", help="What is wrong, in a sentence.", show_default=False)
    ],
    severity: Annotated[
        str | None, typer.Option(metavar="SEV", help="SEV1, SEV2 or SEV3.", show_default=False)
    ] = None,
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """Open an incident that no monitor has seen."""
    order = {"service": service, "title": title, "severity": severity}
    told = client(url, token).post("/v1/incidents", {k: v for k, v in order.items() if v is not None})
    screen.out().print(Text(f"{told['id']} is {told['state']}: {told['title']}"))


def act(
    name: Name,
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="rollback, route_share or fallback.", show_default=False)
    ],
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="KEY=VALUE",
            help="What the action needs: to=A, rung=cached, share=0.05.",
            show_default=False,
        ),
    ] = None,
    hours: Annotated[float, typer.Option(metavar="HOURS", help="When it ends by itself.")] = 24.0,
    text: Text_ = "",
    url: URL = HERE,
    token: TOKEN = "",
) -> None:  # fmt: skip
    """Take a measure of your own: done at once, confirmed in live traffic, undoable like any other."""
    asked = client(url, token)
    whole = _whole(asked, name)
    order = {"action": action, "params": _params(param or []), "text": text, "hours": hours}
    told = asked.post(f"/v1/incidents/{whole}/measures", order)
    measure = told["measures"][-1]
    screen.out().print(Text(f"{measure['id']} is {measure['state']}: {measure['dry_run']}"))


def _params(given: list[str]) -> dict[str, Any]:
    """KEY=VALUE words as parameters: numbers where they are numbers; segment.COLUMN=VALUE for a segment."""
    found: dict[str, Any] = {}
    for word in given:
        key, sign, value = word.partition("=")
        if not sign or not key:
            raise typer.BadParameter(f"{word!r} is not KEY=VALUE", param_hint="--param")
        if key.startswith("segment."):
            found.setdefault("segment", {})[key.removeprefix("segment.")] = value
        else:
            found[key] = float(value) if key == "share" else value
    return found


COMMANDS = (incidents, show, ack, note, approve, deny, act, undo, keep, free, resolve, declare)
EXAMPLES = {
    "incidents": "Example: fireline incidents",
    "show": "Example: fireline show inc-3f2a",
    "ack": 'Example: fireline ack inc-3f2a -m "on it"',
    "note": 'Example: fireline note inc-3f2a "asked the data team"',
    "approve": "Example: fireline approve inc-3f2a",
    "deny": 'Example: fireline deny inc-3f2a -m "B must stay for the launch"',
    "act": 'Example: fireline act inc-3f2a rollback -p from=B -p to=A -m "B misprices weekends"',
    "undo": 'Example: fireline undo inc-3f2a -m "B is fixed"',
    "keep": 'Example: fireline keep inc-3f2a -m "B is withdrawn"',
    "free": "Example: fireline free inc-3f2a",
    "resolve": 'Example: fireline resolve inc-3f2a -m "a wrong alarm: the campaign was planned"',
    "declare": 'Example: fireline declare pricing "prices look absurd" --severity SEV2',
}
