"""The changes that may be to blame: what kind of cause each would be, how well its time fits, and what rules
it out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from fireline.clock import from_micros, micros
from fireline.terms.cause import CauseKind
from fireline.terms.change import Change
from fireline.triage.book import Book, factorise
from fireline.triage.case import Bools, Case
from fireline.triage.compare import gap_of_means
from fireline.triage.figure import Figure
from fireline.triage.onset import Onset, first_event
from fireline.triage.slices import Found
from fireline.triage.versions import Split
from fireline.triage.words import change_name, length, where
from fireline.triage.words import figure as say

HORIZON = timedelta(days=7)
SKEW = timedelta(minutes=5)
SAME_ROLLOUT = timedelta(hours=12)
DELAYS = ((0.55, timedelta(minutes=10)), (0.3, timedelta(hours=2)), (0.1, timedelta(hours=24)))
"""How long a change takes to show, as shares of exponential delays; the rest is spread over the horizon."""

AT_ONCE = ((0.82, timedelta(minutes=5)), (0.08, timedelta(hours=2)), (0.06, timedelta(hours=24)))
"""The same once a new version is seen to answer: a faulty one is mostly faulty at once."""

KINDS: tuple[tuple[CauseKind, tuple[str, ...]], ...] = (
    (CauseKind.LABEL_PIPELINE, ("label", "annotation", "truth")),
    (
        CauseKind.UPSTREAM_DATA,
        ("schema", "data", "etl", "pipeline", "upstream", "feature", "backfill", "source"),
    ),
    (
        CauseKind.NATURAL_DRIFT,
        ("campaign", "holiday", "market", "promotion", "season", "launch", "event", "pricing"),
    ),
    (
        CauseKind.INFRASTRUCTURE,
        ("infra", "host", "network", "scal", "maintenance", "capacity", "hardware", "database"),
    ),
    (
        CauseKind.DEPLOY,
        (
            "deploy",
            "release",
            "rollout",
            "code",
            "model",
            "config",
            "flag",
            "experiment",
            "canary",
            "rollback",
            "version",
            "switch",
        ),
    ),
)


@dataclass(frozen=True)
class Suspect:
    """One change and its ``name`` in words. ``timing`` is the log of how much better its time fits the onset
    than any time of the last days; ``out`` says why it cannot be it (empty: it can); ``fit`` and ``against``
    what else speaks for and against."""

    change: Change
    kind: CauseKind
    timing: float
    says: str
    name: str
    out: str = ""
    bonus: float = 0.0
    fit: str = ""
    against: str = ""


def kind_of(change: Change, service: str) -> CauseKind:
    """What kind of cause a change would be. Another service's deploy is, to us, upstream data."""
    text = change.kind.lower()
    for kind, words in KINDS:
        if any(w in text for w in words):
            if kind is CauseKind.DEPLOY and change.service and change.service != service:
                return CauseKind.UPSTREAM_DATA
            return kind
    return CauseKind.DEPLOY if change.version else CauseKind.UNKNOWN


def line_up(
    case: Case, book: Book, onset: Onset, split: Split, found: Found, figure: Figure | None, hit: Bools,
    labels: Onset | None = None,
) -> list[Suspect]:  # fmt: skip
    """Every known change as a suspect, in order of time; a version's first appearance stands for an
    unannounced deploy. ``labels`` is the onset on the clock labels arrive by, where that is known: it dates
    label jobs."""
    changes = _merged(case, [*case.changes, *_unannounced(case, book, split)])
    service = case.runbook.service
    return [
        _suspect(
            case,
            book,
            c,
            labels if labels and kind_of(c, service) is CauseKind.LABEL_PIPELINE else onset,
            split,
            found,
            figure,
            hit,
        )
        for c in changes
    ]


def _unannounced(case: Case, book: Book, split: Split) -> list[Change]:
    """First appearances of versions that no change tells of."""
    told = {c.version for c in case.changes}
    _, names = book.versions
    found = []
    for name in sorted(filter(None, names)):  # a rung of rules or a cache has no version
        first = first_event(case, book, name)
        if name not in told and first is not None:
            found.append(
                Change(
                    first,
                    "deploy",
                    f"version {name} first answered",
                    case.runbook.service,
                    name,
                    inferred=True,
                )
            )
    if (
        split.verdict == "only_new"
        and split.new not in told
        and not any(c.version == split.new for c in found)
    ):
        at = micros(case.trigger.at)
        mine = book.after.time[book.live & (book.after.words("version") == split.new)]
        if mine.size and int(mine.min()) < at:
            when = from_micros(int(mine.min()))
            what = f"version {split.new} first seen"
            found.append(Change(when, "deploy", what, case.runbook.service, split.new, inferred=True))
    return found


def _merged(case: Case, changes: list[Change]) -> list[Change]:
    """One change per rollout: an inferred first appearance goes with the announced deploy it belongs to."""
    told = sorted((c for c in changes if not c.inferred), key=lambda c: (c.at, c.kind, c.what))
    for guess in sorted((c for c in changes if c.inferred), key=lambda c: (c.at, c.what)):
        twin = next((i for i, c in enumerate(told) if _same(case, c, guess)), None)
        if twin is None:
            told.append(guess)
        elif told[twin].version is None:
            told[twin] = replace(told[twin], version=guess.version)
    return sorted(told, key=lambda c: (c.at, c.kind, c.what))


def _same(case: Case, told: Change, guess: Change) -> bool:
    if kind_of(told, case.runbook.service) is not CauseKind.DEPLOY or told.inferred:
        return False
    if told.version is not None:
        return told.version == guess.version and abs(guess.at - told.at) <= SAME_ROLLOUT
    return timedelta(0) <= guess.at - told.at <= timedelta(minutes=30)


def timing_of(at: datetime, onset: Onset, *, answering: bool = False) -> float:
    """Log of P(the onset lies in its interval | the change at ``at`` did it) over its share of the horizon.

    ``answering`` says that from ``at`` on a new version is seen to answer, so that nothing was left to wait
    for.
    """
    start, end = onset.earliest - at, onset.latest - at + SKEW
    if end <= timedelta(0):
        return -math.inf
    start = max(start, timedelta(0))
    delays = AT_ONCE if answering else DELAYS
    inside = sum(p * (math.exp(-(start / mean)) - math.exp(-(end / mean))) for p, mean in delays)
    width = max(onset.width, timedelta(minutes=5))
    rest = (1 - sum(p for p, _ in delays)) * min(width / HORIZON, 1.0) if start < HORIZON else 0.0
    return math.log(max(inside + rest, 1e-12) / min(width / HORIZON, 1.0))


def _timing(case: Case, book: Book, change: Change, onset: Onset) -> float:
    """By the announced time; by the version's first answer, where that is seen."""
    first = first_event(case, book, change.version)
    if first is None or abs(first - change.at) > SAME_ROLLOUT:
        return timing_of(change.at, onset)
    return timing_of(max(change.at, min(first, onset.latest)), onset, answering=True)


def _suspect(
    case: Case,
    book: Book,
    change: Change,
    onset: Onset,
    split: Split,
    found: Found,
    figure: Figure | None,
    hit: Bools,
) -> Suspect:
    kind = kind_of(change, case.runbook.service)
    timing, says = _timing(case, book, change, onset), _when(change, onset)
    base = Suspect(change, kind, timing, says, change_name(change, case.runbook.timezone))
    if change.at > onset.latest + SKEW:
        return replace(base, out=f"it came {length(change.at - onset.latest)} after the onset")
    if change.at < onset.earliest - HORIZON:
        return replace(
            base, out=f"it came {length(onset.earliest - change.at)} before the onset, too long ago"
        )
    if change.version and book.live.any():
        out = _version_out(book, change.version, split, hit)
        if out:
            return replace(base, out=out)
        if _unknown(book, change.version):
            base = replace(base, bonus=-3.0, against=f"version {change.version} is nowhere in the log")
    return _by_segment(book, base, found, figure, hit)


def _when(change: Change, onset: Onset) -> str:
    if change.at > onset.latest:
        return f"it came {length(change.at - onset.latest)} after the onset"
    if change.at >= onset.earliest - SKEW:
        return "it happened within the onset's interval"
    return f"it came {length(onset.earliest - change.at)} before the onset"


def _unknown(book: Book, version: str) -> bool:
    """Whether the log names its versions and never this one."""
    logged = set(book.versions[1]) | set(factorise(book.before.words("version"))[1])
    return bool(logged - {""}) and version not in logged


def _version_out(book: Book, version: str, split: Split, hit: Bools) -> str:
    seen = hit & (book.after.words("version") == version)
    known = version in book.versions[1] or bool((book.before.words("version") == version).any())
    if not seen.any() and known:
        return f"version {version} answered nobody after the onset"
    if split.verdict == "equal" and version in (split.new, split.old):
        other = split.old if version == split.new else split.new
        return f"version {version} is no worse than {other} on the same traffic"
    if split.verdict == "only_new" and split.strength >= 0.8 and version != split.new:
        return f"only {split.new} is bad, and this brought {version}"
    return ""


def _by_segment(book: Book, base: Suspect, found: Found, figure: Figure | None, hit: Bools) -> Suspect:
    """Whether the harm lies where the change was made."""
    segment: Mapping[str, str] = base.change.segment or {}
    if not segment:
        return base
    name = where(segment)
    if found.slice is not None:
        for column, value in segment.items():
            hurt = found.slice.get(column)
            if isinstance(hurt, str) and hurt != str(value):
                return replace(
                    base, out=f"it was made for {name}, and the harm is where {where(found.slice)}"
                )
            if hurt is not None:
                return replace(base, bonus=base.bonus + 2.0, fit=f"it was made for {name}, where the harm is")
    return _inside_and_outside(book, base, segment, figure, hit)


def _inside_and_outside(
    book: Book, base: Suspect, segment: Mapping[str, str], figure: Figure | None, hit: Bools
) -> Suspect:
    if figure is None or any(not book.after.has(c) for c in segment):
        return base
    inside_after, inside_before = hit.copy(), np.ones(book.before.rows, dtype=np.bool_)
    for column, value in segment.items():
        inside_after &= book.after.words(column) == str(value)
        inside_before &= book.before.words(column) == str(value)
    within = gap_of_means(figure.after[inside_after], figure.before[inside_before])
    outside = gap_of_means(figure.after[hit & ~inside_after], figure.before[~inside_before])
    if min(within.n_new, outside.n_new) < 20 or min(within.n_old, outside.n_old) < 20:
        return base
    name = where(segment)
    numbers = f"{say(within.diff, figure.unit)} inside and {say(outside.diff, figure.unit)} outside"
    if abs(outside.z) > 3 and abs(outside.diff) >= 0.5 * abs(within.diff):
        return replace(
            base, out=f"it was made for {name}, and {figure.name} moved as much elsewhere ({numbers})"
        )
    if abs(within.z) > 3 and abs(outside.diff) < 0.3 * abs(within.diff):
        return replace(base, bonus=2.0, fit=f"it was made for {name}, where {figure.name} moved ({numbers})")
    return replace(
        base, bonus=-1.0, against=f"it was made for {name}, where nothing special is seen ({numbers})"
    )
