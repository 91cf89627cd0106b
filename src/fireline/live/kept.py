"""How long a server keeps what it counted and what came in: its settings, and the bounds others need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from fireline.channels import explained
from fireline.errors import SettingsError, Where
from fireline.live.keeping import Keeping
from fireline.runbook.durations import write_duration
from fireline.runbook.part import Part
from fireline.runbook.schema import Runbook, Slo
from fireline.runbook.values import Duration

KEYS = ("minutes", "quarters", "hours", "days", "rows")
LEAST = {
    "minutes": (timedelta(days=21), "triage looks back 17 days, and an incident is looked at again for 21"),
    "quarters": (timedelta(days=21), "triage looks back 17 days, and an incident is looked at again for 21"),
    "hours": (timedelta(days=35), "what is usual for quality is shown over five weeks"),
    "days": (timedelta(days=35), "days are what hours become"),
    "rows": (
        timedelta(days=42),
        "a new baseline is taken from 28 days, and triage compares with 28 days before an onset",
    ),
}
COARSER = {"latency": "quarters", "accuracy": "hours"}
"""Objectives on single events that are not read by the minute."""
AFTER_LABELS = timedelta(days=7)


class Kept(Part):
    """How long counts and rows stay. Counts become coarser with age, and add up to the same; nothing is said
    here that the judge, triage or an objective would miss."""

    minutes: Duration | None = Field(
        default=None,
        description="Counts by the minute, before they become quarters of an hour: `21d`, or as long as the "
        "longest objective looks back, unless said.",
    )
    quarters: Duration | None = Field(
        default=None,
        description="Counts by the quarter of an hour, before they become hours: `35d` unless said.",
    )
    hours: Duration | None = Field(
        default=None, description="Counts by the hour, before they become days: `396d` unless said."
    )
    days: Duration | None = Field(default=None, description="Counts by the day: for ever unless said.")
    rows: Duration | None = Field(
        default=None,
        description="Events, labels and signals themselves, in the lake: for ever unless said. Counts stay.",
    )


def kept_of(config: Path | None, runbooks: Iterable[Runbook]) -> Keeping:
    """What ``config`` says under `keeping:`, and where it says nothing what the ``runbooks`` need.

    Raises SettingsError naming the key that is too short, and for whom.
    """
    books = tuple(runbooks)
    said = _said(config)
    file = str(config) if config else None
    found = {key: getattr(said, key) for key in KEYS}
    for key, value in found.items():
        for least, because in needs(key, books):
            if value is not None and value < least:
                raise SettingsError(
                    f"{write_duration(value)} is too short: {because}",
                    todo=f"write {write_duration(least)} or more, or leave it out",
                    where=Where(file=file, key=f"keeping.{key}"),
                )  # fmt: skip
    return _whole(found, {key: max(least for least, _ in needs(key, books)) for key in KEYS}, file)


def _whole(said: dict[str, timedelta | None], least: dict[str, timedelta], file: str | None) -> Keeping:
    """What was ``said``, the rest as long as it is usual and anybody needs it, finer counts no longer than
    coarser ones."""
    usual, before, found = Keeping(), timedelta(0), {}
    for key in ("minutes", "quarters", "hours"):
        found[key] = before = said[key] or max(getattr(usual, key), least[key], before)
    for fine, coarse in (("minutes", "quarters"), ("quarters", "hours"), ("hours", "days")):
        one, other = found[fine], said[coarse]
        if other is not None and other < one:
            raise SettingsError(
                f"{write_duration(other)} is shorter than {fine} stay, {write_duration(one)}",
                todo=f"let {coarse} stay as long, or {fine} shorter",
                where=Where(file=file, key=f"keeping.{coarse}"),
            )
    return Keeping(**found, days=said["days"], rows=said["rows"])


def needs(key: str, runbooks: Iterable[Runbook]) -> Iterator[tuple[timedelta, str]]:
    """The least that ``key`` may be, each with the reason."""
    yield LEAST[key]
    for book in runbooks:
        for slo in book.slos:
            if _finest(slo) == key:
                yield slo.window, f"the objective {slo.name} of {book.service} looks back that long"
        if key == "rows" and book.labels is not None:
            yield (
                book.labels.age + AFTER_LABELS,
                f"labels of {book.service} come at {write_duration(book.labels.age)}",
            )


def _finest(slo: Slo) -> str:
    """Whose counts an objective reads: those that its slices, or single events, need."""
    if slo.sliced is None:
        return COARSER.get(slo.indicator, "minutes")
    if slo.sliced >= timedelta(hours=1):
        return "hours"
    return "quarters" if slo.sliced >= timedelta(minutes=15) else "minutes"


def _said(config: Path | None) -> Kept:
    if config is None:
        return Kept()
    try:
        plain = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError):
        return Kept()  # who reads the rest of the file says what is wrong with it
    try:
        return Kept.model_validate((plain.get("keeping") if isinstance(plain, dict) else None) or {})
    except ValidationError as error:
        raise explained(error, "keeping", str(config)) from None
