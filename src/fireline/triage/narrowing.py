"""The onset by single events: where ticks are coarse, and where a new version's first answers say more."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from fireline.clock import from_micros, micros
from fireline.terms.alert import Finding
from fireline.triage.book import Book
from fireline.triage.case import Bools, Case
from fireline.triage.compare import mean_of
from fireline.triage.figures import LABELLED, Figure, family_of, figure_of, moment
from fireline.triage.onset import Onset, started, tidy
from fireline.triage.profile import UNITS, event_profile, near
from fireline.triage.windows import hourly_inflation, season_of
from fireline.triage.words import interval

MOST_EVENTS = 200_000
MOST_CLUMPING = 3.0


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
    """Cut the events of ``scope`` [rows after] where they change from the figure's usual to its present mean.

    Answers ``found`` again when events say no more than the ticks did. ``begun`` is a new version's first answer:
    most bad versions are bad from then on, and how much it shows differs by hour, so the interval begins there.
    """
    time, binary = book.after.time, figure.unit == "share"
    season = np.zeros(48) if binary else season_of(book, figure)
    values = figure.after - season[book.after_cells]
    low, high = micros(found.earliest - margin), micros(found.latest + margin)
    good = scope & np.isfinite(values)
    calm, hit = good & (time < low), good & (time >= micros(found.latest))
    usual = figure.before - season[book.before_cells]
    old, variance, n_old = mean_of(values[calm]) if calm.sum() >= 200 else mean_of(usual)
    new, _, n_new = mean_of(values[hit])
    near_by = np.flatnonzero(good & (time >= low) & (time <= high))
    few = min(n_old, n_new, len(near_by)) < 20
    if few or len(near_by) > MOST_EVENTS or abs(new - old) <= figure.tolerance:
        return found
    order = near_by[np.argsort(time[near_by], kind="stable")]
    gain = event_profile(values[order], old, new, variance * max(n_old - 1, 1), binary)
    gain = gain / min(hourly_inflation(book, figure), MOST_CLUMPING)
    first, last = near(gain, UNITS + 0.6)
    if begun is not None:
        first = 0
    at = time[order]
    earliest = from_micros(int(at[first - 1])) if first > 0 else max(found.earliest, begun or found.earliest)
    latest = from_micros(int(at[last])) if last < len(at) else found.latest
    if begun is not None:
        earliest, latest = max(earliest, begun), max(latest, begun)
    if not earliest <= latest or latest - earliest >= found.width:
        return found
    because = f"{found.because}; narrowed by single events"
    return replace(found, earliest=earliest, latest=latest, because=because)


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
        found, earliest=begun, latest=max(found.latest, begun + timedelta(minutes=1)), shape="step",
        rise=timedelta(0), because=f"only {version} is affected, and it answered first at {interval(begun, begun)}",
    )  # fmt: skip
    if figure is None or figure.labelled:
        return tidy(clipped, case.now)
    return tidy(by_events(book, figure, clipped, mine, timedelta(hours=1), begun), case.now)
