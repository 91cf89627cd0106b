"""Rankings: how well each query's items were ordered."""

from __future__ import annotations

import numpy as np

from fireline.clock import MICROS
from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, booleans, has, numbers, times
from fireline.telemetry.counters import HOURLY_BY_VERSION, Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.terms.counts import HOUR, Series
from fireline.terms.plan import Layout, Plan

FIXED_POINT = 1_000_000
DEPTH = 10
CELLS = ("n", "ndcg", "ndcg2", "reciprocal", "reciprocal2", "hit")


class Rankings(Counter):
    """NDCG at 10, reciprocal rank and hits at 10 of each query, by the hour of event time.

    The rows of one query, version and hour are one ranking, in order of ``rank`` where it is logged, else of
    the score. A query none of whose items has a label is not judged; an item without one counts as not
    relevant. Sums are in millionths.
    """

    name = "rankings"
    feed = "cohorts"
    grains = HOURLY_BY_VERSION
    sums = True

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series where queries have ranked items with labels."""
        table = reference.table
        if reference.label is None or not has(table, "query"):
            return ()
        how = next((name for name in ("rank", "score") if _holds(reference, name)), None)
        codes, _ = reference.words.codes("query")
        if how is None or not np.isfinite(reference.label[codes >= 0]).any():
            return ()
        return (Series("rankings", "moments", HOUR, CELLS, values=(how,), reference=plan.reference),)

    def columns(self, plan: Plan, layout: Layout) -> tuple[str, ...]:
        """Query and rank."""
        return ("query", *layout.series[0].values)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """Each ranking's figures, on its first row."""
        assert rows.label is not None
        marks = Marks(layout.width)
        how = layout.series[0].values[0]
        if not (has(rows.table, "query") and has(rows.table, how)):
            return marks
        place = numbers(rows.table, how)
        ranking = _rankings(rows)
        asked = np.flatnonzero((ranking >= 0) & np.isfinite(place))
        if not asked.size:
            return marks
        order = asked[np.lexsort((asked, place[asked] if how == "rank" else -place[asked], ranking[asked]))]
        first, figures = ordered(ranking[order], rows.label[order])
        home = np.full(int(ranking.max()) + 1, len(ranking), np.int64)
        np.minimum.at(home, ranking[order], order)  # where the ranking is counted: its first row
        at = home[ranking[order[first]]]
        for cell, name in enumerate(CELLS):
            amounts = np.zeros(len(ranking), np.int64)
            point = 1 if name in ("n", "hit") else FIXED_POINT
            amounts[at] = np.rint(figures[name] * point).astype(np.int64)
            marks.sums.append((cell, amounts))
        return marks


def _holds(reference: Rows, name: str) -> bool:
    return has(reference.table, name) and bool(np.isfinite(numbers(reference.table, name)).any())


def _rankings(rows: Rows) -> Array:
    """The number of each row's ranking, -1 without a query: int64 [n]."""
    queries, _ = rows.words.codes("query")
    key = [queries, times(rows.table) // (HOUR * MICROS)]
    if has(rows.table, "version"):
        key.append(rows.words.codes("version")[0])
    if has(rows.table, "shadow"):
        key.append(booleans(rows.table, "shadow").astype(np.int64))
    _, found = np.unique(np.stack(key, axis=1), axis=0, return_inverse=True)
    return np.where(queries < 0, -1, found.reshape(-1))


def ordered(ranking: Array, gain: Array, depth: int = DEPTH) -> tuple[Array, dict[str, Array]]:
    """Figures of rankings from rows that lie ranking after ranking, the best place first.

    ``ranking`` [n] numbers them, ``gain`` float64 [n] is each item's relevance, NaN unknown, 0 where it is
    less. Answers the first row of each ranking with a known gain, int64 [m], and by cell of the layout
    float64 [m]. NDCG = DCG / ideal DCG over the first ``depth`` places, DCG = sum gain / log2(1 + place), 0
    without a relevant item (Jarvelin and Kekalainen 2002, and scikit-learn's ndcg_score). The reciprocal rank
    is that of the first relevant item.
    """
    starts = np.flatnonzero(np.r_[True, ranking[1:] != ranking[:-1]])
    which = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(ranking)]))
    place = np.arange(len(ranking)) - starts[which]
    worth = np.maximum(np.nan_to_num(gain), 0.0)
    best = np.lexsort((-worth, which))
    discount = np.where(place < depth, 1 / np.log2(place + 2), 0.0)
    total = np.bincount(which, worth * discount, len(starts))
    ideal = np.bincount(which, worth[best] * discount, len(starts))
    ndcg = np.where(ideal > 0, total / np.where(ideal > 0, ideal, 1.0), 0.0)
    first = np.full(len(starts), np.inf)
    np.minimum.at(first, which, np.where(worth > 0, place + 1.0, np.inf))
    known = np.bincount(which, np.isfinite(gain), len(starts)) > 0
    reciprocal, hit = 1 / first, (first <= depth).astype(np.float64)
    figures = (np.ones(len(starts)), ndcg, ndcg**2, reciprocal, reciprocal**2, hit)
    return starts[known], {name: x[known] for name, x in zip(CELLS, figures, strict=True)}
