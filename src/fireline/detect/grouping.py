"""Findings into alerts: who is told, how urgently, and what is only noted.

Page on harm, ticket on causes: input drift alone is a ticket; it pages when it is large, when the score moved
with it, or when only a new version shows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

import numpy as np

from fireline.clock import iso, parse_time
from fireline.detect.registry import kinds
from fireline.ids import stable_id
from fireline.runbook.schema import Runbook
from fireline.terms.alert import Alert, Finding, Urgency

WINDOW, REPEAT = timedelta(hours=4), timedelta(hours=26)
LARGE_PSI = 0.2
LARGE_SHARE = 0.05
DUPLICATE_STORM = 0.2
MANY = 30
HALF = 0.5
HARM = frozenset(
    {
        "error_rate",
        "latency",
        "auc",
        "accuracy",
        "calibration",
        "freshness",
        "toxic_rate",
        "refusal_rate",
        "pii",
        "injection",
        "resource",
        "kpi",
    }
)


QUALITY = frozenset({"auc", "accuracy", "calibration", "kpi"})
Key = tuple[str, str, str, str, str]


@cache
def signs() -> frozenset[str]:
    """Monitors of quality and business figures that by themselves ask for a ticket: estimates, and
    comparisons without a control."""
    return frozenset(kind.name for kind in kinds() if kind.family in QUALITY and kind.urgency == "ticket")


def _one_cause(finding: Finding, monitor: str, feature: str) -> bool:
    """Whether an alert of ``monitor`` about ``feature`` leaves ``finding`` nothing to say."""
    mine = finding.feature or ""
    if finding.family == "fairness":
        column = mine.partition("=")[0]
        return monitor == finding.monitor and feature != mine and feature.partition("=")[0] == column
    return finding.monitor == "unit_change" and monitor == "stuck_feature" and feature == mine


def key_of(finding: Finding) -> Key:
    """What makes two findings the same one again: family, monitor, feature, scope, and what it was compared
    with."""
    return finding.family, finding.monitor, finding.feature or "", finding.scope_key, finding.against or ""


@dataclass(frozen=True)
class Size:
    """How much a histogram moved since the finding's evidence began: PSI now, what such a stretch of the
    reference read (95 % of them less), and what a whole day of it did."""

    psi: float
    usual: float
    day: float
    events: int

    @property
    def large(self) -> bool:
        """At least .2 and far above what is usual, of an input that keeps still from day to day: weather does
        not."""
        return self.psi >= max(LARGE_PSI, 3 * self.usual) and self.day <= LARGE_PSI / 2


@dataclass
class Desk:
    """Turns findings into alerts for one service and remembers what it told within the window.

    ``size`` measures the drift behind a finding (None where it has no histogram).
    """

    runbook: Runbook
    size: Callable[[Finding], Size | None]
    told: dict[Key, tuple[datetime, Urgency]] = field(default_factory=dict)

    def hear(self, finding: Finding, open_keys: Set[Key]) -> Alert | None:
        """The alert of ``finding``, or None when nobody needs to hear of it (again) now.

        ``open_keys`` are the keys of alerts in open incidents: what was told of one that is over is told
        anew.
        """
        if self._silenced(finding):
            return None
        if finding.details["level"] == "ticket" and finding.family in HARM and finding.monitor not in signs():
            return None  # harm is told once, when the evidence is strong enough to wake somebody
        if self._said_better(finding):
            return None
        size = self.size(finding) if finding.family in ("drift", "score_drift") else None
        urgency, why = self._urgency(finding, size)
        if self._inhibited(finding, urgency):
            return None
        key = key_of(finding)
        known = self.told.get(key) if key in open_keys else None
        recent = known is not None and finding.at - known[0] < (WINDOW if known[1] == "ticket" else REPEAT)
        if known is not None and recent and not (urgency == "page" and known[1] == "ticket"):
            self.told[key] = (finding.at, known[1])
            return None
        self.told[key] = (finding.at, urgency)
        if size is not None:
            details = {**finding.details, "psi": round(size.psi, 4), "psi_usual": round(size.usual, 4)}
            finding = replace(finding, details=details)
        finding = replace(finding, urgency=urgency)
        name = stable_id("alert", self.runbook.service, *key, finding.at)
        return Alert(name, finding, finding.at, urgency, f"{finding.because}; {why}")

    def save(self) -> bytes:
        """What was told, for ``restore``; what is older than a day is let go."""
        newest = max((at for at, _ in self.told.values()), default=None)
        kept = [
            [*key, iso(at), urgency]
            for key, (at, urgency) in sorted(self.told.items())
            if newest is not None and newest - at < 6 * WINDOW
        ]
        return json.dumps(kept).encode()

    def restore(self, body: bytes) -> None:
        """Takes up what ``save`` gave."""
        self.told = {
            (family, monitor, feature, scope, against): (parse_time(at), urgency)
            for family, monitor, feature, scope, against, at, urgency in json.loads(body)
        }

    def _silenced(self, finding: Finding) -> bool:
        for rule in self.runbook.monitors:
            off = rule.off and rule.until is not None and finding.at < rule.until
            if (
                off
                and rule.monitor in (finding.monitor, finding.family)
                and rule.feature in (None, finding.feature)
            ):
                return True
        for silence in self.runbook.silences:
            named = silence.monitor in (None, finding.monitor, finding.family)
            feature = silence.feature in (None, finding.feature)
            segment = silence.segment is None or dict(silence.segment) == dict(finding.segment or {})
            if named and feature and segment and finding.at < silence.until:
                return True
        return False

    def _said_better(self, finding: Finding) -> bool:
        """Whether another alert of the same scope tells of the same cause by its right name: a value that
        repeats is no other unit, and where one group parts from the others, each of these parts from it."""
        mine = finding.scope_key, finding.against or ""
        return any(
            key[3:] == mine and finding.at - at < WINDOW * 6 and _one_cause(finding, key[1], key[2])
            for key, (at, _) in self.told.items()
        )

    def _inhibited(self, finding: Finding, urgency: Urgency) -> bool:
        """A segment says nothing new while the whole service tells of the same family and feature."""
        if finding.segment is None:
            return False
        for key in self._wider(finding):
            known = self.told.get(key)
            if (
                known
                and finding.at - known[0] < WINDOW * 6
                and not (urgency == "page" and known[1] == "ticket")
            ):
                return True
        return False

    def _wider(self, finding: Finding) -> Iterable[Key]:
        family, monitor, feature, _, _ = key_of(finding)
        for key in self.told:
            if key[:3] == (family, monitor, feature) and not key[3].startswith("segment:"):
                yield key

    def _urgency(self, finding: Finding, size: Size | None) -> tuple[Urgency, str]:
        for rule in self.runbook.monitors:
            named = rule.monitor in (finding.monitor, finding.family) and rule.feature in (
                None,
                finding.feature,
            )
            if named and rule.urgency and (rule.until is None or finding.at < rule.until):
                return rule.urgency, "as the runbook says"
        if finding.details.get("fixed"):
            return finding.urgency, "its fixed threshold was crossed"
        if finding.details["level"] == "ticket":
            return "ticket", "enough for a ticket, not for a page"
        return self._by_family(finding, size)

    def _by_family(self, finding: Finding, size: Size | None) -> tuple[Urgency, str]:
        seen, usual = finding.seen or 0.0, finding.usual or 0.0
        if finding.monitor in signs():
            return "ticket", "a sign of harm, and not yet the proof of it"
        match finding.family:
            case "kpi" if finding.direction == "up":
                return "ticket", "a business figure that rose is looked into by day"
            case "score_drift" if finding.version is not None:
                return "ticket", "a new version may score differently: that alone pages nobody"
            case "drift" | "score_drift":
                return self._drift(finding, size)
            case "null_rate" | "range" | "schema" if finding.monitor != "category_drift":
                touched = abs(seen - usual) * int(finding.details["events"])
                if abs(seen - usual) >= LARGE_SHARE and touched >= MANY:
                    return "page", "many requests are touched"
                return "ticket", "few requests are touched"
            case "traffic":
                if np.expm1(seen) < HALF * np.expm1(usual):
                    return "page", "less than half of the usual traffic arrives"
                return "ticket", "traffic alone harms nobody"
            case "duplicates":
                return ("page", "a storm") if seen >= DUPLICATE_STORM else ("ticket", "copies were dropped")
            case "label_coverage" | "fairness" | "other":
                return "ticket", "a cause to look into, not harm by itself"
        if finding.urgency == "ticket":
            return "ticket", "a sign to look into, not harm by itself"
        return "page", "this is harm to those who are served"

    def _drift(self, finding: Finding, size: Size | None) -> tuple[Urgency, str]:
        if finding.against is not None:
            return "page", "only the new version shows it"
        if size is not None and size.large:
            return "page", f"the drift is large: PSI {size.psi:.2f}, on a usual day {size.usual:.2f}"
        return "ticket", "inputs that drift are a cause, not harm"
