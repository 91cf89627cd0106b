"""Tells incidents in the terminal as they unfold in event time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fireline.clock import parse_time
from fireline.terms import words
from fireline.terms.incident import Incident
from fireline.terms.timeline import Entry
from fireline.web import briefing, chronicle
from fireline.web.series import Metric
from fireline.web.shapes import sparkline

WIDTH = 108
SPARKS = 44
MOST_ASIDE = 3
UNTOLD = frozenset({"claimed"})
REPEATING = frozenset({"alerted", "requested", "asked"})
_STYLES = {
    "page": "bold red",
    "ticket": "yellow",
    "sev1": "bold red",
    "sev2": "bold dark_orange",
    "sev3": "yellow",
    "onset": "magenta",
    "assessment": "cyan",
    "measures": "green",
    "verdicts": "green",
    "effective": "bold green",
    "recovered": "bold green",
    "ineffective": "bold red",
    "relapsed": "bold red",
    "undecided": "dim",
    "review": "blue",
    "people": "default",
    "alerts": "bold",
}
_SIGNS = {
    "opened": "◆",
    "alerted": "▲",
    "severity": "●",
    "onset": "◂",
    "slice": "◂",
    "causes": "?",
    "evidence": "▤",
    "next": "→",
    "decided": "▶",
    "asked": "▶",
    "requested": "■",
    "approved": "■",
    "denied": "■",
    "applied": "■",
    "failed": "✗",
    "confirmed": "■",
    "effect": "■",
    "undone": "■",
    "expired": "■",
    "freed": "■",
    "verdict": "✓",
    "waived": "!",
    "watch": "◷",
    "moved": "→",
    "review": "✎",
    "review_approved": "✎",
    "action_item": "✎",
    "note": "✎",
    "role": "@",
    "acked": "@",
    "paged": "@",
}
_PLAIN = str.maketrans("◆▲●◂▤→▶■✗✓◷✎·–", "*^o<#>>#x+~~.-")


class Story:
    """Prints each entry once, compact and aligned, with times on the clocks of ``timezone``.

    Used as a context it shows, on a terminal, how far the replay has come. Without a terminal, or with
    NO_COLOR, it is plain text; on a terminal that cannot show the signs, plain letters.
    """

    def __init__(self, console: Console | None = None, *, timezone: str = "UTC") -> None:
        self.console = console or Console(highlight=False)
        self.timezone = timezone
        self._zone = ZoneInfo(timezone)
        self._numbers: dict[str, int] = {}
        self._told: set[tuple[str, str]] = set()
        self._reasons: set[tuple[str, str]] = set()
        self._again = 0
        self._day = ""
        self._live: Live | None = None
        self._ascii = not _can_show(self.console)

    def __enter__(self) -> Self:
        if self.console.is_terminal and not self.console.is_jupyter:
            self._live = Live(Text(), console=self.console, transient=True, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def on_tick(self, now: datetime, done: float) -> None:
        """Say how far the replay has come: ``done`` is a share from 0 to 1. Only seen on a terminal."""
        if self._live is not None:
            line = Table.grid(padding=(0, 1))
            line.add_row(
                ProgressBar(total=1.0, completed=min(max(done, 0.0), 1.0), width=24),
                Text(f"judging {words.day_time(now, self.timezone)}", "dim"),
            )
            self._live.update(line)

    def on_entry(self, incident: Incident, entry: Entry) -> None:
        """Tell one entry; ``incident`` is as it was after it. What was told already is not told again."""
        if entry.kind.value in UNTOLD:
            return
        body = entry.as_json()
        told = chronicle.tell(body, self.timezone)
        key = (incident.id, told.key)
        if key in self._told:
            self._again += told.kind == "alerted"
            return
        self._told.add(key)
        if told.kind in REPEATING and (incident.id, told.tail) in self._reasons:
            told = replace(told, tail="")  # an alert that opens, a decision that is requested: one reason
        self._reasons.add((incident.id, told.tail))
        self._print_day(entry.at)
        if incident.id not in self._numbers:
            self._numbers[incident.id] = len(self._numbers) + 1
        self._print(self._line(incident.id, entry, told))
        if told.kind == "evidence":
            self._print_sparks(body, incident)

    def summary(
        self, incidents: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], report: Path | None = None
    ) -> None:
        """What it came to: each incident in a few lines, what was read, and where the report is."""
        self.console.print()
        ordered = [i for i in briefing.ordered(incidents) if briefing.stands(i)]
        for incident in ordered:
            if briefing.paged(incident):
                self._print_briefing(incident)
        tickets = [i for i in ordered if not briefing.paged(i)]
        if len(tickets) == len(ordered):
            self._print(Text("Nothing paged.", "bold green"))
        for incident in tickets:
            cause = briefing.suspect(incident)
            says = self._plain(f"ticket: {incident.get('title', '')}")
            self._print(
                Text(says, "yellow").append(f" ({briefing.cause_word(cause)})" if cause else "", "dim")
            )
        more = f"{words.number(self._again)} more alert{'' if self._again == 1 else 's'}"
        again = f"; {more} said the same" if self._again else ""
        self._print(Text(_read(summary) + again, "dim"))
        for line in list(briefing.normal(summary).get("quarantine_lines") or ())[1 : 1 + MOST_ASIDE]:
            self._print(Text(self._plain(f"  {line}"), "yellow"))
        if bad := list(summary.get("bad_changes") or ()):
            lines = "1 change" if len(bad) == 1 else f"{words.number(len(bad))} lines of the changes"
            self._print(Text(self._plain(f"  {lines} could not be read, the first: {bad[0]}"), "yellow"))
        if report is not None:
            self._print(Text("Report: ").append(str(report), "bold"))

    def _print(self, what: Any) -> None:
        if self.console.is_terminal:
            self.console.print(what, width=min(self.console.width, WIDTH), soft_wrap=False)
            return
        drawn = StringIO()  # in a file or a pipe: a fixed width, no colours, nothing at the ends of lines
        Console(file=drawn, width=WIDTH, no_color=True, highlight=False).print(what)
        for line in drawn.getvalue().splitlines():
            self.console.out(line.rstrip(), highlight=False)

    def _print_day(self, at: datetime) -> None:
        local = at.astimezone(self._zone)
        day = f"{local:%A} {words.day_time(at, self.timezone).split(',')[0]}"
        if day != self._day:
            self._day = day
            self._print(Padding(Text(day, "bold underline"), (1, 0, 0, 0)))

    def _line(self, incident: str, entry: Entry, told: chronicle.Told) -> Table:
        style = _STYLES.get(told.tone, "default")
        head = Text(self._plain(told.head or told.tail), "bold" if told.kind in ("opened", "verdict") else "")
        tail = [Text(self._plain(told.tail), "dim")] if told.head and told.tail else []
        sign = "✗" if told.tone in ("ineffective", "relapsed") else "…" if told.tone == "undecided" else None
        line = Table.grid(padding=(0, 1))
        for width in (5, 3, 1, 9):
            line.add_column(width=width, no_wrap=True)
        line.add_column(ratio=1, overflow="fold")
        line.add_row(
            Text(words.clock_time(entry.at, self.timezone), "dim"),
            Text(f"#{self._numbers[incident]}", "dim"),
            Text(self._plain(sign or _SIGNS.get(told.kind, "·")), style),
            Text(told.word, style),
            Group(head, *tail),
        )
        return line

    def _print_sparks(self, body: Mapping[str, Any], incident: Incident) -> None:
        """The first metric up to now, what came since the onset in another colour."""
        exhibit = next(iter(briefing.evidence_of(body, "metric")), None)
        if exhibit is None or self._ascii:
            return
        metric = Metric.of(exhibit["data"])
        near = metric.between(*_near(incident, metric)) if metric.at else metric
        onset = incident.onset[0] if incident.onset else None
        blocks = sparkline(near.seen, SPARKS)
        if not blocks:
            return
        before = sum(at < onset for at in near.at) / len(near.at) * len(blocks) if onset else len(blocks)
        usual = [value for value in near.usual if value is not None]
        said = f"  usual {words.figure(usual[-1], metric.unit.lower(), metric.unit)}" if usual else ""
        line = (
            Text(blocks[: round(before)], "cyan")
            .append(blocks[round(before) :], "bold red")
            .append(said, "dim")
        )
        shown = Group(Text(self._plain(str(exhibit.get("title", ""))), "dim"), line)
        self._print(Padding(shown, (0, 0, 0, 22)))

    def _print_briefing(self, incident: Mapping[str, Any]) -> None:
        head = Text(str(incident.get("severity") or "incident"), "bold reverse red").append(" ")
        self._print(Text.assemble(head, (self._plain(str(incident.get("title", ""))), "bold")))
        table = Table.grid(padding=(0, 2))
        table.add_column(width=21)
        table.add_column(ratio=1, overflow="fold")
        for answer in briefing.brief(incident, self.timezone)[1:]:
            more = [Text(self._plain(text), "dim") for text in answer.more[:2]]
            table.add_row(Text(_short(answer.asks), "dim"), Group(Text(self._plain(answer.says)), *more))
        self._print(Padding(table, (0, 0, 1, 2)))

    def _plain(self, text: str) -> str:
        shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
        if self._ascii:
            return shown.translate(_PLAIN).encode("ascii", "replace").decode()
        return shown


def _can_show(console: Console) -> bool:
    try:
        "▲■▁✎".encode(console.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _short(asks: str) -> str:
    if asks.startswith("What the last-known-good"):
        return "Last-known-good"
    return asks.removeprefix("What ").capitalize()


def _near(incident: Incident, metric: Metric) -> tuple[datetime, datetime]:
    """As long before the onset as since it, but no less than a day; up to the last tick."""
    last = metric.at[-1]
    onset = incident.onset[0] if incident.onset else incident.opened_at
    span = max(last - onset, (last - metric.at[0]) / 8)
    return onset - span, last


def _read(summary: Mapping[str, Any]) -> str:
    """What was read and judged, in one sentence."""
    summary, parts = briefing.normal(summary), []
    if summary.get("period"):
        days = parse_time(summary["period"][1]) - parse_time(summary["period"][0])
        parts.append(words.length(days))
    if summary.get("events") is not None:
        parts.append(f"{words.number(summary['events'])} events")
    judged = (summary.get("monitors") or {}).get("judged")
    if judged:
        parts.append(f"{words.number(judged)} monitors")
    aside = sum((summary.get("quarantined") or {}).values())
    if aside:
        parts.append(f"{words.number(aside)} rows put aside")
    parts += list(summary.get("quarantine_lines") or ())[:1]
    return ", ".join(parts)
