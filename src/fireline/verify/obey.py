"""Does live traffic obey a measure? Confirmed and effective are two facts; this is the first.

A receipt says that the data plane was told. Whether it obeys is read off the calls themselves: by which switch
they were routed, and which version and rung answered them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from fireline.clock import from_micros
from fireline.terms import words
from fireline.terms.incident import Incident
from fireline.terms.measure import Measure
from fireline.terms.timeline import Draft, EntryKind
from fireline.verify.rows import Columns, flag, take, text

ENOUGH = 5
"""Calls in a row, the last ones seen, that must obey."""
PATIENCE = timedelta(minutes=5)
SHARE_SLACK = 0.15


@dataclass(frozen=True, slots=True)
class Obedience:
    """What the calls since a measure was applied show.

    ``obeying`` calls in a row obeyed, up to the newest; ``disobeying`` counts all others, and ``last`` is
    when the last of those was. ``who`` says who disobeys (host or version) and how often; ``behind`` names guards
    that listen and obey an older switch.
    """

    obeying: int = 0
    disobeying: int = 0
    last: datetime | None = None
    who: tuple[tuple[str, int], ...] = ()
    behind: tuple[str, ...] = ()

    @property
    def obeys(self) -> bool:
        return self.obeying >= ENOUGH and not self.behind


def obedience(columns: Columns, measure: Measure, behind: tuple[str, ...] = ()) -> Obedience:
    """What ``columns`` (live and shadow rows since the measure was applied, as the canonical batch names
    them) show of ``measure``."""
    if "time" not in columns or not len(columns["time"]):
        return Obedience(behind=behind)
    rows = take(columns, ~flag(columns, "shadow") & _concerned(columns, measure))
    order = np.argsort(rows["time"], kind="stable")
    rows = {name: values[order] for name, values in rows.items()}
    good = _obeys(rows, measure)
    if not len(good):
        return Obedience(behind=behind)
    bad = np.flatnonzero(~good)
    run = len(good) - (int(bad[-1]) + 1 if len(bad) else 0)
    if measure.action == "route_share" and run >= ENOUGH and not _shares(rows, measure, run):
        return Obedience(0, len(bad), None, (("the share is not kept", run),), behind)
    last = from_micros(int(rows["time"][bad[-1]])) if len(bad) else None
    names = text(rows, "host") if "host" in rows else text(rows, "version")
    who = Counter(str(name) for name in names[bad]).most_common(3)
    return Obedience(run, len(bad), last, tuple(who), behind)


def _concerned(columns: Columns, measure: Measure) -> np.ndarray:
    found = np.ones(len(columns["time"]), bool)
    for column, value in (measure.params.get("segment") or {}).items():
        if column in columns:
            found &= text(columns, column) == value
    return found


def _obeys(rows: Columns, measure: Measure) -> np.ndarray:
    """Which rows [n] show that the measure is in force for them."""
    good = np.ones(len(rows["time"]), bool)
    if "switch" in rows and any(text(rows, "switch")):
        good &= _numbers(text(rows, "switch")) >= measure.ordinal
    version, rung = measure.params.get("to"), measure.params.get("rung")
    if measure.action == "rollback" and version:
        good &= text(rows, "version") == version
    elif measure.action == "route_share" and version:
        kept = str(measure.params.get("version"))
        good &= (text(rows, "version") == version) | (text(rows, "version") == kept)
    elif measure.action == "fallback" and rung and "rung" in rows:
        good &= text(rows, "rung") == rung
    return good


def _numbers(values: np.ndarray) -> np.ndarray:
    return np.array([float(v) if v.replace(".", "", 1).isdigit() else -1.0 for v in map(str, values)])


def _shares(rows: Columns, measure: Measure, run: int) -> bool:
    """Whether the version that keeps a share has about that share of the last ``run`` calls."""
    kept = text(rows, "version")[-run:] == str(measure.params.get("version"))
    share = float(measure.params.get("share", 0.0))
    return bool(kept.mean() <= share + SHARE_SLACK + 2 * np.sqrt(max(share * (1 - share), 0.01) / run))


def judge_obedience(incident: Incident, measure: Measure, seen: Obedience, now: datetime) -> list[Draft]:
    """``confirmed`` when live traffic obeys; once, after a while, a ``note`` when it does not or nothing is
    seen."""
    data = {"measure": measure.id}
    if seen.obeys:
        after = f" {seen.disobeying} calls on their way before it did not." if seen.disobeying else ""
        because = (
            f"Live traffic obeys it: the last {words.number(seen.obeying)} calls were answered that way."
        )
        return [Draft(EntryKind.CONFIRMED, because + after, data)]
    waited = now - (measure.applied_at or now)
    said = any(
        e.kind is EntryKind.NOTE and e.data.get("unconfirmed") == measure.id for e in incident.timeline
    )
    if waited < PATIENCE or said:
        return []
    text_ = _trouble(seen, words.length(waited))
    return [Draft(EntryKind.NOTE, text_, {"text": text_, "unconfirmed": measure.id, **data})]


def _trouble(seen: Obedience, waited: str) -> str:
    if seen.behind:
        names = words.listing(list(seen.behind[:3]))
        return f"Not confirmed after {waited}: guards that obey an older switch still answer ({names})."
    if seen.disobeying:
        who = words.listing([f"{name} ({n})" for name, n in seen.who])
        return f"Not confirmed after {waited}: {seen.disobeying} calls since did not obey it, from {who}."
    if seen.obeying:
        return f"Not confirmed after {waited}: only {seen.obeying} calls have come since."
    return f"Not confirmed after {waited}: no call has come since. Free it if it hangs."
