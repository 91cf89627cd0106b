"""A runbook held against the world: its baseline, the clock, the log, and what this release can do."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches

from fireline.clock import iso
from fireline.runbook.durations import parse_duration, say_duration
from fireline.runbook.load import RunbookFile
from fireline.runbook.problem import Key, Level
from fireline.runbook.schema import LastKnownGood, Runbook

Found = tuple[Level, Key, str, str]
DAY = timedelta(days=1)
NONE = "none"


@dataclass(frozen=True)
class Known:
    """The names this release knows: of monitors and their families, and of actions."""

    monitors: frozenset[str]
    actions: frozenset[str]


def names_against(runbook: Runbook, known: Known) -> Iterator[Found]:
    """Names of monitors and actions that mean nothing: what they stand for would silently not happen."""
    for at, row in enumerate(runbook.decisions):
        if row.action not in known.actions | {NONE}:
            says = f"there is no action {row.action}: this row can do nothing"
            yield "error", ("decisions", at, "action"), says, _nearest(row.action, known.actions | {NONE})
    named = [(("monitors", at, "monitor"), rule.monitor) for at, rule in enumerate(runbook.monitors)]
    named += [(("silences", at, "monitor"), s.monitor) for at, s in enumerate(runbook.silences) if s.monitor]
    for key, name in named:
        if name not in known.monitors:
            yield (
                "warning",
                key,
                f"there is no monitor {name}: this does nothing",
                _nearest(name, known.monitors),
            )


def _nearest(word: str, choices: Collection[str]) -> str:
    near = get_close_matches(word, sorted(choices), 1, 0.5)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(choices))}"


def no_baseline(file: RunbookFile, present: bool) -> Iterator[Found]:
    """Without a baseline nothing can be judged."""
    if not present:
        says = f"there is no {file.runbook.reference.baseline} beside the runbook: nothing can be judged"
        yield (
            "error",
            ("reference", "baseline"),
            says,
            "`fireline runbook baseline` takes it from an event log",
        )


def expired(runbook: Runbook, now: datetime) -> Iterator[Found]:
    """What has ended, and what is older than it should be."""
    for at, silence in enumerate(runbook.silences):
        if silence.until <= now:
            yield "warning", ("silences", at), f"ended on {iso(silence.until)} and does nothing", "delete it"
        elif silence.until - now > 30 * DAY:
            yield (
                "warning",
                ("silences", at),
                f"lasts until {iso(silence.until)}: longer than anyone remembers it",
                "shorten it",
            )
    for at, rule in enumerate(runbook.monitors):
        if rule.until is not None and rule.until <= now:
            yield (
                "warning",
                ("monitors", at),
                f"ended on {iso(rule.until)} and does nothing",
                "delete it or renew it",
            )
    good = runbook.last_known_good
    if good is not None:
        yield from _good_age(good, _cadence(runbook.retraining), now)


def _good_age(good: LastKnownGood, cadence: timedelta | None, now: datetime) -> Iterator[Found]:
    if good.since is None or cadence is None or now - good.since <= cadence:
        return
    age = (now - good.since) // DAY
    says = f"{good.version} is {age} days old and the model is retrained every {say_duration(cadence)}"
    yield "warning", ("last_known_good", "since"), says, "name the newest version that is known to be good"


def _cadence(text: str) -> timedelta | None:
    """The retraining cadence as a length of time; None when it is a word."""
    try:
        return parse_duration(text)
    except ValueError:
        return None


def columns_against(file: RunbookFile, log: Collection[str]) -> Iterator[Found]:
    """Columns the log does not have, and columns the runbook does not name."""
    columns, key = file.runbook.columns, ("columns",)
    mapped: list[tuple[Key, str]] = [((*key, role), column) for role, column in columns.roles().items()]
    for role in ("segments", "flags", "groups", "texts", "embeddings", "ignore"):
        mapped += [((*key, role, at), column) for at, column in enumerate(getattr(columns, role))]
    mapped += [((*key, "features", column), column) for column in columns.features]
    mapped += [((*key, "class_scores", name), column) for name, column in columns.class_scores.items()]
    separate = {columns.label, columns.label_time} if file.runbook.labels else set()
    for at, column in mapped:
        if column not in log and column not in separate:
            yield "error", at, f"the log has no column {column}", "correct the name, or remove it"
    for column in sorted(set(log) - {column for _, column in mapped}):
        says = f"the log has a column {column} that the runbook does not name"
        yield "hint", key, says, "make it a feature, a segment or a flag, or list it under `ignore:`"
