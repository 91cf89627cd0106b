"""Findings and alerts: what the judge saw, and what a person is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from fireline.clock import iso, parse_time
from fireline.terms.counts import Scope

Urgency = Literal["page", "ticket"]

FAMILIES = (
    "error_rate", "null_rate", "range", "schema", "drift", "score_drift", "auc", "accuracy", "calibration",
    "latency", "traffic", "freshness", "duplicates", "label_coverage", "fairness", "kpi", "toxic_rate",
    "refusal_rate", "pii", "injection", "resource", "job", "canary", "other",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One monitor crossed its threshold on one tick.

    ``evidence`` is log10 of the judge's statistic, ``threshold`` log10 of the level it crossed. ``seen`` and
    ``usual`` are the monitored figure now and its seasonal base, in ``unit``. ``details`` holds what the
    pages show (psi and its noise, counts, cells that moved).
    """

    monitor: str
    family: str
    series: str
    at: datetime
    urgency: Urgency
    evidence: float
    threshold: float
    feature: str | None = None
    segment: Mapping[str, str] | None = None
    version: str | None = None
    against: str | None = None
    seen: float | None = None
    usual: float | None = None
    unit: str = ""
    direction: Literal["up", "down", "both"] = "up"
    since: datetime | None = None
    because: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scope_key(self) -> str:
        """The scope judged, as ``Scope.key`` writes it."""
        if self.segment:
            ((column, value),) = self.segment.items()
            return Scope("segment", column, value).key
        return f"version={self.version}" if self.version is not None else "service"


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding a person hears of: grouped, not inhibited, not silenced."""

    id: str
    finding: Finding
    fired_at: datetime
    urgency: Urgency
    because: str

    def as_json(self) -> dict[str, Any]:
        """The alert as ``incidents.json`` shows it."""
        f = self.finding
        return {
            "id": self.id,
            "monitor": f.monitor,
            "family": f.family,
            "series": f.series,
            "feature": f.feature,
            "segment": dict(f.segment) if f.segment else None,
            "version": f.version,
            "against": f.against,
            "fired_at": iso(self.fired_at),
            "urgency": self.urgency,
            "evidence": round(f.evidence, 3),
            "threshold": round(f.threshold, 3),
            "seen": f.seen,
            "usual": f.usual,
            "unit": f.unit,
            "direction": f.direction,
            "since": iso(f.since) if f.since else None,
            "because": self.because,
            "details": dict(f.details),
        }


def finding_of(alert: Mapping[str, Any]) -> Finding:
    """The finding in an alert as ``Alert.as_json`` wrote it."""
    return Finding(
        monitor=alert["monitor"],
        family=alert["family"],
        series=alert["series"],
        at=parse_time(alert["fired_at"]),
        urgency=alert["urgency"],
        evidence=alert["evidence"],
        threshold=alert["threshold"],
        feature=alert["feature"],
        segment=alert["segment"],
        version=alert["version"],
        against=alert.get("against"),
        seen=alert["seen"],
        usual=alert["usual"],
        unit=alert["unit"],
        direction=alert["direction"],
        since=parse_time(alert["since"]) if alert["since"] else None,
        because=alert["because"],
        details=alert["details"],
    )
