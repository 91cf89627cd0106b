"""A figure of the events an alert is about, one number per event, and the moment it is made at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from fireline.clock import MICROS, micros
from fireline.triage.book import Book
from fireline.triage.case import Bools, Floats, Frame

LABELLED = frozenset({"auc", "accuracy", "calibration", "fairness"})


@dataclass(frozen=True)
class Figure:
    """One figure per event: ``before`` [rows before], ``after`` [rows after], NaN where the event has none.

    ``worse`` is +1 when more is worse, -1 when less is, 0 when any change matters. ``tolerance`` is the
    change of the mean that does not matter, in ``unit``.
    """

    name: str
    family: str
    unit: str
    before: Floats
    after: Floats
    tolerance: float
    worse: int = 1
    feature: str | None = None
    labelled: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.family, self.feature or ""


@dataclass(frozen=True)
class Moment:
    """What the making of figures needs to know of time: ``hit`` [rows after] are the live rows since the
    onset."""

    hit: Bools
    now: datetime
    age: int

    @property
    def micros(self) -> int:
        return micros(self.now)


def moment(book: Book, hit: Bools, now: datetime) -> Moment:
    """``age`` is the label age (microseconds) at which cohorts are compared: the runbook's, or less while the
    hit rows are younger than that."""
    labels = book.runbook.labels
    if labels is not None:
        agreed = int(labels.age.total_seconds() * MICROS)
    else:
        delay = _delay(book.before)
        agreed = int(np.quantile(delay, 0.95)) if delay.size else 0
    ages = micros(now) - book.after.time[hit]
    if ages.size and float((ages >= agreed).mean()) < 0.4:
        return Moment(hit, now, min(agreed, int(np.median(ages))))
    return Moment(hit, now, agreed)


def _delay(frame: Frame) -> Floats:
    delay = frame.number("label_time") - frame.time
    return delay[np.isfinite(delay) & np.isfinite(frame.number("label"))]


def mean_of(values: Floats) -> float:
    """The mean of the values [n] that are there; 0 where none is."""
    good = values[np.isfinite(values)]
    return float(good.mean()) if good.size else 0.0
