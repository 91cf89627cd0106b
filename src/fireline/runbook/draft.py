"""Drafting a runbook from a log: what a log can tell is filled in, what it cannot is marked `fill in`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor, log10
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import iso
from fireline.runbook.dates import Dates, is_slashed, proven_in, unproven
from fireline.runbook.default_decisions import default_decisions
from fireline.runbook.durations import say_duration, write_duration
from fireline.runbook.infer import infer_columns
from fireline.runbook.looks import look_at, typed
from fireline.runbook.past import Past, Served, study
from fireline.runbook.problem import Key
from fireline.runbook.promises import KEPT
from fireline.runbook.schema import Columns, Contact, Runbook
from fireline.runbook.sorting import says_its_unit
from fireline.runbook.task import infer_task
from fireline.runbook.write import write
from fireline.terms import words
from fireline.terms.change import Change

FILL_IN = "fill in"
FEW_DAYS = 7
AVAILABILITY = (0.9999, 0.9995, 0.999, 0.998, 0.995, 0.99, 0.98, 0.95, 0.9)


@dataclass(frozen=True)
class Draft:
    """A drafted runbook: the value, the text of its file, and what was read off the log."""

    runbook: Runbook
    text: str
    past: Past
    notes: Mapping[Key, str]


GUARDED = ("rung", "switch", "shadow", "weight", "host")
"""Columns that a guard writes, under these names."""


def draft(
    table: pa.Table,
    service: str,
    until: datetime,
    *,
    labels: pa.Table | None = None,
    changes: Sequence[Change] = (),
    timezone: str | None = None,
    roles: Mapping[str, str] | None = None,
    time: str | None = None,
    dates: Dates | None = None,
    consecutive: pa.Table | None = None,
    guarded: bool = False,
    team: str = "",
    contacts: Iterable[Contact] = (),
    baseline: str = "runbook.baseline.npz",
    training: str | None = None,
    source: str = "a log",
) -> Draft:
    """A runbook for ``service`` from the events in ``table`` before ``until``, and what could be read off
    them.

    ``labels`` is a label log of its own; ``training`` names the training data, as seen from the runbook's
    folder; ``roles`` (role -> column) are what a person said, ``time`` the column of times where it is known
    already, ``dates`` how dates with slashes are written; ``consecutive`` are ids in rows that follow each
    other, where ``table`` is thinned; ``guarded`` says that a guard will write the events from now on. Raises
    InputError when there is no column of times or too little before ``until``, pydantic.ValidationError when
    what was said contradicts itself.
    """
    zone = timezone or "UTC"
    written = dates or proven_in(table, labels)
    slashed = _slashed(table, labels)
    table = typed(table, zone, written)
    labels = typed(labels, zone, written) if labels is not None else None
    table, aside = _of_service(table, service, roles or {})
    columns, said = infer_columns(table, labels, roles, time, consecutive)
    if aside and columns.service is not None:
        columns = columns.model_copy(update={"service": None, "ignore": (*columns.ignore, columns.service)})
        said = {**said, columns.ignore[-1]: aside}
    columns = _with_dates(columns, slashed, written)
    task, why = infer_task(table, columns, labels)
    past = study(table, columns, until, task, labels, zone)
    good, good_note = _last_known_good(past, changes)
    plain: dict[str, Any] = {
        "service": service,
        "timezone": zone,
        "task": task,
        "ownership": {"team": team, "contacts": [contact.model_dump(mode="json") for contact in contacts]},
        "columns": _with_guards(columns, table, guarded).model_dump(mode="json"),
        "labels": _labels(past),
        "reference": {"since": iso(past.since), "until": iso(past.until), "baseline": baseline},
        "training": {"file": training} if training else None,
        "slos": _slos(past),
        "severity": SEVERITY,
        "decisions": [{"authority": "observe", **row} for row in default_decisions()],
        "ladder": _ladder(table, columns, good),
        "last_known_good": good,
    }
    runbook = Runbook.from_plain(plain)
    notes: dict[Key, str] = {
        ("task",): why,
        **_fill_in(runbook, timezone),
        **_column_notes(columns, said),
        **{("columns", role): "a guard writes it" for role in GUARDED if role not in table.column_names},
        **_label_notes(past, columns),
        ("last_known_good",): good_note,
    }
    notes = {key: note for key, note in notes.items() if note}
    return Draft(runbook, write(runbook, notes, _head(service, source, past)), past, notes)


def _slashed(*tables: pa.Table | None) -> dict[str, pa.ChunkedArray]:
    """The columns of text that write dates with slashes."""
    return {
        name: table.column(name)
        for table in tables if table is not None for name in table.column_names
        if pa.types.is_string(table.column(name).type) and is_slashed(table.column(name))
    }  # fmt: skip


def _with_dates(columns: Columns, slashed: Mapping[str, pa.ChunkedArray], dates: Dates | None) -> Columns:
    """The columns with the order of their dates, where a time has one. Raises InputError for one that nobody
    knows."""
    times = (columns.time, columns.label_time, columns.arrived, *columns.feature_times.values())
    asked = next((name for name in times if name in slashed), None)
    if asked is None:
        return columns
    if dates is None:
        raise unproven(asked, slashed[asked])
    return columns.model_copy(update={"dates": dates})


SEVERITY: list[dict[str, Any]] = [
    {
        "when": {"harm": ["high"], "urgency": "page"},
        "severity": "SEV1",
        "because": "A bad answer can hurt somebody.",
    },
    {
        "when": {"autonomy": ["alone"], "reversible": False, "urgency": "page"},
        "severity": "SEV1",
        "because": "Nobody looks at the answers and their harm cannot be undone.",
    },
    {
        "when": {"burn_at_least": 14.4, "urgency": "page"},
        "severity": "SEV1",
        "because": "At this rate a month's error budget is gone within two days.",
    },
    {"when": {"urgency": "page"}, "severity": "SEV2", "because": "Users are being harmed."},
    {"when": {}, "severity": "SEV3", "because": "Something moved, and nobody is hurt by it yet."},
]


def _head(service: str, source: str, past: Past) -> str:
    return (
        f"The runbook of {service}, drafted by `fireline init` from {source}\n"
        f"({iso(past.since)} to {iso(past.until)}). Read it once from top to bottom: `{FILL_IN}` marks what "
        f"no log\n"
        "can tell. `fireline check` says what is still missing, `fireline runbook render` prints the page "
        "for 3 a.m."
    )


def _fill_in(runbook: Runbook, timezone: str | None) -> dict[Key, str]:
    """What no log can tell."""
    notes: dict[Key, str] = {
        ("purpose",): FILL_IN,
        ("exposure",): f"{FILL_IN}: severity starts from this",
        ("retraining",): FILL_IN,
        ("comms", "channels"): FILL_IN,
        ("decisions",): "nothing is done yet: grant authority row by row",
        ("ladder",): f"{FILL_IN}: put the rungs you really have between these",
    }
    if timezone is None:
        notes["timezone",] = f"{FILL_IN}: a log cannot tell, so this is a guess; such as Europe/Paris"
    if not runbook.ownership.team:
        notes["ownership", "team"] = FILL_IN
    if not runbook.ownership.contacts:
        notes["ownership", "contacts"] = f"{FILL_IN}; a SEV1 needs an incident commander"
    return notes


def _with_guards(columns: Columns, table: pa.Table, guarded: bool) -> Columns:
    """``columns`` with those that guards write, where one wrote the log or will write from now on."""
    if not guarded and columns.rung is None:
        return columns
    missing = [role for role in GUARDED if getattr(columns, role) is None and role not in table.column_names]
    return columns.model_copy(update={role: role for role in missing})


def _of_service(table: pa.Table, service: str, roles: Mapping[str, str]) -> tuple[pa.Table, str]:
    """The rows of ``service`` where a column names services; and why that column is none when no row names
    it."""
    columns, _ = infer_columns(table.slice(0, 2_000), roles=roles)
    if columns.service is None:
        return table, ""
    named = pc.equal(table.column(columns.service).cast(pa.string()), service)
    if not pc.any(named, min_count=0).as_py():
        return table, f"no row names `{service}`: give --service as the log writes it to tell services apart"
    return table.filter(pc.fill_null(named, False)), ""


def _column_notes(columns: Columns, said: Mapping[str, str]) -> dict[Key, str]:
    notes: dict[Key, str] = {
        ("columns", role): said.get(column, "") for role, column in columns.roles().items()
    }
    notes |= {("columns", "features", name): said.get(name, "") for name in columns.features}
    for role in ("flags", "texts", "embeddings", "ignore"):
        notes |= {("columns", role, at): said.get(name, "") for at, name in enumerate(getattr(columns, role))}
    notes |= {("columns", "answers", at): "because of its name" for at in range(len(columns.answers))}
    notes |= {
        ("columns", "segments", at): f"because it has few values; {said.get(name, '')}"
        for at, name in enumerate(columns.segments)
    }
    notes |= {
        ("columns", "groups", at): "because its name is that of a group to be treated alike"
        for at in range(len(columns.groups))
    }
    if columns.latency_unit != "ms":
        notes["columns", "latency_unit"] = (
            "because the name of the column says so"
            if says_its_unit(str(columns.latency_ms))
            else "a guess: as milliseconds its values would be too short for answers; make sure"
        )
    if columns.dates is not None:
        notes["columns", "dates"] = "said, or proven by numbers beyond twelve: a month has none"
    return notes


def _labels(past: Past) -> dict[str, Any] | None:
    if past.label_age is None:
        return None
    found: dict[str, Any] = {"age": write_duration(past.label_age), "usual_share": past.usual_share}
    return {**found, "positive": past.positive} if past.positive is not None else found


def _label_notes(past: Past, columns: Columns) -> dict[Key, str]:
    if past.label_age is None:
        return {}
    positive: dict[Key, str] = {}
    if past.positive is not None:
        positive["labels", "positive"] = "the label that counts as positive"
    if columns.label_time is None:
        says = "no column says when a label became known: it is taken as known at once"
        return {
            ("labels", "age"): says,
            ("labels", "usual_share"): "of all requests have a label",
            **positive,
        }
    return {
        **positive,
        ("labels", "age"): "nine labels in ten had come by then",
        ("labels", "usual_share"): f"of all requests had a label {say_duration(past.label_age)} later",
    }


def _slos(past: Past) -> list[dict[str, Any]]:
    """Promises the reference would have kept, with room to breathe: a start to argue about."""
    found: list[dict[str, Any]] = []
    if past.error_share is not None:
        room = max(2 * past.error_share, 1e-4)
        objective = next(
            (share for share in AVAILABILITY if 1 - share >= room * (1 - 1e-9)), AVAILABILITY[-1]
        )
        found.append({"name": "availability", "indicator": "availability", "objective": objective})
    if past.latency_p95:
        limit = _round_up(1.25 * past.latency_p95)
        found.append({"name": "speed", "indicator": "latency", "objective": 0.95, "threshold": limit})
    if past.quality is not None:
        indicator, figure = past.quality
        found.append({"name": "quality", "indicator": indicator, **_quality(indicator, figure, past.daily)})
    return found


def _quality(indicator: str, figure: float, daily: Sequence[float]) -> dict[str, Any]:
    """What nearly all days of the reference kept to, and a little more; of few days the figure of all."""
    if indicator == "accuracy":
        return {"objective": floor(100 * max(figure - 0.03, 0.01)) / 100}
    low, high = np.quantile(daily, (0.05, 0.95)) if len(daily) >= FEW_DAYS else (figure - 0.03, figure)
    limit = _round_up(1.15 * float(high)) if indicator == "rmse" else floor(100 * max(low - 0.02, 0.5)) / 100
    return {"objective": KEPT, "threshold": limit, "slice": "24h"}


def _round_up(value: float) -> float:
    """``value`` rounded up to two figures; 1 for what is not positive.

    >>> _round_up(31.2)
    32.0
    """
    if value <= 0:
        return 1.0
    step = 10.0 ** (floor(log10(value)) - 1)
    return float(f"{-(-value // step) * step:.6g}")


def _last_known_good(past: Past, changes: Sequence[Change]) -> tuple[dict[str, Any] | None, str]:
    """The version that served most of the reference's end, with how it did, and a note."""
    if not past.versions:
        return None, ""
    best = past.versions[0]
    deploys = [c for c in changes if c.version == best.version and c.kind == "deploy" and c.at <= past.until]
    since = max((c.at for c in deploys if c.at <= best.first + timedelta(hours=1)), default=best.first)
    found = {"version": best.version, "since": iso(min(since, best.first)), "known_by": _known_by(best, past)}
    others = [one.version for one in past.versions[1:] if one.end_share > 0]
    note = f"{', '.join(others)} served too at the end of the reference" if others else ""
    return found, note


def _known_by(best: Served, past: Past) -> str:
    when = f"{_day(best.first)} to {_day(best.last)}"
    text = f"Served {words.share(best.end_share)} of the traffic at the end of the reference, {when}"
    figures = []
    if past.error_share is not None:
        figures.append(f"{words.share(past.error_share)} errors")
    if past.latency_p95 is not None:
        figures.append(f"p95 {past.latency_p95:.3g} ms")
    figures += [
        f"{name.upper() if name != 'accuracy' else name} {value:.3f}" for name, value in best.figures.items()
    ]
    return f"{text}; {', '.join(figures)}." if figures else f"{text}."


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _ladder(table: pa.Table, columns: Columns, good: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The rungs the log knows of, and the last one, which every service has: no answer."""
    rungs: list[dict[str, Any]] = [{"name": "current", "kind": "current"}]
    if good is not None:
        rungs.append({"name": "last known good", "kind": "last_known_good", "version": good["version"]})
    if columns.rung is not None:
        kinds = ("reduced", "cached", "rules")
        seen = look_at(table.select([columns.rung]))[columns.rung].values
        rungs += [{"name": name, "kind": kind} for kind in kinds for name in seen if kind in name.lower()]
    why = "No answer is better than a wrong one; the caller does without."
    rungs.append({"name": "closed", "kind": "closed", "fails": "closed", "because": why})
    return rungs
