"""Towns and faults of the kinds that watch quality, fairness and business figures."""

from __future__ import annotations

from functools import partial

import numpy as np

from fireline.terms.counts import SERVICE
from tests.support.places import Edit, Place
from tests.support.quality_town import built
from tests.support.town import Tables, Town

POINT = 1_000_000


def after(town: Town, tables: Tables, layout: str, day: float) -> np.ndarray:
    """The service's hourly counts from ``day`` on, a view."""
    return tables[layout, 3600][SERVICE][int(day * 24) :]


def at(town: Town, layout: str, series: str, cell: str) -> int:
    """The place of one cell."""
    made = town.plan.layout(layout)
    return made.offsets[series] + made.by_name[series].cells.index(cell)


def moved(layout: str, series: str, share: float, *pairs: tuple[str, str]) -> Edit:
    """``share`` of what each first cell holds goes to the second."""

    def edit(town: Town, tables: Tables, day: float) -> None:
        counts = after(town, tables, layout, day)
        for source, target in pairs:
            a, b = at(town, layout, series, source), at(town, layout, series, target)
            part = np.random.default_rng(0).binomial(counts[:, a], share)
            counts[:, a] -= part
            counts[:, b] += part

    return edit


def scaled(layout: str, series: str, **factors: float) -> Edit:
    """Cells that hold so many times what they did."""

    def edit(town: Town, tables: Tables, day: float) -> None:
        counts = after(town, tables, layout, day)
        for cell, factor in factors.items():
            place = at(town, layout, series, cell.replace("__", ":"))
            counts[:, place] = np.rint(counts[:, place] * factor).astype(np.int64)

    return edit


def added(layout: str, series: str, n: str, **amounts: float) -> Edit:
    """Sums that grow by so much for each of the ``n``."""

    def edit(town: Town, tables: Tables, day: float) -> None:
        counts = after(town, tables, layout, day)
        events = counts[:, at(town, layout, series, n.replace("__", ":"))]
        for cell, amount in amounts.items():
            place = at(town, layout, series, cell.replace("__", ":"))
            counts[:, place] += np.rint(events * amount * POINT).astype(np.int64)

    return edit


def muddled(layout: str, town: Town, tables: Tables, day: float) -> None:
    """Scores that all go to the middle bins: nothing is told apart any more."""
    counts = after(town, tables, layout, day)
    span = town.plan.layout(layout).span("scores")
    total = counts[:, span].sum(axis=1)
    counts[:, span] = 0
    middle = (span.start + span.stop) // 2
    counts[:, middle], counts[:, middle + 1] = total // 2, total - total // 2


def unmeaning(town: Town, tables: Tables, day: float) -> None:
    """A third of the negatives came true, whatever their scores; the scores themselves are as ever."""
    counts = after(town, tables, "quality", day)
    bad, good = (counts[:, town.plan.quality.span(name)] for name in ("negatives", "positives"))
    part = np.random.default_rng(0).binomial(bad, 0.33)
    bad -= part
    good += part


def unranked(town: Town, tables: Tables, day: float) -> None:
    """A third of the positives score like negatives."""
    rng = np.random.default_rng(0)
    counts = after(town, tables, "quality", day)
    good, bad = (counts[:, town.plan.quality.span(name)] for name in ("positives", "negatives"))
    lost = rng.binomial(good, 0.33)
    usual = bad.sum(axis=0) / bad.sum()
    good += np.stack([rng.multinomial(n, usual) for n in lost.sum(axis=1)]) - lost


BINARY, NUMBERS = partial(built, "binary"), partial(built, "regression")
MANY, RANKED, CHOICE = partial(built, "multiclass"), partial(built, "ranking"), partial(built, "llm")
ALONE = partial(built, "binary", arms=False)
MISSED = moved("confusion", "confusion", 0.4, ("tp", "fn"), ("tn", "fp"))
LOWER = scaled("rankings", "rankings", ndcg=0.7, ndcg2=0.55, reciprocal=0.7, reciprocal2=0.55, hit=0.7)

KINDS = {
    "average_precision": Place(BINARY, unranked),
    "brier": Place(BINARY, added("losses", "losses", "n", brier=0.06, brier2=0.03)),
    "class_recall": Place(MANY, moved("classes", "hits", 0.4, ("=bird", "=cat")), "bird"),
    "concept_drift": Place(BINARY, unmeaning),
    "demographic_parity": Place(
        BINARY, moved("selection", "group:sex", 1.0, ("chosen:F", "chosen:M")), "sex=F"
    ),
    "ece": Place(BINARY, added("losses", "tenths", "n0", gap0=0.3)),
    "equal_opportunity": Place(BINARY, moved("treatment", "group:sex", 0.5, ("tp:F", "fn:F")), "sex=F"),
    "equalized_odds": Place(BINARY, moved("treatment", "group:sex", 0.5, ("tp:F", "fn:F")), "sex=F"),
    "error_bias": Place(NUMBERS, added("residuals", "residuals", "n", error=0.2, square=0.04)),
    "estimated_accuracy": Place(BINARY, partial(muddled, "confidence")),
    "estimated_auc": Place(BINARY, partial(muddled, "confidence")),
    "f1": Place(BINARY, MISSED),
    "group_calibration": Place(
        BINARY, added("treatment", "group:sex", "n:F", gap__F=0.15, gap2__F=0.05), "sex=F"
    ),
    "hit_rate": Place(RANKED, LOWER),
    "kpi": Place(ALONE, scaled("outcomes", "all", sum=0.8, sum2=0.64)),
    "kpi_difference": Place(BINARY, scaled("outcomes", "arms", sum__B=0.8, sum2__B=0.64), "B"),
    "log_loss": Place(MANY, added("losses", "losses", "n", log=0.4, log2=0.5)),
    "macro_f1": Place(MANY, scaled("classes", "hits", **{"=bird": 0.5, "=cat": 0.8, "=dog": 0.8})),
    "mrr": Place(RANKED, LOWER),
    "ndcg": Place(RANKED, LOWER),
    "precision": Place(BINARY, MISSED),
    "recall": Place(BINARY, MISSED),
    "rmse": Place(NUMBERS, added("residuals", "residuals", "n", square=0.1)),
    "sample_ratio": Place(BINARY, scaled("outcomes", "arms", rows__B=0.6), "B"),
    "win_rate": Place(CHOICE, scaled("quality", "labels", positive=0.8)),
}
