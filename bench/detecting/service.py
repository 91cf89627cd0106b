"""A simulated service, as counts: all that a monitor sees.

Fifteen numeric and five categorical features, a score, errors, latency, a flag, labels, and one segment
column of two values (15 % and 85 %). Daily and weekly seasons, a slow wobble in every input, in latency and
in the quality of the model, and harmless two-minute blips every third day: of errors, and each by itself of
answers that are all wrong, of scores that know nothing, and of labels that never come. Counts are drawn
directly, so a service-month takes a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from statistics import NormalDist

import numpy as np

from fireline.clock import from_micros, iso
from fireline.runbook.schema import Runbook
from fireline.terms.counts import HOUR, MINUTE, QUARTER, SERVICE, Scope, Series
from fireline.terms.plan import DELAY_GRAINS, QUALITY_GRAINS, RATE_GRAINS, SHAPE_GRAINS, Layout, Plan

START = 1_709_510_400 * 1_000_000  # Monday, 4 March 2024
DAY = 86_400
BINS = 16
SCORES = 200
NUMERIC = [f"x{i}" for i in range(15)]
CATEGORIES = {f"c{i}": 4 + 3 * i for i in range(5)}
SMALL, LARGE = (Scope("segment", "region", name) for name in ("small", "large"))
SMALL_SHARE = 0.15
POSITIVE, WRONG, LABELLED, SEPARATION = 0.2, 0.15, 0.9, 1.05
SEASONAL = ("feature:x0", "feature:x1", "feature:x2", "score")
NORMAL = NormalDist()

Array = np.ndarray


def zipf(k: int) -> tuple[float, ...]:
    weights = 1 / np.arange(1, k + 1)
    return tuple(float(w) for w in weights / weights.sum())


@cache
def plan() -> Plan:
    """The plan every simulated service has."""
    edges = (-8.0, *(NORMAL.inv_cdf(i / BINS) for i in range(1, BINS)), 8.0)
    cells = (*(f"bin{i}" for i in range(BINS)), "below", "above", "null")
    even = tuple([1 / BINS] * BINS + [0.0, 0.0, 0.002])
    shapes = [Series(f"feature:{n}", "numeric", QUARTER, cells, edges, shares=even) for n in NUMERIC]
    for name, k in CATEGORIES.items():
        named = (*(f"={i}" for i in range(k)), "other", "unseen", "null")
        shares = (*zipf(k), 0.0, 0.0, 0.0)
        values = tuple(map(str, range(k)))
        shapes.append(Series(f"feature:{name}", "category", QUARTER, named, values=values, shares=shares))
    shapes.append(Series("score", "numeric", QUARTER, cells, _score_edges(), shares=even))
    rates = ["n", "error", "late", "duplicate", "fallback", "timed", "slow", "very_slow", "flag:toxic"]
    rates += [f"{what}:{name}" for name in NUMERIC for what in ("null", "out")]
    rates += [f"{what}:{name}" for name in CATEGORIES for what in ("null", "unseen")]
    bins = tuple(f"bin{i}" for i in range(SCORES + 2))
    scores = tuple(np.linspace(0, 1, SCORES + 1))
    labels = ("n", "labelled", "positive", "judged", "correct")
    known = (1.0, LABELLED, POSITIVE * LABELLED, LABELLED, LABELLED * (1 - WRONG))
    moments = ("bias", "bias2", "slope", "slope2", "error", "error2", "absolute")
    quality = (
        Series("labels", "conditions", HOUR, labels, shares=known),
        Series("negatives", "score_label", HOUR, bins, scores),
        Series("positives", "score_label", HOUR, bins, scores),
        Series("moments", "moments", HOUR, moments),
    )
    minutes = Series("rates", "conditions", MINUTE, tuple(rates), (100.0, 125.0))
    return Plan(
        service="bench", timezone="UTC", task="binary",
        rates=Layout("rates", (minutes,), RATE_GRAINS),
        shapes=Layout("shapes", tuple(shapes), SHAPE_GRAINS),
        delays=Layout("delays", (), DELAY_GRAINS),
        quality=Layout("quality", quality, QUALITY_GRAINS),
        features={**dict.fromkeys(NUMERIC, "numeric"), **dict.fromkeys(CATEGORIES, "categorical")},
        segments={"region": ("small", "large")}, flags=("toxic",), versions=("A",), latency_p95=100.0,
    )  # fmt: skip


def _score_edges() -> tuple[float, ...]:
    """Quantiles of scores that are calibrated for what they were trained on."""
    at = np.interp(np.arange(1, BINS) / BINS, np.cumsum(_WEIGHT) / _WEIGHT.sum(), LOGITS)
    return (0.0, *(float(p) for p in 1 / (1 + np.exp(-at))), 1.0)


def runbook_of(days: int) -> Runbook:
    """The runbook of a service whose reference has ``days``."""
    return Runbook.model_validate({
        "service": "bench", "timezone": "UTC", "task": "binary", "ownership": {"team": "bench"},
        "columns": {"time": "time"},
        "labels": {"age": "0m"}, "allowed_lateness": "0m",  # nothing comes late here
        "reference": {
            "since": iso(from_micros(START)), "until": iso(from_micros(START + days * DAY * 1_000_000)),
        },
    })  # fmt: skip


@dataclass
class Service:
    """``reference`` days of usual life and ``live`` more at ``rate`` events a minute.

    What is true at each instant lies in ``truth`` (shares by minute, places by quarter of an hour, quality by
    hour); ``counts`` are drawn from it by (layout, grain, scope).
    """

    rate: float
    seed: int
    reference: int = 28
    live: int = 30
    plan: Plan = field(default_factory=plan)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng((self.seed, int(self.rate * 10)))
        minutes = np.arange((self.reference + self.live) * 1440)
        hour, weekday = (minutes / 60) % 24, (minutes // 1440) % 7
        shape = 1 + 0.6 * np.sin(2 * np.pi * (hour - 9) / 24)
        self.n = self.rng.poisson(self.rate * shape * np.where(weekday >= 5, 0.7, 1.0))
        self.seconds = minutes * 60.0 - self.reference * DAY
        self.truth: dict[str, Array] = {}
        self.counts: dict[tuple[str, int, Scope], Array] = {}
        self._rates()
        self._shapes()
        self._quality()

    @property
    def until(self) -> int:
        """The end of the reference, in microseconds."""
        return START + self.reference * DAY * 1_000_000

    def read(self, layout: Layout, grain: int, low: int, high: int) -> dict[Scope, Array]:
        """Counts of ticks [low, high), as the judge asks for them."""
        first = START // (grain * 1_000_000)
        return {
            scope: found[low - first : high - first]
            for (name, size, scope), found in self.counts.items()
            if (name, size) == (layout.name, grain)
        }

    def wobble(self, ticks: int, per_day: int, sd: float) -> Array:
        """A slow, harmless drift back and forth: an AR(1) of half a day's memory."""
        rho = 0.5 ** (2 / per_day)
        noise = self.rng.normal(0, sd * np.sqrt(1 - rho**2), ticks)
        out, level = np.empty(ticks), 0.0
        for i, step in enumerate(noise):
            level = rho * level + step
            out[i] = level
        return out

    # -- rates ------------------------------------------------------------------------------------------

    def _rates(self) -> None:
        hour = (self.seconds / 3600) % 24
        season = 1 + 0.3 * np.sin(2 * np.pi * hour / 24)
        truth = self.truth
        truth["error"] = 0.01 * season
        for start in self.rng.choice(len(self.n) - 2, (self.reference + self.live) // 3, replace=False):
            truth["error"][start : start + 2] = 0.2
        truth["slow"] = 0.05 * season * np.exp(self.wobble(len(self.n), 1440, 0.05))
        for name, share in (("flag:toxic", 0.002), ("duplicate", 0.001), ("fallback", 0.005)):
            truth[name] = np.full(len(self.n), share)
        for name in (*NUMERIC, *CATEGORIES):
            truth[f"null:{name}"] = np.full(len(self.n), 0.002)
        for name in NUMERIC:
            truth[f"out:{name}"] = np.full(len(self.n), 0.0005)
        for name in CATEGORIES:
            truth[f"unseen:{name}"] = np.full(len(self.n), 0.0005)
        cells = self.plan.rates.series[0].cells
        out = np.zeros((len(self.n), len(cells)), np.int64)
        out[:, cells.index("n")] = out[:, cells.index("timed")] = self.n
        self.counts["rates", MINUTE, SERVICE] = out
        for name in truth:
            self.draw_rate(name, 0)
        self.draw_rate("very_slow", 0)

    def draw_rate(self, name: str, low: int) -> None:
        """Draws the hits of ``name`` again from minute ``low``; very slow ones are two in five of the slow,
        unless ``truth`` says otherwise."""
        cells = self.plan.rates.series[0].cells
        out = self.counts["rates", MINUTE, SERVICE]
        n, share = out[low:, cells.index("n")], self.truth.get(name)
        if name == "very_slow" and share is None:
            n, share = out[low:, cells.index("slow")], np.full(len(self.n), 0.4)
        assert share is not None
        out[low:, cells.index(name)] = self.rng.binomial(n, np.clip(share[low:], 0, 1))

    # -- shapes -----------------------------------------------------------------------------------------

    def _shapes(self) -> None:
        quarters = self.n.reshape(-1, 15).sum(axis=1)
        hour = (self.seconds[::15] / 3600) % 24
        small = self.rng.binomial(quarters, SMALL_SHARE)
        self.events = {SMALL: small, LARGE: quarters - small}
        for scope in (SERVICE, SMALL, LARGE):
            self.counts["shapes", QUARTER, scope] = np.zeros(
                (len(quarters), self.plan.shapes.width), np.int64
            )
        for series in self.plan.shapes.series:
            moved = self.wobble(len(quarters), 96, 0.03)
            if series.name in SEASONAL:
                moved = moved + 0.1 * np.sin(2 * np.pi * hour / 24)
            for scope in (SMALL, LARGE):
                self.truth[f"{series.name}|{scope.value}"] = moved.copy()
            self.draw_shape(series.name, 0)

    def draw_shape(self, name: str, low: int) -> None:
        """Draws a histogram again from quarter ``low``: places in standard deviations, or for a category the
        log of how much commoner its first value is."""
        series, span = self.plan.shapes.by_name[name], self.plan.shapes.span(name)
        whole = 0
        for scope in (SMALL, LARGE):
            moved = self.truth[f"{name}|{scope.value}"][low:]
            shares = _category(len(series.values), moved) if series.kind == "category" else _normal(moved)
            drawn = self.rng.multinomial(self.events[scope][low:], shares)
            self.counts["shapes", QUARTER, scope][low:, span.start : span.start + shares.shape[1]] = drawn
            whole = whole + drawn
        self.counts["shapes", QUARTER, SERVICE][low:, span.start : span.start + shares.shape[1]] = whole

    # -- quality ----------------------------------------------------------------------------------------

    def _quality(self) -> None:
        hours = len(self.n) // 60
        self.truth["separation"] = SEPARATION * np.exp(self.wobble(hours, 24, 0.01))
        self.truth["wrong"] = WRONG * np.exp(self.wobble(hours, 24, 0.02))
        self.truth["labelled"] = np.full(hours, LABELLED)
        self.truth["stretch"] = np.ones(hours)
        for name in ("wrong", "separation", "labelled"):
            blips = self.rng.choice(hours, hours // 72, replace=False)
            self.truth[f"blip:{name}"] = np.where(np.isin(np.arange(hours), blips), 2 / 60, 0.0)
        self.counts["quality", HOUR, SERVICE] = np.zeros((hours, self.plan.quality.width), np.int64)
        self.draw_quality(0)

    def draw_quality(self, low: int) -> None:
        """Draws labels, scores of both classes and their moments again from hour ``low``."""
        layout, out = self.plan.quality, self.counts["quality", HOUR, SERVICE]
        n = self.n.reshape(-1, 60).sum(axis=1)[low:]
        blip = {name: self.truth[f"blip:{name}"][low:] for name in ("wrong", "separation", "labelled")}
        labelled = self.rng.binomial(n, self.truth["labelled"][low:] * (1 - blip["labelled"]))
        positive = self.rng.binomial(labelled, POSITIVE)
        right = (1 - np.clip(self.truth["wrong"][low:], 0, 1)) * (1 - blip["wrong"])
        correct = self.rng.binomial(labelled, right)
        start = layout.offsets["labels"]
        out[low:, start : start + 5] = np.stack([n, labelled, positive, labelled, correct], axis=1)
        drawn = {}
        for name, of, shift in (
            ("negatives", labelled - positive, 0.0 * self.truth["separation"][low:]),
            ("positives", positive, self.truth["separation"][low:]),
        ):
            weight = np.exp(shift[:, None] * PLACES - shift[:, None] ** 2 / 2)
            weight += (blip["separation"] * weight.mean(axis=1))[:, None] / (1 - blip["separation"])[:, None]
            drawn[name] = self.rng.multinomial(of, weight / weight.sum(axis=1, keepdims=True))
            first = layout.offsets[name] + 1
            out[low:, first : first + SCORES] = drawn[name]
        logit = LOGITS * self.truth["stretch"][low:, None] - (1 - self.truth["stretch"][low:, None]) * CENTRE
        out[low:, layout.span("moments")][:, :4] = _moments(drawn["negatives"], drawn["positives"], logit)


PLACES = np.array([NORMAL.inv_cdf((i + 0.5) / SCORES) for i in range(SCORES)])
_ODDS = POSITIVE / (1 - POSITIVE) * np.exp(SEPARATION * PLACES - SEPARATION**2 / 2)
LOGITS = np.log(_ODDS)  # of a score that is calibrated for what it was trained on
_WEIGHT = (1 - POSITIVE) + POSITIVE * np.exp(SEPARATION * PLACES - SEPARATION**2 / 2)
CENTRE = -float((LOGITS * _WEIGHT).sum() / _WEIGHT.sum())


def _moments(negatives: Array, positives: Array, logit: Array) -> Array:
    """Sums of y - p, of its square, of (y - p)(logit p - mean), and of its square, in millionths [T, 4]."""
    p = 1 / (1 + np.exp(-logit))
    away = logit + CENTRE
    found = []
    for miss in (lambda: (1 - p, -p), lambda: ((1 - p) * away, -p * away)):
        of_positive, of_negative = miss()
        for power in (1, 2):
            total = positives * of_positive**power + negatives * of_negative**power
            found.append(np.rint(total.sum(axis=1) * 1_000_000))
    return np.stack(found, axis=1).astype(np.int64)


CUTS = np.array([NORMAL.inv_cdf(i / BINS) for i in range(1, BINS)])


def _normal(moved: Array) -> Array:
    """Shares [T, bins] of a standard normal moved by ``moved`` [T] over the reference's quantile bins."""
    below = normal_cdf(CUTS[None, :] - moved[:, None])
    full = np.concatenate([np.zeros((len(moved), 1)), below, np.ones((len(moved), 1))], axis=1)
    shares = np.clip(np.diff(full, axis=1), 0, None)
    return shares / shares.sum(axis=1, keepdims=True)


def _category(k: int, moved: Array) -> Array:
    """Shares [T, k] of a category whose first value is exp(moved) times as common."""
    shares = np.tile(zipf(k), (len(moved), 1))
    shares[:, 0] *= np.exp(moved)
    return shares / shares.sum(axis=1, keepdims=True)


def normal_cdf(x: Array) -> Array:
    """Phi by the rational form of Abramowitz and Stegun 7.1.26, error below 1e-7."""
    t = 1 / (1 + 0.2316419 * np.abs(x))
    d = 0.3989422804014327 * np.exp(-x * x / 2)
    p = d * t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    return np.where(x >= 0, 1 - p, p)
