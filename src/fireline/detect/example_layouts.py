"""Further layouts of the tiny service in ``example``, as their counters would declare them."""

from __future__ import annotations

from collections.abc import Mapping

from fireline.terms.counts import HOUR, ScopeKind, Series
from fireline.terms.plan import Layout

HOURLY: Mapping[ScopeKind, int] = {"service": HOUR}
HOURLY_BY_VERSION: Mapping[ScopeKind, int] = {"service": HOUR, "version": HOUR, "shadow": HOUR}

CONFIDENCE = Layout(
    "confidence",
    (
        Series("scores", "score_label", HOUR, ("below", "bin0", "bin1", "bin2", "bin3", "above"),
               (0, 0.25, 0.5, 0.75, 1), shares=(0.1, 0.1, 0.4, 0.6, 0.9, 0.9)),
    ),
    HOURLY,
)  # fmt: skip
CONFUSION = Layout(
    "confusion",
    (Series("confusion", "conditions", HOUR, ("tp", "fp", "fn", "tn"), (0.5,), ("prediction",)),),
    HOURLY_BY_VERSION, aged=True,
)  # fmt: skip
LOSSES = Layout(
    "losses",
    (
        Series("losses", "moments", HOUR, ("n", "log", "log2", "brier", "brier2")),
        Series(
            "tenths", "moments", HOUR, tuple(f"{x}{i}" for x in ("n", "gap", "spread") for i in range(10))
        ),
    ),
    HOURLY_BY_VERSION, aged=True, sums=True,
)  # fmt: skip
RESIDUALS = Layout(
    "residuals", (Series("residuals", "moments", HOUR, ("n", "error", "square", "fourth"), (10.0,)),),
    HOURLY_BY_VERSION, aged=True, sums=True,
)  # fmt: skip
CLASSES = Layout(
    "classes",
    tuple(Series(name, "category", HOUR, ("=cat", "=dog"), values=("cat", "dog"))
          for name in ("support", "said", "hits")),
    HOURLY_BY_VERSION, aged=True,
)  # fmt: skip
RANKINGS = Layout(
    "rankings",
    (Series("rankings", "moments", HOUR, ("n", "ndcg", "ndcg2", "reciprocal", "reciprocal2", "hit")),),
    HOURLY_BY_VERSION, aged=True, sums=True,
)  # fmt: skip


def groups(name: str, *figures: str) -> Layout:
    """Layout ``name`` with ``figures`` for the groups F and M of the column ``sex``."""
    cells = tuple(f"{figure}:{group}" for group in ("M", "F", "(others)") for figure in figures)
    series = Series("group:sex", "conditions", HOUR, cells, (0.5,), ("M", "F", "prediction"))
    return Layout(name, (series,), HOURLY, aged=name == "treatment", sums=name == "treatment")


SELECTION = groups("selection", "n", "chosen")
TREATMENT = groups("treatment", "tp", "fn", "fp", "tn", "n", "gap", "gap2")
OUTCOMES = Layout(
    "outcomes",
    (
        Series("all", "moments", HOUR, ("rows", "n", "sum", "sum2"), (2.0,)),
        Series("arms", "moments", HOUR,
               tuple(f"{x}:{arm}" for arm in ("A", "B", "(others)") for x in ("rows", "n", "sum", "sum2")),
               (2.0,), ("A", "B")),
    ),
    HOURLY, sums=True,
)  # fmt: skip
