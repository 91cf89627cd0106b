"""What triage is given, and what it hands back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fireline.clock import MICROS, from_micros, micros
from fireline.terms.alert import Finding
from fireline.terms.cause import Cause
from fireline.terms.change import Change
from fireline.terms.evidence import Evidence
from fireline.terms.severity import Severity
from fireline.terms.slo import Total

if TYPE_CHECKING:
    from fireline.runbook.schema import Runbook

Array = NDArray[Any]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frame:
    """Raw events as columns of one length n, in any order of rows.

    ``columns`` has the keys of the canonical batch: ``time`` int64 microseconds, strings as object or str
    arrays with "" for missing, numbers as float64 with NaN for missing, ``shadow``, ``error`` and flags as
    bool; plus ``label`` (float64, NaN while unknown) and ``label_time`` (int64 or float64 microseconds, NaN
    while unknown). Shadow rows are in it with ``shadow`` True. Raises ValueError when ``time`` is missing or
    lengths differ.
    """

    columns: Mapping[str, Array]

    def __post_init__(self) -> None:
        if "time" not in self.columns:
            raise ValueError("a frame needs a time column")
        n = len(self.columns["time"])
        for name, column in self.columns.items():
            if len(column) != n:
                raise ValueError(f"column {name} has {len(column)} rows, time has {n}")

    @property
    def rows(self) -> int:
        return len(self.columns["time"])

    @property
    def time(self) -> Ints:
        """int64[n] microseconds since 1970."""
        return self.columns["time"].astype(np.int64, copy=False)

    def has(self, name: str) -> bool:
        return name in self.columns

    def number(self, name: str) -> Floats:
        """Column ``name`` as float64[n]; all NaN when there is none or it holds words that are no numbers."""
        column = self.columns.get(name)
        if column is None:
            return np.full(self.rows, np.nan)
        if column.dtype.kind in "fiub":
            return column.astype(np.float64, copy=False)
        try:
            return np.where(column == "", np.nan, column).astype(np.float64)
        except (TypeError, ValueError):
            return np.full(self.rows, np.nan)

    def words(self, name: str) -> Array:
        """Column ``name`` as object[n] of str; all "" when there is none."""
        column = self.columns.get(name)
        if column is None:
            return np.full(self.rows, "", dtype=object)
        if column.dtype.kind == "O":
            return column
        return column.astype(str).astype(object)

    def yes(self, name: str) -> Bools:
        """Column ``name`` as bool[n]; all False when there is none."""
        column = self.columns.get(name)
        if column is None:
            return np.zeros(self.rows, dtype=np.bool_)
        return column.astype(np.bool_, copy=False)

    def pick(self, mask: Array) -> Frame:
        """The rows where ``mask`` (bool[n] or row numbers) says so."""
        return Frame({name: column[mask] for name, column in self.columns.items()})

    def live(self) -> Frame:
        """The rows that users saw: everything but shadow calls."""
        return self.pick(~self.yes("shadow")) if self.has("shadow") else self

    @classmethod
    def empty(cls, names: Iterable[str] = ()) -> Frame:
        """No rows; ``names`` become empty float columns."""
        columns: dict[str, Array] = {name: np.empty(0) for name in names}
        columns["time"] = np.empty(0, dtype=np.int64)
        return cls(columns)


@dataclass(frozen=True, slots=True)
class Trace:
    """A finding's monitor over the ticks before and after it fired.

    Arrays are float64[T], one cell a tick of ``grain`` seconds from ``start``, NaN where a tick was empty.
    ``z`` is the standardised residual with its sign turned so that positive means the alert's direction;
    ``infl`` is the long-run variance inflation of the reference (1 = independent ticks).
    """

    start: datetime
    grain: int
    seen: Floats
    usual: Floats
    n: Floats
    z: Floats
    infl: float = 1.0

    @property
    def ticks(self) -> int:
        return len(self.z)

    def at(self, tick: int) -> datetime:
        """The instant tick number ``tick`` starts."""
        return from_micros(micros(self.start) + tick * self.grain * MICROS)


@dataclass(frozen=True, slots=True)
class Case:
    """One incident as triage sees it; ``findings[0]`` is the trigger, ``traces`` are keyed by finding index.

    ``before`` is the reference window, ``after`` reaches from some days before the onset up to ``now``.
    ``changes`` are announced and inferred ones. ``quiet`` are families judged in this window that did not
    fire. ``sampled`` are failed calls to the dependencies that fired. ``promised`` says by the name of a
    declared objective what was bad of what in any window up to ``now``. ``appeared`` are the columns that
    nobody mapped and the reference never carried: name -> rows that bring it, and the first. ``served`` is
    the share of the calls that each segment named by a finding had, by scope, where only counts came.
    """

    findings: tuple[Finding, ...]
    traces: Mapping[int, Trace]
    before: Frame
    after: Frame
    changes: tuple[Change, ...]
    quiet: tuple[str, ...]
    runbook: Runbook
    now: datetime
    sampled: tuple[Mapping[str, Any], ...] = ()
    promised: Mapping[str, Total] = field(default_factory=dict)
    appeared: Mapping[str, tuple[int, datetime]] = field(default_factory=dict)
    served: Mapping[str, float] = field(default_factory=dict)

    @property
    def trigger(self) -> Finding:
        return self.findings[0]


@dataclass(frozen=True, slots=True)
class Assessment:
    """What triage found: an onset interval, a severity and ranked causes, each with its reason.

    ``new_version`` is the version that alone is bad. ``slice`` is None when the whole service is hit.
    ``causes`` is best first and holds rejected suspects too, at the end. ``equally_bad`` are versions seen to
    be as bad as each other on the same traffic: going back to one of them would not help.
    """

    onset: tuple[datetime, datetime]
    severity: Severity
    severity_because: str
    title: str
    slice: Mapping[str, Any] | None
    new_version: str | None
    causes: tuple[Cause, ...]
    evidence: tuple[Evidence, ...]
    checks: tuple[str, ...]
    onset_because: str = ""
    slice_because: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    equally_bad: tuple[str, ...] = ()
