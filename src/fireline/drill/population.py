"""What a synthetic service's requests look like: features, segments, and how they move by hour, day and
week."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shape = Literal["normal", "lognormal", "zero_inflated", "count", "category"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One model input. ``mean`` and ``spread`` are of the value (normal) or its log (the other numeric
    shapes).

    ``season`` and ``wobble`` move the mean, in spreads, by local hour and weekday, and slowly over days.
    ``zeros`` is the share of exact zeros, ``nulls`` of missing values. ``values`` and ``shares`` are a
    category's.
    """

    name: str
    shape: Shape = "normal"
    mean: float = 0.0
    spread: float = 1.0
    season: float = 0.0
    wobble: float = 0.0
    zeros: float = 0.0
    nulls: float = 0.0
    by_segment: float = 0.0
    values: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()

    @property
    def numeric(self) -> bool:
        return self.shape != "category"


@dataclass(frozen=True, slots=True)
class Segment:
    """One column whose values are judged one by one; ``sway`` moves its mix a little by the hour."""

    name: str
    values: tuple[str, ...]
    shares: tuple[float, ...]
    sway: float = 0.15


FEATURES = (
    Feature("amount", "lognormal", 3.5, 1.0, by_segment=0.3),
    Feature("account_age_days", "lognormal", 5.5, 1.2),
    Feature("ip_risk", "normal", 0.35, 0.12, nulls=0.02),
    Feature("sessions_7d", "count", 1.6, 0.6, season=0.15),
    Feature("payment_method", "category", values=("card", "wallet", "transfer", "invoice", "cash", "voucher"),
            shares=(0.46, 0.27, 0.14, 0.08, 0.04, 0.01)),
    Feature("distance_km", "lognormal", 2.5, 1.4, nulls=0.05),
    Feature("prior_refunds", "zero_inflated", 0.5, 0.7, zeros=0.78),
    Feature("balance", "normal", 900.0, 400.0, wobble=0.06),
    Feature("velocity_1h", "count", 0.9, 0.7, season=0.4),
    Feature("device", "category", values=("android", "ios", "web", "tablet", "terminal"),
            shares=(0.40, 0.31, 0.22, 0.05, 0.02)),
    Feature("session_seconds", "lognormal", 4.6, 0.9, season=0.2),
    Feature("discount", "zero_inflated", 1.8, 0.6, zeros=0.6),
    Feature("typing_speed", "normal", 5.2, 1.1, nulls=0.2),
    Feature("basket_items", "count", 1.2, 0.7),
    Feature("merchant_type", "category",
            values=("food", "fashion", "travel", "media", "games", "home", "health", "other"),
            shares=(0.27, 0.21, 0.14, 0.12, 0.10, 0.08, 0.05, 0.03)),
    Feature("credit_limit", "lognormal", 7.2, 0.5, nulls=0.01),
    Feature("support_calls", "zero_inflated", 0.3, 0.5, zeros=0.9),
    Feature("page_load_ms", "lognormal", 6.2, 0.5, season=0.3, wobble=0.05),
    Feature("temperature", "normal", 9.0, 5.0, season=0.5, wobble=0.1),
    Feature("language", "category", values=("de", "en", "fr", "nl", "pl", "tr"),
            shares=(0.48, 0.21, 0.12, 0.09, 0.07, 0.03)),
)  # fmt: skip

SEGMENTS = (
    Segment(
        "region", ("north", "west", "south", "east", "coast", "islands"), (0.30, 0.24, 0.18, 0.14, 0.10, 0.04)
    ),
    Segment("channel", ("app", "web", "partner", "phone"), (0.52, 0.30, 0.14, 0.04)),
    Segment(
        "tenant",
        ("acme", "birch", "cedar", "delta", "elm", "fjord", "gale", "hazel"),
        (0.28, 0.20, 0.15, 0.12, 0.09, 0.07, 0.05, 0.04),
    ),
    Segment("plan", ("free", "plus", "pro"), (0.63, 0.28, 0.09)),
    Segment("customer", ("known", "returning", "new"), (0.55, 0.30, 0.15)),
)

GROUPS = (
    Segment("gender", ("f", "m"), (0.52, 0.48), sway=0.05),
    Segment("age_group", ("under_30", "30_to_59", "over_59"), (0.30, 0.48, 0.22), sway=0.05),
)

LLM_FEATURES = (
    Feature("prompt_tokens", "lognormal", 2.6, 0.4, season=0.1),
    Feature("history_turns", "count", 1.1, 0.6, season=0.1),
    Feature("retrieved_chunks", "count", 1.5, 0.4),
    Feature("retrieval_similarity", "normal", 0.71, 0.08, nulls=0.02),
    Feature("language", "category", values=("en", "de", "fr"), shares=(0.62, 0.27, 0.11)),
    Feature("surface", "category", values=("widget", "app", "mail", "phone"),
            shares=(0.52, 0.30, 0.13, 0.05)),
)  # fmt: skip


def features(count: int) -> tuple[Feature, ...]:
    """The first ``count`` features; past the twentieth the list starts again with a number in the name."""
    rounds = (
        replace(f, name=f"{f.name}_{turn + 1}" if turn else f.name)
        for turn in range(-(-count // len(FEATURES)))
        for f in FEATURES
    )
    return tuple(rounds)[:count]


def chance(seed: int, *names: object) -> np.random.Generator:
    """The random source of one named thing: what is drawn elsewhere does not move what is drawn here."""
    return np.random.default_rng([seed, *(crc32(str(name).encode()) for name in names)])


@dataclass(frozen=True, slots=True)
class Calendar:
    """Local time of each row: ``hour`` in [0, 24) with its fraction, ``weekday`` 0 = Monday, ``days`` since
    start."""

    hour: Floats
    weekday: Ints
    days: Floats

    @property
    def cell(self) -> Ints:
        """Hour of the week, 0..167."""
        return self.weekday * 24 + self.hour.astype(np.int64)

    @property
    def weekend(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.weekday >= 5
        return found


def wave(days: Floats, rng: np.random.Generator) -> Floats:
    """A slow wobble with standard deviation about 1: three sines with periods of 4 to 19 days."""
    found: Floats = np.zeros_like(days)
    for period, phase in zip(rng.uniform(4, 19, 3), rng.uniform(0, 2 * np.pi, 3), strict=True):
        found += np.sin(2 * np.pi * days / period + phase)
    found *= np.sqrt(2 / 3)
    return found


def pick(shares: tuple[float, ...], sway: float, cell: Ints, rng: np.random.Generator) -> Ints:
    """One code per row, by shares that sway with the hour of the week. int64[n] in 0..len(shares)-1."""
    phases = np.linspace(0, 2 * np.pi, len(shares), endpoint=False)
    hours = np.arange(168)
    weights = np.array(shares) * np.exp(sway * np.sin(2 * np.pi * hours[:, None] / 24 + phases))
    limits = np.cumsum(weights / weights.sum(1, keepdims=True), axis=1)
    draw = rng.random(len(cell))
    code = np.zeros(len(cell), np.int64)
    for column in range(len(shares) - 1):
        code += draw > limits[cell, column]
    return code


def latent(
    feature: Feature, calendar: Calendar, offset: Floats | float, seed: int, stream: str = "live"
) -> Floats:
    """Standard normal draws for a numeric feature, moved by its season, its wobble and ``offset``.
    float64[n].

    ``seed`` fixes season and wobble; ``stream`` names one of many independent sets of draws in the same
    world.
    """
    draws = chance(seed, stream, feature.name).standard_normal(len(calendar.hour))
    if feature.season:
        peak = chance(seed, "peak", feature.name).uniform(8, 20)
        draws += feature.season * (np.cos(2 * np.pi * (calendar.hour - peak) / 24) - 0.5 * calendar.weekend)
    if feature.wobble:
        draws += feature.wobble * wave(calendar.days, chance(seed, "wobble", feature.name))
    return draws + feature.by_segment * offset


def value(feature: Feature, draws: Floats) -> Floats:
    """Latent draws as values of a numeric feature. float64[n]; counts and zero-inflated ones are never
    negative."""
    if feature.shape == "normal":
        return feature.mean + feature.spread * draws
    if feature.shape == "lognormal":
        return np.exp(feature.mean + feature.spread * draws)
    if feature.shape == "count":
        return np.floor(np.exp(feature.mean + feature.spread * draws))
    threshold = NormalDist().inv_cdf(feature.zeros)
    return np.where(
        draws <= threshold, 0.0, np.ceil(np.exp(feature.mean + feature.spread * (draws - threshold)))
    )
