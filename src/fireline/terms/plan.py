"""The plan: every series of a service, declared once, laid out side by side so that one vector holds them
all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

from fireline.terms.counts import HOUR, MINUTE, QUARTER, ScopeKind, Series


@dataclass(frozen=True)
class Layout:
    """Series laid end to end: a counts vector of this layout has ``width`` cells.

    ``grains`` gives the tick in seconds for each kind of scope that is counted at all. An ``aged`` layout is
    counted by whole cohorts once their labels have come of age, every other one as events come in. One of
    ``sums`` holds fixed-point sums among its counts, which may not fit 32 bits.
    """

    name: str
    series: tuple[Series, ...]
    grains: Mapping[ScopeKind, int]
    aged: bool = False
    sums: bool = False

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Where each series starts."""
        found, at = {}, 0
        for series in self.series:
            found[series.name] = at
            at += series.width
        return found

    @cached_property
    def by_name(self) -> dict[str, Series]:
        return {series.name: series for series in self.series}

    @cached_property
    def width(self) -> int:
        return sum(series.width for series in self.series)

    @cached_property
    def identity(self) -> str:
        """Changes when any series does: counts of different identities never mix."""
        body = "".join(series.identity for series in self.series)
        return f"{self.name}-{blake2b(body.encode(), digest_size=6).hexdigest()}"

    def span(self, name: str) -> slice:
        """The cells of series ``name``."""
        start = self.offsets[name]
        return slice(start, start + self.by_name[name].width)


@dataclass(frozen=True)
class Plan:
    """All that is counted for one service.

    rates    conditions per event (error, null, out of range, flags, slow): each minute for the service and
             its
             versions, each quarter of an hour for segments
    shapes   histograms of features and scores: each quarter of an hour
    delays   latency on 2 % log bins: each quarter of an hour, service and versions
    quality  score by label, and moments: each hour of event time, counted when labels have the same age
    extras   whatever else the service's columns allow: one layout for each file in ``telemetry/counters``

    ``training`` holds the training data's counts in the cells of a feature's shape, by feature.
    """

    service: str
    timezone: str
    task: str
    rates: Layout
    shapes: Layout
    delays: Layout
    quality: Layout
    features: Mapping[str, str]
    segments: Mapping[str, tuple[str, ...]]
    flags: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    latency_p95: float | None = None
    positive: str | None = None
    threshold: float | None = None
    logit_mean: float = 0.0
    error_scale: float = 1.0
    reference: str = ""
    notes: tuple[str, ...] = field(default=())
    extras: tuple[Layout, ...] = field(default=())
    training: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def layouts(self) -> tuple[Layout, ...]:
        return (self.rates, self.shapes, self.delays, self.quality, *self.extras)

    def layout(self, name: str) -> Layout:
        """The layout called ``name``; one without series where the service does not count it."""
        return self._by_name.get(name) or Layout(name, (), {})

    @cached_property
    def _by_name(self) -> dict[str, Layout]:
        return {layout.name: layout for layout in self.layouts}

    @property
    def line(self) -> float:
        """The score from which on the answer is the positive one: the threshold, 0.5 unless told."""
        return 0.5 if self.threshold is None else self.threshold

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON values; ``Plan.of_json`` gives it back."""
        return asdict(self)

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Plan:
        """The plan that ``as_json`` wrote."""
        values = dict(data)
        for name in ("rates", "shapes", "delays", "quality"):
            values[name] = _layout(values[name])
        values["extras"] = tuple(_layout(one) for one in values.get("extras", ()))
        values["segments"] = {column: tuple(found) for column, found in values["segments"].items()}
        values["training"] = {name: tuple(counts) for name, counts in values.get("training", {}).items()}
        for name in ("flags", "versions", "notes"):
            values[name] = tuple(values[name])
        return cls(**values)


def _layout(data: Mapping[str, Any]) -> Layout:
    return Layout(**{**data, "series": tuple(_series(one) for one in data["series"])})


def _series(data: Mapping[str, Any]) -> Series:
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
    }
    return Series(**plain)


RATE_GRAINS: dict[ScopeKind, int] = {
    "service": MINUTE,
    "version": MINUTE,
    "shadow": MINUTE,
    "segment": QUARTER,
}
SHAPE_GRAINS: dict[ScopeKind, int] = {
    "service": QUARTER, "version": QUARTER, "shadow": QUARTER, "segment": QUARTER,
}  # fmt: skip
DELAY_GRAINS: dict[ScopeKind, int] = {"service": QUARTER, "version": QUARTER}
QUALITY_GRAINS: dict[ScopeKind, int] = {"service": HOUR, "version": HOUR, "shadow": HOUR, "segment": HOUR}
