"""What is promised: service-level objectives, and what cannot be one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from pydantic import Field, model_validator

from fireline.runbook.durations import say_duration
from fireline.runbook.part import Part
from fireline.runbook.problem import Level
from fireline.runbook.signals import Signal
from fireline.runbook.values import Duration
from fireline.runbook.watching import Columns
from fireline.terms.indicator import INDICATORS, Bound, Budgeting, Indicator, IndicatorName, budgeting
from fireline.terms.slo import Slo as Promise

KEPT = 0.9
"""The share of days in which a floor or ceiling that was written without one is to be kept."""
LONGEST = timedelta(days=366)
"""Hours are kept for 13 months; time slices are not told from days."""

Found = tuple[tuple[str | int, ...], str]


class Slo(Part):
    """A service-level objective.

    What counts as good, and of what, follows from the indicator: events (answers, values) or time slices
    (hours in which a figure kept to `threshold`).
    """

    name: str = Field(min_length=1, description="Its name.")
    indicator: IndicatorName = Field(
        description="What it is about. Shares of events: availability (answers without an error), latency "
        "(answers within `threshold` milliseconds), accuracy, null_share (events with the feature `of`), "
        "flag_rate (answers without the flag `of`), fallback_share (answers not from a fallback). Shares of "
        "time slices: freshness (minutes with an event no older than `threshold` seconds; with `of` a share "
        "of a feature's values or a table's samples), auc, rmse, calibration (mean score against the share "
        "of positives), demographic_parity, equal_opportunity, equalized_odds (gap between the groups of "
        "`of`), kpi (mean outcome)."
    )
    objective: float = Field(
        allow_inf_nan=False,
        description="What is promised: the share of events that are good, or of time slices whose figure "
        "keeps to `threshold`.",
    )
    threshold: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="For latency the milliseconds an answer may take, for freshness the seconds that may "
        "pass without an event; for a figure its floor (auc, kpi) or ceiling (all others).",
    )
    of: str | None = Field(
        default=None,
        description="For null_share the feature, for flag_rate the flag, for fairness the group column, for "
        "freshness a feature with a time of its own or a signal of kind `age`.",
    )
    bound: Bound | None = Field(
        default=None, description="For kpi: whether `threshold` is a floor (unless told) or a ceiling."
    )
    slice: Duration | None = Field(
        default=None,
        description="How long a time slice is, whole hours: 1h unless told. Give it longer where an hour "
        "holds too few labels or groups.",
    )
    window: Duration = Field(default=timedelta(days=28), description="Over how long it is promised.")

    @model_validator(mode="before")
    @classmethod
    def _bare_figure(cls, plain: Any) -> Any:
        """An AUC or error written as the objective itself, as runbooks did before there were time slices."""
        if isinstance(plain, dict) and bare(plain):
            piece = {} if "window" in plain else {"slice": "24h"}
            return {**piece, **plain, "threshold": plain["objective"], "objective": KEPT}
        return plain

    @property
    def known(self) -> Indicator:
        """What its indicator is."""
        return INDICATORS[self.indicator]

    @property
    def budget(self) -> Budgeting:
        """Whether its budget is of events or of time slices."""
        return budgeting(self.indicator, self.of)

    @property
    def side(self) -> Bound:
        """The side on which a slice's figure must stay."""
        return self.bound or self.known.bound

    @property
    def sliced(self) -> timedelta | None:
        """How long a time slice is; None where events are counted."""
        return (self.slice or self.known.slice) if self.budget == "slices" else None

    @property
    def promise(self) -> Promise:
        """The objective as error budgets know it."""
        return Promise(self.name, self.objective, self.window, self.sliced)


def bare(plain: dict[str, Any]) -> bool:
    """Whether an objective as written gives an auc or rmse in the place of a share of hours."""
    return (
        plain.get("indicator") in ("auc", "rmse") and plain.get("threshold") is None and "objective" in plain
    )


def nonsense(slos: Sequence[Slo], columns: Columns, signals: Sequence[Signal]) -> list[Found]:
    """What cannot be promised so: (key, what is wrong and what to write) for each."""
    names = [slo.name for slo in slos]
    found: list[Found] = []
    for at, slo in enumerate(slos):
        if slo.name in names[:at]:
            found.append((("slos", at, "name"), f"{slo.name!r} is there twice: give one another name"))
        for key, says in (*_figures(slo), *_of(slo, columns, signals), *_lengths(slo)):
            found.append((("slos", at, key) if key else ("slos", at), says))
    return found


def doubts(slo: Slo) -> Iterator[tuple[Level, str, str, str]]:
    """What can be promised and may not be meant: (level, key, what it says, what to write)."""
    if slo.objective == 1:
        says = f"{slo.name} allows nothing bad at all: it has no budget that could burn slowly"
        yield "warning", "objective", says, "promise what users need, such as 0.999"
    if slo.sliced and slo.window / slo.sliced * slo.promise.allowed < 1 and slo.objective < 1:
        says = f"{slo.name} is broken by a single bad slice of {say_duration(slo.sliced)}"
        yield "warning", "objective", says, "promise a smaller share, or over a longer `window`"
    if slo.threshold is not None and not slo.known.threshold:
        yield "hint", "threshold", f"{slo.indicator} reads no threshold", "leave it out"


def _figures(slo: Slo) -> Iterator[tuple[str, str]]:
    known = slo.known
    if not 0 < slo.objective <= 1:
        yield "objective", f"{slo.objective:g} is not a share: write 0.99 for 99 %"
    wanted = bool(known.threshold) and not (slo.indicator == "freshness" and slo.of is not None)
    if slo.threshold is None:
        if wanted:
            yield (
                "",
                (
                    f"{'an' if slo.indicator[0] in 'aeiou' else 'a'} {slo.indicator} objective needs "
                    f"`threshold`, {known.threshold}: write threshold: {known.example}"
                ),
            )
        return
    if not wanted and slo.budget == "slices":
        yield "threshold", f"{slo.indicator} has no threshold: leave it out"
    elif slo.threshold <= 0 and slo.indicator != "kpi":
        yield "threshold", f"{slo.threshold:g} is not above 0: it is {known.threshold or 'not read here'}"
    elif slo.indicator in ("auc", "demographic_parity", "equal_opportunity", "equalized_odds", "calibration"):
        if slo.threshold >= 1:
            yield "threshold", f"{slo.threshold:g} is not below 1: write {known.example}"
    elif slo.indicator == "freshness" and slo.of is None and slo.threshold < 60:
        yield "threshold", f"{slo.threshold:g} s is less than the minutes that are counted: write 60 or more"


def _of(slo: Slo, columns: Columns, signals: Sequence[Signal]) -> Iterator[tuple[str, str]]:
    aged = [signal.name for signal in signals if signal.kind == "age" and signal.above is not None]
    held: dict[str, Sequence[str]] = {
        "feature": tuple(columns.features), "flag": columns.flags, "group": columns.groups,
        "aged": (*columns.feature_times, *aged),
    }  # fmt: skip
    kind = slo.known.of
    if not kind or (kind == "aged" and slo.of is None) or slo.of in held[kind]:
        return
    says = f"{slo.indicator} needs `of`: one of {', '.join(held[kind]) or 'none'}"
    if kind == "aged":
        says = (
            f"{slo.of} has no age: name a feature of `columns.feature_times` or a signal of kind `age` "
            f"with `above` ({', '.join(held[kind]) or 'there is none'}), or leave `of` out: the events' own"
        )
    yield "of", says


def _lengths(slo: Slo) -> Iterator[tuple[str, str]]:
    piece = slo.sliced
    if slo.bound is not None and slo.indicator != "kpi":
        yield "bound", f"{slo.indicator} knows no other side: leave `bound` out"
    if piece is None:
        if slo.slice is not None:
            yield "slice", f"{slo.indicator} counts events, not time slices: leave `slice` out"
        if slo.window < timedelta(hours=1):
            yield (
                "window",
                f"{say_duration(slo.window)} is too short for a promise: write 28d, or at least 1h",
            )
        return
    unit = slo.known.slice
    if piece < unit or piece % unit:
        says = f"is no whole number of {say_duration(unit)[2:]}s: write 1h or 24h"
        yield "slice", f"{say_duration(piece)} {says}"
    if slo.window < 3 * piece:
        says = f"holds fewer than three slices of {say_duration(piece)}: write 28d"
        yield "window", f"{say_duration(slo.window)} {says}"
    if slo.window > LONGEST:
        yield "window", "hours are kept for a year and a month: write 366d or less"
