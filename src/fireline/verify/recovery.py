"""The judge with its roles swapped: is the service well again?

The null is that two fifths of the effect are left: against the detection tolerance it would take weeks,
and at a full half a service that stays half as bad sits on the border, where a wobble of the usual calls it
well within days. The effect is the one measured at the alert, less its standard error, since an alert fires
when chance helps it. The threshold is the one of detection.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np

from fireline.clock import MICROS, from_micros, micros
from fireline.terms import words
from fireline.verify.stats import Floats

LAMBDAS = np.array([0.25, 0.5, 1.0, 2.0])
ODDS = np.array([1.4, 2.0, 4.0, 10.0])
MONTH = 30 * 86_400
LEFT = 0.4
MEDIAN_ERROR = 1.2533
GONE_TICKS = 4
GONE_FOR = timedelta(hours=1)


class Ticks(Protocol):
    """A monitor over its ticks, as triage's ``Trace``: arrays [T], NaN where a tick is empty.

    ``infl`` is the long-run variance inflation that ``z`` does not have in it.
    """

    @property
    def start(self) -> datetime: ...

    @property
    def grain(self) -> int: ...

    @property
    def seen(self) -> Floats: ...

    @property
    def usual(self) -> Floats: ...

    @property
    def n(self) -> Floats: ...

    @property
    def z(self) -> Floats: ...

    @property
    def infl(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Recovery:
    """Whether one alert's figure is well again.

    ``evidence`` and ``threshold`` are log10; ``gone`` says that the version it is about answers nothing any
    more.
    """

    alert: str
    family: str
    recovered: bool
    since: datetime | None
    evidence: float
    threshold: float
    because: str
    feature: str | None = None
    gone: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "alert": self.alert,
            "family": self.family,
            "feature": self.feature,
            "recovered": self.recovered,
            "gone": self.gone,
            "evidence": round(self.evidence, 3),
            "threshold": round(self.threshold, 3),
        }


def detector(log_e: Floats, threshold: float) -> Floats:
    """The Shiryaev-Roberts mixture over ``log_e`` [T, J] (NaN rows are empty ticks): its statistic [T].

    Each component stops growing at ten times ``threshold``, so a relapse is seen soon.
    """
    top = 10 * threshold
    level = [0.0] * log_e.shape[1]
    levels = []
    # Plain numbers: an incident that stays open is asked again every hour, over thousands of ticks of a few.
    factors: list[list[float]] = np.exp(log_e).tolist()
    for row in factors:
        if not math.isnan(row[0]):
            level = [min((1 + r) * e, top) for r, e in zip(level, row, strict=True)]
        levels.append(level)
    found: Floats = np.array(levels).reshape(log_e.shape).mean(axis=1)
    return found


def gauss(z: Floats, effect: Floats | float, threshold: float, k: int = 3) -> Floats:
    """The statistic [T] of "less than two fifths of the effect are left".

    ``z`` [T] are standardised residuals, positive in the alert's direction; ``effect`` the effect at the
    alert on the same scale, one number or [T].
    """
    better = np.asarray(effect) * LEFT - z
    cap = math.log(threshold) / k
    return detector(np.minimum(np.outer(better, LAMBDAS) - LAMBDAS**2 / 2, cap), threshold)


def rate(
    bad: Floats, n: Floats, usual: Floats, at_alert: float, threshold: float, phi: float = 1.0, k: int = 5
) -> Floats:
    """The same for a rate: ``bad`` of ``n`` events [T], ``usual`` the base [T], ``at_alert`` the rate at the
    alert.

    ``phi`` >= 1 is the overdispersion of the reference.
    """
    if not len(n):
        return np.empty(0)  # no tick is complete since the alert
    null = np.clip(usual + (at_alert - usual) * LEFT, 1e-6, 1 - 1e-6)
    odds = null / (1 - null)
    steps = ODDS if at_alert >= float(np.nanmedian(usual)) else 1 / ODDS
    lower = odds[:, None] / steps[None, :]
    p1 = lower / (1 + lower)
    p0 = null[:, None]
    x, total = bad[:, None], n[:, None]
    log_e = (x * np.log(p1 / p0) + (total - x) * np.log((1 - p1) / (1 - p0))) / max(phi, 1.0)
    log_e[~(n > 0)] = np.nan
    return detector(np.minimum(log_e, math.log(threshold) / k), threshold)


def of_alert(alert: Mapping[str, Any], ticks: Ticks, onset: datetime) -> Recovery:
    """Whether the figure of ``alert`` (as ``Alert.as_json`` gives it) recovered, told from its monitor's
    ``ticks``.

    ``onset`` is the earliest the harm began; ticks from there to the alert measure the effect, later ones
    recovery.
    """
    fired = micros(datetime.fromisoformat(alert["fired_at"]))
    starts = micros(ticks.start) + np.arange(len(ticks.z)) * ticks.grain * MICROS
    during, after = (starts >= micros(onset)) & (starts < fired), starts >= fired
    threshold = MONTH / ticks.grain
    if alert.get("version") is not None and _gone(ticks, after):
        return _says(alert, threshold, None, gone=True)
    stat = _statistic(alert, ticks, during, after, threshold)
    if stat is None:
        return _says(alert, threshold, np.zeros(0))
    return _says(alert, threshold, stat, times=starts[after])


def _gone(ticks: Ticks, after: np.ndarray[Any, np.dtype[np.bool_]]) -> bool:
    last = max(GONE_TICKS, math.ceil(GONE_FOR.total_seconds() / ticks.grain))
    tail = np.nan_to_num(ticks.n[after][-last:])
    return bool(len(tail) >= last and not tail.any() and np.nan_to_num(ticks.n).any())


def _statistic(
    alert: Mapping[str, Any], ticks: Ticks, during: np.ndarray[Any, np.dtype[np.bool_]],
    after: np.ndarray[Any, np.dtype[np.bool_]], threshold: float,
) -> Floats | None:  # fmt: skip
    full = np.isfinite(ticks.z) & (ticks.n > 0)
    if not (full & during).any():
        return None
    n = np.where(full, ticks.n, 0.0)
    if alert.get("unit") == "share" and alert["family"] in words.SHARES - {"accuracy"}:
        bad = np.where(full, np.rint(ticks.seen * ticks.n), 0.0)
        at_alert = _surely(bad[during], n[during], ticks.usual[during], ticks.infl)
        return rate(bad[after], n[after], ticks.usual[after], at_alert, threshold, ticks.infl)
    z = np.where(full, ticks.z, np.nan) / math.sqrt(max(ticks.infl, 1.0))
    effect = float(np.median(z[full & during]))
    effect = max(effect - MEDIAN_ERROR / math.sqrt((full & during).sum()), effect / 2)
    usual_n = float(np.median(n[full & during]))
    scale = np.minimum(1.0, np.sqrt(n[after] / usual_n))
    return gauss(z[after], max(effect, 0.0) * scale, threshold)


def _surely(bad: Floats, n: Floats, usual: Floats, phi: float) -> float:
    """The rate at the alert, a standard error nearer to what is usual, but no more than half the way."""
    seen, total = float(bad.sum() / n.sum()), float(n.sum())
    expected = float((np.nan_to_num(usual) * n).sum() / total)
    error = math.sqrt(max(phi, 1.0) * max(seen * (1 - seen), 1 / total) / total)
    return seen - math.copysign(min(error, abs(seen - expected) / 2), seen - expected)


def _says(
    alert: Mapping[str, Any], threshold: float, stat: Floats | None, *, times: Any = None, gone: bool = False
) -> Recovery:
    name = words.family(str(alert["family"]))
    feature = alert.get("feature")
    name = f"{name} ({feature})" if feature else name
    level = math.log10(threshold)
    if gone:
        because = f"version {alert['version']} answers nothing any more"
        return Recovery(alert["id"], alert["family"], True, None, level, level, because, feature, True)
    found = float(stat[-1]) if stat is not None and len(stat) else 0.0
    evidence = math.log10(max(found, 1e-12))
    if stat is None or found < threshold:
        because = f"{name} is not surely back by half of the effect"
        return Recovery(alert["id"], alert["family"], False, None, evidence, level, because, feature)
    since = from_micros(int(times[_began(stat)]))
    because = f"{name} is back by more than half of the effect"
    return Recovery(alert["id"], alert["family"], True, since, evidence, level, because, feature)


def _began(stat: Floats) -> int:
    """The tick from which the statistic rose to its last crossing."""
    low = np.flatnonzero(stat < 1)
    return int(low[-1]) if len(low) else 0
