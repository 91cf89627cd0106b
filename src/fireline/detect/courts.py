"""Courts: which monitors are judged together, by which thresholds, and what part of the budget each holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fireline.detect.bank import Bank
from fireline.detect.baseline import Baseline
from fireline.detect.budget import RESERVE, purse, split
from fireline.detect.choice import measures
from fireline.detect.fit import Fit
from fireline.detect.fixed import names
from fireline.detect.kinds import Array, Kind
from fireline.detect.track import Track
from fireline.runbook.schema import Runbook
from fireline.terms.counts import Scope
from fireline.terms.plan import Plan


@dataclass(frozen=True)
class Court:
    """One bank with its levels; ``rival`` is the version judged against its control, if any."""

    name: str
    bank: Bank
    grain: int
    page: Array
    ticket: Array
    caps: Array
    rival: str | None = None

    @property
    def seconds(self) -> int:
        return self.grain * self.bank.merge

    @property
    def round(self) -> tuple[bool, int, int]:
        """Courts of one round are judged together: quality or not, seconds a tick, branches."""
        return self.bank.kind.laid_out(self.bank.plan).aged, self.seconds, self.bank.branches


@dataclass
class Round:
    """Courts that share a tick, with one track for all their monitors side by side."""

    quality: bool
    seconds: int
    courts: list[Court]
    track: Track

    def owner(self, group: int) -> tuple[Court, int]:
        """The court of the track's ``group``, and its number there."""
        for court in self.courts:
            if group < len(court.bank.owners):
                return court, group
            group -= len(court.bank.owners)
        raise IndexError(group)


def court_of(
    name: str, kind: Kind, plan: Plan, fits: Mapping[Scope, Fit], grain: int, false_pages: float,
    share: float, rival: str | None = None,
) -> Court:  # fmt: skip
    """A court of ``kind`` over the scopes of ``fits``, whose monitors each hold ``share`` of a service's
    ``false_pages`` in 30 days."""
    bank = Bank(kind, plan, fits)
    levels = purse(false_pages, share, grain * bank.merge)
    groups = len(bank.groups)
    return Court(
        name=name, bank=bank, grain=grain, rival=rival,
        page=np.full(groups, levels.page), ticket=np.full(groups, levels.ticket),
        caps=bank.caps(np.full(groups, levels.page)),
    )  # fmt: skip


def fits_of(kind: Kind, baseline: Baseline, runbook: Runbook) -> Iterator[tuple[int, dict[Scope, Fit]]]:
    """The learnt fits of a kind under the runbook's rules, grouped so that each group shares grain and
    merge, with its grain."""
    layout = kind.laid_out(baseline.plan)
    groups: dict[tuple[str, int, int], dict[Scope, Fit]] = {}
    for (name, scope), one in baseline.fits.items():
        if name == kind.name:
            grain = layout.grains[scope.kind]
            key = ("segment" if scope.kind == "segment" else "service", grain, one.merge)
            groups.setdefault(key, {})[scope] = _ruled(kind, baseline.plan, one, runbook)
    for (_, grain, _), fits in sorted(groups.items(), key=lambda item: item[0]):
        yield grain, dict(sorted(fits.items()))


def _ruled(kind: Kind, plan: Plan, one: Fit, runbook: Runbook) -> Fit:
    """A fit with the runbook's overrides: monitors off for good or under a fixed threshold, tolerances
    set."""
    usable, tolerance = one.usable.copy(), one.tolerance.copy()
    at = 0
    for monitor in kind.monitors(plan):
        span = slice(at, at + len(monitor.channels))
        at = span.stop
        for rule in runbook.monitors:
            meant = np.arange(span.start, span.stop)[monitor.about(rule.feature)]
            if rule.off and rule.until is None and names(rule, kind, monitor):
                usable[meant] = False
            if measures(rule, kind, monitor, plan):
                if rule.threshold is not None:
                    usable[meant] = False
                if rule.tolerance is not None:
                    tolerance[meant] = rule.tolerance
    return replace(one, usable=usable, tolerance=tolerance)


def shares_of(
    kinds: Sequence[Kind], baseline: Baseline, runbook: Runbook, known: int
) -> dict[str, dict[str, float]]:
    """What part of the service's budget one monitor holds: by pool and kind. ``known`` versions share the
    service's."""
    budget = runbook.budget
    pools = {"service": budget.service, "drift": budget.drift, "segment": budget.segments}
    counts: dict[str, dict[str, int]] = {pool: {} for pool in pools}
    for kind in kinds:
        monitors = len(kind.monitors(baseline.plan))
        for name, scope in baseline.fits:
            if name == kind.name:
                mine = counts["segment" if scope.kind == "segment" else kind.pool]
                mine[name] = mine.get(name, 0) + monitors
        if kind.name in counts[kind.pool] and "version" in kind.scopes:
            counts[kind.pool][kind.name] += monitors * known
    return {
        pool: {name: part * pools[pool] * (1 - RESERVE) for name, part in split(counts[pool]).items()}
        for pool in pools
    }
