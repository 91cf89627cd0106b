"""Does live traffic obey a measure? Confirmed and effective are two facts; this is the first.

A receipt says that the data plane was told. Whether it obeys is read off the calls themselves: by which
switch they were routed, and which version and rung answered them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from fireline.clock import MICROS, from_micros, iso, micros
from fireline.terms import words
from fireline.terms.incident import Incident
from fireline.terms.measure import Measure
from fireline.terms.timeline import Draft, EntryKind
from fireline.verify.rows import Columns, flag, take, text

ENOUGH = 5
"""Calls in a row, the last ones seen, that must obey."""
LACKS = "which has no such version or rung"
"""What is said of a guard that passes a route by."""
PATIENCE = timedelta(minutes=5)
SILENCE = timedelta(hours=1)
"""How long no call at all may be seen before that is worth a note: a quiet service is not a problem."""
ON_THEIR_WAY = timedelta(minutes=1)
"""Calls that disobey so soon after a measure were answered before it arrived."""
SHARE_SLACK = 0.15
UNSEEN = frozenset({"keep"})
"""Actions that change no answer: the guards say themselves that they have heard."""


@dataclass(frozen=True, slots=True)
class Obedience:
    """What the calls since a measure was applied show.

    ``obeying`` calls in a row obeyed, up to the newest; ``disobeying`` calls did not, ``last`` is when the
    last of those was, and ``who`` says who disobeys (host or version) and how often. ``behind`` names guards
    that listen and obey an older switch, ``astray`` hosts whose newest call disobeyed when the measure must
    have arrived. ``enough`` is how many calls in a row must obey.
    """

    obeying: int = 0
    disobeying: int = 0
    last: datetime | None = None
    who: tuple[tuple[str, int], ...] = ()
    behind: tuple[str, ...] = ()
    astray: tuple[str, ...] = ()
    enough: int = ENOUGH
    until: datetime | None = None
    overdue: bool = False
    cannot: str = ""
    how: str = "that way"

    @property
    def obeys(self) -> bool:
        return self.obeying >= self.enough and not (self.behind or self.astray or self.cannot)

    def trouble(self, measure: Measure, now: datetime) -> str:
        """What keeps ``measure`` from being confirmed, "" when nothing does but that few calls have come:
        ``lacks``, ``unseen``, ``behind``, ``uncounted``, ``disobeyed`` or ``silence``."""
        applied = measure.applied_at or now
        if any(LACKS in one for one in self.behind):
            return "lacks"  # no patience mends that
        if self.cannot:
            return "unseen"  # nor that
        if self.overdue:
            return "uncounted"
        if self.behind and now - applied >= PATIENCE:
            return "behind"
        now = min(now, self.until) if self.until is not None else now
        if now - applied < PATIENCE:
            return ""
        if self.last is not None and self.last >= applied + ON_THEIR_WAY:
            return "disobeyed"
        seen = self.obeying or self.disobeying
        return "silence" if not seen and now - applied >= SILENCE else ""


def obedience(columns: Columns, measure: Measure, behind: tuple[str, ...] = ()) -> Obedience:
    """What ``columns`` (live and shadow rows since the measure was applied, as the canonical batch names
    them) show of ``measure``."""
    if measure.action in UNSEEN:
        return Obedience(behind=behind, enough=0)
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
        newest = from_micros(int(rows["time"][-1]))
        return Obedience(0, len(bad) or run, newest, (("the share is not kept", run),), behind)
    last = from_micros(int(rows["time"][bad[-1]])) if len(bad) else None
    names = text(rows, "host") if "host" in rows else text(rows, "version")
    who = Counter(str(name) for name in names[bad]).most_common(3)
    return Obedience(run, len(bad), last, tuple(who), behind, _astray(rows, good, measure))


def _astray(rows: Columns, good: np.ndarray, measure: Measure) -> tuple[str, ...]:
    """Hosts that still answer otherwise: of many that obey one that does not would hardly break a run."""
    if "host" not in rows or measure.applied_at is None:
        return ()
    hosts, time = text(rows, "host")[::-1], rows["time"][::-1].astype(np.int64)
    names, newest = np.unique(hosts, return_index=True)
    must = micros(measure.applied_at + ON_THEIR_WAY)
    lately = int(time[0]) - int(PATIENCE.total_seconds()) * MICROS
    lost = ~good[::-1][newest] & (time[newest] >= max(must, lately)) & (names != "")
    return tuple(str(name) for name in names[lost])


def _concerned(columns: Columns, measure: Measure) -> np.ndarray:
    found = np.ones(len(columns["time"]), bool)
    for column, value in (measure.params.get("segment") or {}).items():
        if column in columns:
            found &= text(columns, column) == str(value)
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
    return keeps_share(int(kept.sum()), run, float(measure.params.get("share", 0.0)))


def keeps_share(kept: int, run: int, share: float) -> bool:
    """Whether ``kept`` of ``run`` calls are about a ``share`` of them or fewer, within a slack and two
    standard errors."""
    return bool(kept / run <= share + SHARE_SLACK + 2 * np.sqrt(max(share * (1 - share), 0.01) / run))


def judge_obedience(incident: Incident, measure: Measure, seen: Obedience, now: datetime) -> list[Draft]:
    """``confirmed`` when live traffic obeys; after a while a ``note`` when it does not or nothing is seen,
    once for each of these reasons."""
    data = {"measure": measure.id}
    if seen.obeys:
        return [Draft(EntryKind.CONFIRMED, _confirmed(seen), data)]
    trouble = seen.trouble(measure, now)
    said = {e.data.get("why") for e in incident.timeline if e.data.get("unconfirmed") == measure.id}
    if not trouble or trouble in said:
        return []
    text_ = _note(trouble, seen, words.length(now - (measure.applied_at or now)))
    return [Draft(EntryKind.NOTE, text_, {"text": text_, "unconfirmed": measure.id, "why": trouble, **data})]


def _confirmed(seen: Obedience) -> str:
    if not seen.enough:
        return "No call is answered otherwise for it, and no guard that listens obeys an older switch."
    after = f" {seen.disobeying} calls on their way before it did not." if seen.disobeying else ""
    counted = f", as counted up to {iso(seen.until)}" if seen.until is not None else ""
    return (
        f"Live traffic obeys it: the last {words.number(seen.obeying)} calls were answered {seen.how}"
        f"{counted}.{after}"
    )


def _note(trouble: str, seen: Obedience, waited: str) -> str:
    if trouble == "lacks":
        names = words.listing([one for one in seen.behind if LACKS in one][:3])
        return f"Calls go past it: {names}. Undo it, or deploy there what it names."
    if trouble == "unseen":
        return f"Counts cannot show whether calls obey it: {seen.cannot}. Undo it, or free it once you know."
    if trouble == "uncounted":
        upto = iso(seen.until) if seen.until is not None else "before it"
        return f"Not confirmed after {waited}: no counts of calls since have come, they end at {upto}."
    if trouble == "behind":
        names = words.listing(list(seen.behind[:3]))
        return f"Not confirmed after {waited}: guards that obey an older switch still answer ({names})."
    if trouble == "disobeyed":
        who = words.listing([f"{name} ({n})" for name, n in seen.who])
        return f"Not confirmed after {waited}: {seen.disobeying} calls since did not obey it, from {who}."
    return f"Not confirmed after {waited}: no call has come since. Free it if it hangs."
