"""The scenes: one small entry a family. To add one, say what becomes true and who should notice.

A scene changes what is true from its onset on and draws those counts again; everything else stays as it was,
so a scene costs no more than the columns it touches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.detecting.service import DAY, LARGE, SMALL, Array, Service, normal_cdf
from fireline.terms.counts import MINUTE, QUARTER, SERVICE, Scope

ONSET = 2 * DAY + 11 * 3600.0  # Wednesday, eleven o'clock


@dataclass(frozen=True)
class Scene:
    """``change`` makes it happen in a service, ``kinds`` are the monitors that should notice.

    ``views`` names what a peer is given: ``feature:NAME`` and ``score`` (histograms, in ``scope``), ``rate:``
    and a cell, ``auc``, ``accuracy``, ``calibration``, ``coverage`` or ``traffic``. ``bar`` holds the hours
    that shared/DETECTION.md measured at 5, 50 and 1000 events a minute, where it has them.
    """

    name: str
    family: str
    kinds: tuple[str, ...]
    views: tuple[str, ...]
    change: Callable[[Service], None]
    scope: Scope = SERVICE
    bar: tuple[float, float, float] | None = None
    onset: float = ONSET


def amount(service: Service, every: int, onset: float, ramp: float) -> Array:
    """From 0 to 1 at each tick of ``every`` minutes: a step at ``onset``, or a ramp of so many seconds."""
    since = service.seconds[::every] - onset
    return np.clip(since / ramp, 0, 1) if ramp else (since >= 0).astype(float)


def first(service: Service, every: int, onset: float = ONSET) -> int:
    """The tick of ``every`` minutes in which the onset lies."""
    return int(np.searchsorted(service.seconds[::every], onset))


def more(cell: str, by: float, ramp: float = 0.0) -> Callable[[Service], None]:
    """A rate that rises by ``by``."""

    def change(service: Service) -> None:
        service.truth[cell] = service.truth[cell] + by * amount(service, 1, ONSET, ramp)
        service.draw_rate(cell, first(service, 1))

    return change


def slower(times: float) -> Callable[[Service], None]:
    """Latency ``times`` what it was: log-normal with a shape of .5 and a p95 of 100 ms."""

    def change(service: Service) -> None:
        low = first(service, 1)
        over = [1 - float(normal_cdf(np.array((np.log(cut / times) / 0.5) + 1.645))) for cut in (1.0, 1.25)]
        service.truth["slow"] = service.truth["slow"].copy()
        service.truth["slow"][low:] *= over[0] / 0.05
        service.draw_rate("slow", low)
        cells = service.plan.rates.series[0].cells
        out = service.counts["rates", MINUTE, SERVICE]
        slow = out[low:, cells.index("slow")]
        out[low:, cells.index("very_slow")] = service.rng.binomial(slow, over[1] / over[0])

    return change


def moved(
    name: str, by: float, ramp: float = 0.0, scopes: tuple[Scope, ...] = (SMALL, LARGE)
) -> Callable[[Service], None]:
    """A histogram that moves by ``by`` reference standard deviations."""

    def change(service: Service) -> None:
        for scope in scopes:
            key = f"{name}|{scope.value}"
            service.truth[key] = service.truth[key] + by * amount(service, 15, ONSET, ramp)
        service.draw_shape(name, first(service, 15))

    return change


def quality(what: str, to: float) -> Callable[[Service], None]:
    """A truth of the labels that becomes ``to``."""

    def change(service: Service) -> None:
        low = first(service, 60)
        service.truth[what] = service.truth[what].copy()
        service.truth[what][low:] *= to / float(np.median(service.truth[what][:low]))
        service.draw_quality(low)

    return change


def busier(times: float) -> Callable[[Service], None]:
    """Traffic ``times`` what it was; at 0 the service falls silent."""

    def change(service: Service) -> None:
        low = first(service, 15)
        counts = service.counts["shapes", QUARTER, SERVICE]
        counts[low:] = service.rng.poisson(counts[low:] * times)
        low = first(service, 1)
        if times == 0:
            service.counts["rates", MINUTE, SERVICE][low:] = 0

    return change


SCENES = (
    Scene(
        "errors 1 -> 3 %",
        "error_rate",
        ("error_rate",),
        ("rate:error",),
        more("error", 0.02),
        bar=(3.5, 34 / 60, 0.1),
    ),
    Scene(
        "toxic .2 -> 1 %",
        "toxic_rate",
        ("flag_rate",),
        ("rate:flag:toxic",),
        more("flag:toxic", 0.008),
        bar=(4.7, 40 / 60, 0.1),
    ),
    Scene("nulls .2 -> 10 %", "null_rate", ("null_rate",), ("rate:null:x0",), more("null:x0", 0.098)),
    Scene("out of range .05 -> 3 %", "range", ("out_of_range",), ("rate:out:x1",), more("out:x1", 0.0295)),
    Scene("unseen .05 -> 3 %", "range", ("unseen_category",), ("rate:unseen:c0",), more("unseen:c0", 0.0295)),
    Scene(
        "duplicates .1 -> 5 %",
        "duplicates",
        ("duplicate_rate",),
        ("rate:duplicate",),
        more("duplicate", 0.049),
    ),
    Scene("latency x 1.5", "latency", ("latency",), ("rate:slow",), slower(1.5)),
    Scene("latency x 3", "latency", ("latency",), ("rate:slow",), slower(3.0)),
    Scene("drift .1 sd step", "drift", ("numeric_drift",), ("feature:x3",), moved("feature:x3", 0.1)),
    Scene(
        "drift .3 sd step (PSI .09)",
        "drift",
        ("numeric_drift",),
        ("feature:x3",),
        moved("feature:x3", 0.3),
        bar=(4, 2, 2),
    ),
    Scene(
        "drift .6 sd step (PSI .35)",
        "drift",
        ("numeric_drift",),
        ("feature:x3",),
        moved("feature:x3", 0.6),
        bar=(1.25, 1, 1),
    ),
    Scene(
        "drift .6 sd, 7-day ramp",
        "drift",
        ("numeric_drift",),
        ("feature:x3",),
        moved("feature:x3", 0.6, 7 * DAY),
        bar=(62, 58, 53),
    ),
    Scene(
        "drift .6 sd in a 15 % segment",
        "drift",
        ("numeric_drift",),
        ("feature:x3",),
        moved("feature:x3", 0.6, scopes=(SMALL,)),
        scope=SMALL,
        bar=(3, 1, 1),
    ),
    Scene("category x 1.8", "drift", ("category_drift",), ("feature:c1",), moved("feature:c1", 0.6)),
    Scene("score .3 sd step", "score_drift", ("score_drift",), ("score",), moved("score", 0.3)),
    Scene("AUC -.05", "auc", ("auc",), ("auc",), quality("separation", 0.8287), bar=(19, 4, 3)),
    Scene("AUC -.10", "auc", ("auc",), ("auc",), quality("separation", 0.6266), bar=(6, 3, 2)),
    Scene("accuracy -5 points", "accuracy", ("accuracy",), ("accuracy",), quality("wrong", 0.20)),
    Scene(
        "calibration, same AUC",
        "calibration",
        ("calibration",),
        ("calibration",),
        quality("stretch", 1.4),
        bar=(14, 11, 8),
    ),
    Scene(
        "labels 90 -> 60 %", "label_coverage", ("label_coverage",), ("coverage",), quality("labelled", 0.6)
    ),
    Scene("traffic halved", "traffic", ("traffic",), ("traffic",), busier(0.5)),
    Scene("no traffic", "freshness", ("silence",), ("traffic",), busier(0.0)),
)
