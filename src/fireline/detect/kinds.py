"""What a monitor kind is: a few lines that turn counts into the statistic the judge watches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from fireline.detect.sums import Sums
from fireline.terms.alert import Urgency
from fireline.terms.counts import ScopeKind
from fireline.terms.plan import Layout, Plan

Array = np.ndarray[Any, Any]
Sides = Literal["up", "down", "both"]
Pool = Literal["service", "drift"]


@dataclass(frozen=True)
class Monitor:
    """One monitored thing of a kind: ``channels`` statistics whose evidence is averaged.

    One that watches several features names the feature of each channel in ``features``.
    """

    name: str
    series: str
    feature: str | None = None
    channels: tuple[str, ...] = ("",)
    family: str = ""
    features: tuple[str | None, ...] = ()

    def about(self, feature: str | None) -> list[bool]:
        """Which channels are about ``feature``: [channels]; all of them where it is None."""
        return [feature in (None, self.feature_of(at)) for at in range(len(self.channels))]

    def feature_of(self, channel: int) -> str | None:
        """The feature that a channel is about."""
        return self.features[channel] if self.features else self.feature


def for_each(kind: str, series: str, names: Sequence[str]) -> tuple[Monitor, ...]:
    """One monitor with a channel for each of the features ``names``; none without any."""
    names = tuple(names)
    return (Monitor(kind, series, None, names, features=names),) if names else ()


@dataclass(frozen=True)
class Behind:
    """What lies behind a finding: counts [width] since its evidence began (``now``), those of the whole
    reference (``usual``), the monitored figure ``seen`` and, at these hours, ``expected``.

    Counts that are not there any more are zeros.
    """

    now: Array
    usual: Array
    seen: float
    expected: float

    @property
    def figures(self) -> tuple[float, float]:
        """The monitored figure as it is, and as it would usually be."""
        return self.seen, self.expected


@dataclass(frozen=True)
class Told:
    """A finding in a kind's own words, with ``seen`` and ``usual`` in ``unit`` as a responder reads them.

    Without figures of its own it is about the monitored ones, and over how many events is said behind it.
    """

    because: str
    seen: float | None = None
    usual: float | None = None
    unit: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rates:
    """Binomial ticks: ``hits`` of ``n``, both [T, C]."""

    hits: Array
    n: Array


@dataclass(frozen=True)
class Means:
    """Gaussian ticks: ``value`` with sampling ``variance``, from ``n`` events, all [T, C]; n 0 is no data."""

    value: Array
    variance: Array
    n: Array


Ticks = Rates | Means


class Kind(ABC):
    """One file in ``monitors/`` holds one kind; listing the folder is the registry (``registry.py``).

    ``layout`` names the counts it reads, ``test`` the form of the judge, ``tolerance`` what is not worth
    noticing (odds ratio for rates, units of the statistic for means), ``k`` the smallest number of ticks
    that may fire, ``pool`` the part of the false-page budget it draws on, and ``urgency`` what a finding
    asks for by itself. A ``cold`` kind judges what the reference did not hold by its fixed bases alone.
    An ``optional`` kind is counted and learnt like any other, and judged only where the
    runbook asks for it: monitors share one budget, and several that say the same would each be duller.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    layout: ClassVar[str]
    test: ClassVar[Literal["rate", "mean", "silence"]] = "rate"
    scopes: ClassVar[tuple[ScopeKind, ...]] = ("service", "version", "segment")
    sides: ClassVar[Sides] = "up"
    tolerance: ClassVar[float] = 1.25
    floor: ClassVar[float] = 1e-4
    k: ClassVar[int] = 5
    pool: ClassVar[Pool] = "service"
    urgency: ClassVar[Urgency] = "page"
    least: ClassVar[int] = 1
    merge_to: ClassVar[int] = 0
    unit: ClassVar[str] = "share"
    cold: ClassVar[bool] = False
    optional: ClassVar[bool] = False

    @abstractmethod
    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """What this kind watches in ``plan``; empty when the columns (or the layout) it needs are not
        there."""

    @abstractmethod
    def ticks(self, plan: Plan, counts: Array) -> Ticks:
        """The statistics of counts [T, width of the layout]; C is the total of the monitors' channels."""

    def sums(self, plan: Plan) -> tuple[Sums, ...] | None:
        """What it adds up, where its statistics are ``figures`` of sums and of nothing else; else None.

        Many services' channels are then added up as one array. ``ticks`` is ``of_sums``, so that a service by
        itself gets the same numbers.
        """
        return None

    def figures(self, *added: Array) -> Ticks:
        """The statistics of what its ``sums`` added up, each [T, C], cell by cell."""
        raise TypeError(f"{self.name} adds nothing up")

    def of_sums(self, plan: Plan, counts: Array) -> Ticks:
        """``figures`` of the sums of counts [T, width]."""
        return self.figures(*(one.of(counts) for one in self.sums(plan) or ()))

    def depends_on(self, plan: Plan) -> Hashable:
        """What of ``plan`` its ticks depend on: services of which it is equal are asked in one go, a tick of
        each being a row. None, as most kinds answer, asks each by itself."""
        return None

    def by_itself(self, plan: Plan) -> bool:
        """Whether it is judged without the runbook asking for it."""
        return not self.optional

    def reach(self, plan: Plan, base: Array) -> Array | None:
        """How far statistics [C], usually ``base`` [C], move when every event is worthless; a part of the
        events moves them by at most that part of it. None where nobody knows: then one tick never fires.

        Of rates nobody has to say it: at worst every event is a hit.
        """
        return None

    def fixed_base(self, plan: Plan) -> Array | None:
        """Bases [C] that are known instead of learnt (NaN where learnt), or None."""
        return None

    def tolerances(self, plan: Plan, base: Array) -> Array:
        """Tolerances [C] given the pooled ``base`` [C]."""
        return np.full(len(base), self.tolerance)

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told | None:
        """What a finding of a channel of ``monitor`` says, in words a responder understands; None where the
        figure's own words will do."""
        return None

    def laid_out(self, plan: Plan) -> Layout:
        """The counts it reads; a layout without series where the service does not count them."""
        return plan.layout(self.layout)
