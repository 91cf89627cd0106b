"""With the measure and without it: the figures of two sides beside the reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fireline.terms import words
from fireline.verify.stats import Pair

How = Literal["shadow", "control", "series"]
Judged = Literal["effective", "ineffective", "undecided", "harmless"]
SURE = 3.0
"""Standard errors that make a difference sure, with a look each hour for days."""
LIKELY = 2.33
"""Standard errors that make a bound hold, one-sided at 1 %."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: ``harmed`` without the measure, ``contained`` with it, ``reference`` what is usual.

    ``spread`` is how far usual stretches lie from each other. ``worse`` is +1 where more is worse and -1
    where less is; ``tolerance`` is the change that does not matter. ``effect`` is what an alert measured of
    it (0: none did), and ``against`` says that it was measured against other versions on the same traffic.
    ``wanted`` says that an alert asks for it; the others are shown beside. ``missing`` says why there is no
    pair, or is "".
    """

    name: str
    family: str
    feature: str | None = None
    segment: Mapping[str, str] | None = None
    unit: str = ""
    worse: int = 1
    reference: float = math.nan
    spread: float = 0.0
    tolerance: float = 0.0
    pair: Pair | None = None
    wanted: bool = True
    effect: float = 0.0
    against: bool = False
    missing: str = ""

    @property
    def known(self) -> bool:
        return self.pair is not None and not self.missing and math.isfinite(self.reference)

    @property
    def harm(self) -> float:
        """How much worse than usual it is without the measure."""
        assert self.pair is not None
        return self.worse * (self.pair.harmed - self.reference)

    @property
    def left(self) -> float:
        """How much worse than usual it still is with the measure."""
        assert self.pair is not None
        return self.worse * (self.pair.contained - self.reference)

    @property
    def gap(self) -> float:
        """How much of the harm the measure takes away."""
        return self.harm - self.left

    @property
    def scale(self) -> float:
        """The effect to be measured by: the alert's where it is known, else the harm seen here."""
        return self.effect or max(self.harm, 0.0)

    @property
    def limit(self) -> float:
        """What may be left: the tolerance, or half of the effect where that is more."""
        return max(self.tolerance, max(self.scale, self.harm) / 2)

    @property
    def left_for_sure(self) -> float:
        """What is left for sure, sampling and the usual spread taken off."""
        assert self.pair is not None
        return self.left - LIKELY * math.hypot(self.pair.contained_se, self.spread)

    def judged(self) -> Judged:
        """What this figure says of the measure.

        effective: the gap is sure, worth having, and what is left is nothing unusual. ineffective: there is
        harm, and surely less than half of the effect goes away. harmless: it is not worse than usual on the
        harmed side, so nothing can be seen of the measure. Else undecided.
        """
        if not self.known or self.pair is None:
            return "undecided"
        worth = max(self.tolerance, self.scale / 4)
        if self.gap > SURE * self.pair.gap_se and self.gap >= worth and self.left_for_sure <= self.limit:
            return "effective"
        if self.harm <= self.tolerance and not self.against:
            return "harmless"
        # An alert on a burst says more than what is seen over a day
        shown = min(self.scale, max(self.harm, 0.0))
        if max(self.gap, 0.0) + LIKELY * self.pair.gap_se < shown / 2 and self._harm_is_real():
            return "ineffective"
        return "undecided"

    def _harm_is_real(self) -> bool:
        """An alert measured it, or it is more than days differ by."""
        return self.effect > 0 or self._harm_is_unusual()

    def _harm_is_unusual(self) -> bool:
        assert self.pair is not None
        return self.harm - LIKELY * math.hypot(self.pair.harmed_se, self.spread) > self.tolerance

    def well(self) -> bool | None:
        """Whether the contained side is well: True, False, or None when it cannot be said yet.

        It is well where no more is left than half of the effect, or nothing that days do not differ by
        anyway.
        """
        if not self.known or self.pair is None:
            return None
        if self.left_for_sure > self.limit or (self.judged() == "ineffective" and self._harm_is_unusual()):
            return False
        sharp = self.pair.contained_se <= max(self.limit, self.spread)
        return True if self.left <= self.limit or (sharp and self.left_for_sure <= self.tolerance) else None

    def says(self, harmed: str, contained: str) -> str:
        """The figure in one clause, the sides named ``harmed`` and ``contained``."""
        if self.pair is None or self.missing:
            return f"{self.name}: {self.missing or 'not to be had'}"
        h = words.figure(self.pair.harmed, self.family, self.unit)
        c = words.figure(self.pair.contained, self.family, self.unit)
        return f"{self.name} {c} {contained} against {h} {harmed}, {self._usual()} is usual"

    def _usual(self) -> str:
        if not math.isfinite(self.reference):
            return "nothing known"
        usual = words.figure(self.reference, self.family, self.unit)
        if self.spread <= self.tolerance:
            return usual
        return f"{usual} give or take {words.figure(self.spread, self.family, self.unit)}"

    def as_json(self) -> dict[str, Any]:
        pair = self.pair

        def number(value: float) -> float | None:
            return round(value, 6) if math.isfinite(value) else None

        return {
            "name": self.name,
            "family": self.family,
            "feature": self.feature,
            "segment": dict(self.segment) if self.segment else None,
            "unit": self.unit,
            "harmed": number(pair.harmed) if pair else None,
            "contained": number(pair.contained) if pair else None,
            "reference": number(self.reference),
            "spread": number(self.spread),
            "gap_se": number(pair.gap_se) if pair else None,
            "n_harmed": pair.n_harmed if pair else 0,
            "n_contained": pair.n_contained if pair else 0,
            "tolerance": self.tolerance,
            "wanted": self.wanted,
            "judged": self.judged(),
            "missing": self.missing,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides over [since, until].

    ``how`` is shadow (the same requests, scored by both), control (other requests at the same time) or series
    (the same service before and after). ``harmed`` and ``contained`` name the sides in sentences ("as served
    by B").
    """

    how: How
    harmed: str
    contained: str
    since: datetime
    until: datetime
    figures: tuple[Figure, ...]

    @property
    def drivers(self) -> tuple[Figure, ...]:
        """The figures that decide: those an alert is about, and of these the harmful ones where any can be
        had."""
        wanted = [f for f in self.figures if f.wanted and not f.missing]
        harmful = [f for f in wanted if f.family in words.HARM]
        return tuple(harmful or wanted)

    def as_json(self) -> dict[str, Any]:
        return {"how": self.how, "harmed": self.harmed, "contained": self.contained,
                "figures": [f.as_json() for f in self.figures]}  # fmt: skip
