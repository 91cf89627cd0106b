"""The onset by single events: where ticks are coarse, and where a new version's first answers say more."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from fireline.clock import from_micros, micros
from fireline.terms.alert import Finding
from fireline.triage.book import Book, Column
from fireline.triage.case import Array, Bools, Case, Floats, Ints
from fireline.triage.compare import mean_of, psi
from fireline.triage.figure import LABELLED, Figure, moment
from fireline.triage.figures import MAX_LOG_RATIO, family_of, figure_of
from fireline.triage.onset import Onset, started, tidy
from fireline.triage.profile import UNITS, cuts, event_profile, near
from fireline.triage.windows import hourly_inflation
from fireline.triage.words import clock

MOST_EVENTS = 200_000
LEAST_PSI = 0.01
EVENT_UNITS = 1.5
"""Further units for single events: what is likely of them is learnt from the same rows."""
SHRINK = 30.0
CALM_SHRINK = 5.0
ANYTHING = 0.15
"""How often a changed column takes a value it had at other hours: its ways since the onset are known from
few."""


def scope_rows(book: Book, finding: Finding) -> Bools:
    """Live rows of the finding's scope: bool [rows after]."""
    rows = book.live.copy()
    if finding.version is not None:
        rows &= book.after.words("version") == finding.version
    for column, value in (finding.segment or {}).items():
        rows &= book.after.words(column) == str(value)
    return rows


def narrow(case: Case, book: Book, found: Onset) -> Onset:
    """The same onset by single events, where it stepped and the figure shows in single events."""
    if found.shape != "step" or found.finding is None:
        return tidy(found, case.now)
    finding = case.findings[found.finding]
    family = family_of(finding)
    if family in LABELLED or family == "label_coverage":
        return tidy(found, case.now)
    scope = scope_rows(book, finding)
    sure = scope & (book.after.time >= micros(found.latest))
    hit = sure if sure.sum() >= 50 else scope & (book.after.time >= micros(found.earliest))
    figure = figure_of(book, family, finding.feature, moment(book, hit, case.now))
    if figure is None:
        return tidy(found, case.now)
    grain = case.traces[found.finding].grain
    begun = started(case, book, finding.version) if finding.version else None
    return tidy(by_events(book, figure, found, scope, timedelta(seconds=3 * grain), begun), case.now)


def by_events(
    book: Book, figure: Figure, found: Onset, scope: Bools, margin: timedelta, begun: datetime | None = None
) -> Onset:
    """Cut the events of ``scope`` [rows after] where they change from their usual to their present ways.

    Answers ``found`` again when events say no more than the ticks did. ``begun`` is a new version's first
    answer: most bad versions are bad from then on, and how much it shows differs by hour, so the interval
    begins there.
    """
    time = book.after.time
    low, high = micros(found.earliest - margin), micros(found.latest + margin)
    good = scope & np.isfinite(figure.after)
    calm, hit = good & (time < low), good & (time >= micros(found.latest))
    near_by = np.flatnonzero(good & (time >= low) & (time <= high))
    if min(int(hit.sum()), len(near_by)) < 20 or len(near_by) > MOST_EVENTS:
        return found
    order = near_by[np.argsort(time[near_by], kind="stable")]
    gain = _gain(book, figure, calm, hit, order)
    if gain is None:
        return found
    first, last = near(gain / hourly_inflation(book, figure), UNITS + EVENT_UNITS)
    first = 0 if begun is not None else first
    at = time[order]
    earliest = from_micros(int(at[first - 1])) if first > 0 else max(found.earliest, begun or found.earliest)
    latest = from_micros(int(at[last])) if last < len(at) else found.latest
    if begun is not None:
        earliest, latest = max(earliest, begun), max(latest, begun)
    if not earliest <= latest or latest - earliest >= found.width:
        return found
    because = f"{found.because}; narrowed by single events"
    return replace(found, earliest=earliest, latest=latest, because=because)


def _gain(book: Book, figure: Figure, calm: Bools, hit: Bools, order: Ints) -> Floats | None:
    """Log-likelihood of each cut of the events ``order``; None where the figure did not move enough."""
    if figure.family in ("drift", "score_drift"):
        others = [f for f in book.features if f != figure.feature]
        each = _by_shape(book, figure.feature or book.answer, others, calm, hit, order)
        return None if each is None else cuts(each)
    usual = figure.after[calm] if calm.sum() >= 200 else figure.before
    old, variance, n_old = mean_of(usual)
    new, _, n_new = mean_of(figure.after[hit])
    if min(n_old, n_new) < 20 or abs(new - old) <= figure.tolerance:
        return None
    binary = figure.unit == "share"
    return event_profile(figure.after[order], old, new, variance * max(n_old - 1, 1), binary)


def _by_shape(book: Book, own: str, others: list[str], calm: Bools, hit: Bools, order: Ints) -> Floats | None:
    """For each event how much likelier its value is under today's distribution than under the calm days', by
    hour of the day: float64 [events].

    The column that set it off is read; another only where it moved far more, as an input behind a score does.
    """
    first = _ratio(book, book.column(own, "numeric" if own == book.answer else None), calm, hit, order)
    rest = [r for name in others if (r := _ratio(book, book.column(name), calm, hit, order)) is not None]
    best = max(rest, key=lambda r: r[0], default=None)
    if best is not None and (first is None or best[0] > 2 * first[0]):
        first = best
    return None if first is None or first[0] < LEAST_PSI else first[1]


def _ratio(book: Book, column: Column, calm: Bools, hit: Bools, order: Ints) -> tuple[float, Floats] | None:
    """PSI of calm against hit, and the log ratio of each event in ``order``."""
    width = column.cells + 1

    def table(codes: Array, hours: Ints) -> Floats:
        place = np.where(codes < 0, column.cells, codes).astype(np.int64)
        counts = np.bincount((hours % 24) * width + place, minlength=24 * width)
        return counts.reshape(24, width).astype(np.float64)

    old = table(column.before, book.before_cells)
    if calm.sum() >= 200:
        old = table(column.after[calm], book.after_cells[calm]) + old * (200.0 / max(old.sum(), 1.0))
    new = table(column.after[hit], book.after_cells[hit])
    if old.sum() < 50 or new.sum() < 20:
        return None
    hours = new.sum(axis=1, keepdims=True) / np.maximum(old.sum(axis=1, keepdims=True), 1.0)
    value, noise = psi((old * hours).sum(axis=0), new.sum(axis=0))
    marginal = (old.sum(axis=0) + 0.5) / (old.sum() + 0.5 * width)
    p = (old + CALM_SHRINK * marginal) / (old.sum(axis=1, keepdims=True) + CALM_SHRINK)
    now = (new.sum(axis=0) + 20 * marginal) / (new.sum() + 20)
    q = (new + SHRINK * now) / (new.sum(axis=1, keepdims=True) + SHRINK)
    q = (1 - ANYTHING) * q + ANYTHING * marginal
    ratio = np.clip(np.log(q / p), -MAX_LOG_RATIO, MAX_LOG_RATIO)
    codes = np.where(column.after[order] < 0, column.cells, column.after[order]).astype(np.int64)
    return value - 2 * noise, np.asarray(ratio[book.after_cells[order] % 24, codes])


def after_version(case: Case, book: Book, found: Onset, version: str, figure: Figure | None) -> Onset:
    """The onset once it is known that ``version`` alone is bad: not before it answered, and from its first
    events on where those are already bad."""
    begun = started(case, book, version)
    if begun is None or begun > found.latest + timedelta(minutes=15):
        return found
    if found.earliest > begun + timedelta(hours=24) and found.shape == "step":
        return found
    mine = book.live & (case.after.words("version") == version)
    clipped = replace(
        found,
        earliest=begun,
        latest=max(found.latest, begun + timedelta(minutes=1)),
        shape="step",
        rise=timedelta(0),
        because=f"only {version} is affected, which answered first at {clock(begun, case.runbook.timezone)}",
    )
    if figure is None or figure.labelled:
        return tidy(clipped, case.now)
    return tidy(by_events(book, figure, clipped, mine, timedelta(hours=1), begun), case.now)
