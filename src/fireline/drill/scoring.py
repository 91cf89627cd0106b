"""The label's true logistic law, and the models that learnt it: one set of weights, versions a hair apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fireline.drill.population import Feature, Floats, Ints, chance


@dataclass(frozen=True)
class Term:
    """How one input enters the logit: standardised (its log first for skewed shapes), or one effect per
    category.

    A missing value counts as the mean, an unknown category as none.
    """

    weight: float
    log: bool = False
    centre: float = 0.0
    scale: float = 1.0
    effects: tuple[float, ...] = ()

    def read(self, values: Floats | Ints) -> Floats:
        """What this input adds to the logit. float64[n]; finite whatever ``values`` hold."""
        if self.effects:
            known = (values >= 0) & (values < len(self.effects))
            table = np.array(self.effects)
            return self.weight * np.where(known, table[np.where(known, values, 0).astype(np.int64)], 0.0)
        plain = np.log1p(np.maximum(values, 0.0)) if self.log else values
        standard = np.clip((plain - self.centre) / self.scale, -5, 5)
        return self.weight * np.nan_to_num(standard)


@dataclass(frozen=True)
class Model:
    """A logistic model: ``terms`` by input name, segment columns among them."""

    terms: Mapping[str, Term]
    intercept: float

    def logit(self, columns: Mapping[str, Floats | Ints]) -> Floats:
        """The log odds of each row. float64[n]; ``columns`` holds numbers, and codes for categories and
        segments."""
        found = np.full(len(next(iter(columns.values()))), self.intercept)
        for name, term in self.terms.items():
            found += term.read(columns[name])
        return found

    def retrained(self, seed: int, version: str, jitter: float = 0.03) -> Model:
        """The same law learnt again from other rows: every weight off by about ``jitter`` of itself."""
        noise = chance(seed, "retrained", version).normal(0, jitter, len(self.terms))
        moved = zip(self.terms.items(), noise, strict=True)
        terms = {name: replace(term, weight=term.weight * (1 + off)) for (name, term), off in moved}
        return replace(self, terms=terms)

    def turned(self, seed: int) -> Model:
        """The law after the world turned: the same weights, dealt to other inputs and signs."""
        rng = chance(seed, "turned")
        names = list(self.terms)
        weights = rng.permutation([self.terms[name].weight for name in names]) * rng.choice(
            [-1, 1], len(names)
        )
        terms = {
            name: replace(self.terms[name], weight=float(w)) for name, w in zip(names, weights, strict=True)
        }
        return replace(self, terms=terms)

    def heaviest(self, names: list[str]) -> list[str]:
        """``names`` ordered by weight, heaviest first."""
        return sorted(names, key=lambda name: (-abs(self.terms[name].weight), name))


def fit(
    features: tuple[Feature, ...],
    probe: Mapping[str, Floats | Ints],
    widths: Mapping[str, int],
    seed: int,
    auc: float,
    rate: float,
) -> Model:
    """The law of a world: weights fall geometrically in a seeded order, scaled until AUC and positive rate
    are met.

    ``probe`` holds a sample of true values of each input, ``widths`` the number of values of each segment
    column.
    """
    rng = chance(seed, "law")
    terms: dict[str, Term] = {}
    order = rng.permutation(len(features))
    for place, feature in zip(order, features, strict=True):
        weight = float(0.88**place) * float(rng.choice([-1, 1]))
        terms[feature.name] = _term(feature, probe[feature.name], weight, rng)
    for name, width in widths.items():
        codes = np.asarray(probe[name])
        effects = _centred(rng.normal(0, 1, width), codes)
        terms[name] = Term(0.25, effects=effects)
    plain = Model(terms, 0.0).logit(probe)
    scale, intercept = _solve(plain - plain.mean(), auc, rate)
    scaled = {name: replace(term, weight=term.weight * scale) for name, term in terms.items()}
    return Model(scaled, intercept - scale * float(plain.mean()))


def sigmoid(logit: Floats) -> Floats:
    """1 / (1 + exp(-logit)) without overflow."""
    found: Floats = 1 / (1 + np.exp(-np.clip(logit, -40, 40)))
    return found


def expected_auc(probability: Floats) -> float:
    """The AUC of a perfectly calibrated score, from the scores alone."""
    p = np.sort(probability)
    below = np.cumsum(1 - p) - (1 - p) / 2
    return float((p * below).sum() / (p.sum() * (1 - p).sum()))


def _term(feature: Feature, values: Floats | Ints, weight: float, rng: np.random.Generator) -> Term:
    if not feature.numeric:
        return Term(weight, effects=_centred(rng.normal(0, 1, len(feature.values)), np.asarray(values)))
    log = feature.shape != "normal"
    plain = np.log1p(values) if log else np.asarray(values)
    return Term(weight, log, float(plain.mean()), float(plain.std()))


def _centred(effects: Floats, codes: NDArray[Any]) -> tuple[float, ...]:
    seen = effects[codes.astype(np.int64)]
    return tuple(float(e) for e in (effects - seen.mean()) / seen.std())


def _solve(plain: Floats, auc: float, rate: float) -> tuple[float, float]:
    """The scale and intercept at which ``sigmoid(intercept + scale * plain)`` has this AUC and mean."""
    low, high = 0.01, 20.0
    for _ in range(30):
        scale = (low * high) ** 0.5
        intercept = _intercept(scale * plain, rate)
        if expected_auc(sigmoid(intercept + scale * plain)) < auc:
            low = scale
        else:
            high = scale
    return scale, intercept


def _intercept(logit: Floats, rate: float) -> float:
    low, high = -30.0, 30.0
    for _ in range(40):
        middle = (low + high) / 2
        if float(sigmoid(middle + logit).mean()) < rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2
