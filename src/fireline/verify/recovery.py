"""The judge with its roles swapped: is the service well again?

The null is that two fifths of the effect are left: against the detection tolerance it would take weeks,
and at a full half a service that stays half as bad sits on the border, where a wobble of the usual calls it
well within days. The effect is the one measured at the alert, less its standard error, since an alert fires
when chance helps it. The threshold is the one of detection.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np

from fireline.clock import MICROS, from_micros, micros
from fireline.terms import words
from fireline.verify.stats import Floats
from fireline.verify.waiting import Wait, of_mean, of_rate, wait_for

LAMBDAS = np.array([0.25, 0.5, 1.0, 2.0])
ODDS = np.array([1.4, 2.0, 4.0, 10.0])
MONTH = 30 * 86_400
LEFT = 0.4
MEDIAN_ERROR = 1.2533
MEAN_K, RATE_K = 3, 5
"""Loud ticks that are enough, of means and of rates."""
GONE_TICKS = 4
GONE_FOR = timedelta(hours=1)


Bools = np.ndarray[Any, np.dtype[np.bool_]]


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
    more; ``name`` is the figure's, and ``wait`` what it still takes should all be well, None where it is told
    or never will be.
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
    name: str = ""
    wait: Wait | None = None

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


def gauss(z: Floats, effect: Floats | float, threshold: float, k: int = MEAN_K) -> Floats:
    """The statistic [T] of "less than two fifths of the effect are left".

    ``z`` [T] are standardised residuals, positive in the alert's direction; ``effect`` the effect at the
    alert on the same scale, one number or [T].
    """
    better = np.asarray(effect) * LEFT - z
    cap = math.log(threshold) / k
    return detector(np.minimum(np.outer(better, LAMBDAS) - LAMBDAS**2 / 2, cap), threshold)


def rate(
    bad: Floats,
    n: Floats,
    usual: Floats,
    at_alert: float,
    threshold: float,
    phi: float = 1.0,
    k: int = RATE_K,
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


def of_alert(
    alert: Mapping[str, Any], ticks: Ticks, onset: datetime, contained: datetime | None = None
) -> Recovery:
    """Whether the figure of ``alert`` (as ``Alert.as_json`` gives it) recovered, told from its monitor's
    ``ticks``.

    ``onset`` is the earliest the harm began; ticks from there to the alert measure the effect, later ones
    recovery. Where a real measure was seen in traffic, ``contained``, the effect is measured up to then: a
    quick alert has a tick or two, and an effect that is little known counts as a small one.
    """
    fired = micros(datetime.fromisoformat(alert["fired_at"]))
    starts = micros(ticks.start) + np.arange(len(ticks.z)) * ticks.grain * MICROS
    until = max(fired, micros(contained)) if contained is not None else fired
    during, after = (starts >= micros(onset)) & (starts < until), starts >= until
    threshold = MONTH / ticks.grain
    if alert.get("version") is not None and _gone(ticks, starts >= fired):
        return _says(alert, threshold, None, gone=True)
    found = _statistic(alert, ticks, during, after, threshold)
    if found is None:
        return _says(alert, threshold, np.zeros(0))
    stat, gain, parts = found
    told = _says(alert, threshold, stat, times=starts[after])
    return told if told.recovered else replace(told, wait=_wait(ticks, during, after, stat, gain, parts))


def _wait(
    ticks: Ticks, during: Bools, after: Bools, stat: Floats, gain: float, parts: int
) -> Wait | None:  # fmt: skip
    """What it still takes, at the traffic of the last day; of before the alert where there is none yet."""
    n = np.nan_to_num(ticks.n[after][-max(86_400 // ticks.grain, 1) :])
    if not n.any():
        n = np.nan_to_num(ticks.n[during])
    full = n > 0
    if not full.any():
        return None
    every = timedelta(seconds=ticks.grain / float(full.mean()))
    reached = float(stat[-1]) if len(stat) else 0.0
    return wait_for(gain, reached, MONTH / ticks.grain, parts, float(np.median(n[full])), every)


def _gone(ticks: Ticks, after: Bools) -> bool:
    last = max(GONE_TICKS, math.ceil(GONE_FOR.total_seconds() / ticks.grain))
    tail = np.nan_to_num(ticks.n[after][-last:])
    return bool(len(tail) >= last and not tail.any() and np.nan_to_num(ticks.n).any())


def _statistic(
    alert: Mapping[str, Any], ticks: Ticks, during: Bools, after: Bools, threshold: float,
) -> tuple[Floats, float, int] | None:  # fmt: skip
    """The statistic over the ticks after, what a tick of a well service adds to its logarithm, and of how
    many components it is the mean. None where no tick measured the effect."""
    full = np.isfinite(ticks.z) & (ticks.n > 0)
    if not (full & during).any():
        return None
    n = np.where(full, ticks.n, 0.0)
    if alert.get("unit") == "share" and alert["family"] in words.SHARES - {"accuracy"}:
        bad = np.where(full, np.rint(ticks.seen * ticks.n), 0.0)
        at_alert = _surely(bad[during], n[during], ticks.usual[during], ticks.infl)
        stat = rate(bad[after], n[after], ticks.usual[after], at_alert, threshold, ticks.infl)
        usual = float(np.nanmedian(ticks.usual[during | after]))
        null = float(np.clip(usual + (at_alert - usual) * LEFT, 1e-6, 1 - 1e-6))
        steps = ODDS if at_alert >= usual else 1 / ODDS
        rows, cap = _rows(n, during, after), math.log(threshold) / RATE_K
        return stat, of_rate(usual, null, rows, steps, ticks.infl, cap), len(ODDS)
    z = np.where(full, ticks.z, np.nan) / math.sqrt(max(ticks.infl, 1.0))
    effect = float(np.median(z[full & during]))
    effect = max(effect - MEDIAN_ERROR / math.sqrt((full & during).sum()), effect / 2)
    usual_n = float(np.median(n[full & during]))
    scale = np.minimum(1.0, np.sqrt(n[after] / usual_n))
    stat = gauss(z[after], max(effect, 0.0) * scale, threshold)
    shift = max(effect, 0.0) * min(1.0, math.sqrt(_rows(n, during, after) / usual_n)) * LEFT
    return stat, of_mean(shift, LAMBDAS, math.log(threshold) / MEAN_K), len(LAMBDAS)


def _rows(n: Floats, during: Bools, after: Bools) -> float:
    """Requests in a usual tick, of those with any: since the alert, or before it where there is none yet."""
    since = n[after][n[after] > 0]
    return float(np.median(since if len(since) else n[during][n[during] > 0]))


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
        return Recovery(
            alert["id"], alert["family"], False, None, evidence, level, because, feature, name=name
        )
    since = from_micros(int(times[_began(stat)]))
    because = f"{name} is back by more than half of the effect"
    return Recovery(alert["id"], alert["family"], True, since, evidence, level, because, feature)


def _began(stat: Floats) -> int:
    """The tick from which the statistic rose to its last crossing."""
    low = np.flatnonzero(stat < 1)
    return int(low[-1]) if len(low) else 0
