"""Roles told by two columns that belong together: a number foretold beside what came of it, a ranking's
score, a yes or no beside the time at which it became known.

Each is a guess and says so in its note. A role that is taken stays as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from fireline.runbook.leaks import rank_correlation
from fireline.runbook.looks import NO_TIME, Look, floats, instants
from fireline.runbook.names import ID_WORDS
from fireline.runbook.sorting import Sorting, is_time
from fireline.runbook.spoken import ACTUAL_WORDS, BEFORE_WORDS, VALUE_NAMES

Array = np.ndarray[Any, Any]
FEWEST = 100
RANKS_ALIKE = 0.6
NEAR = 0.5
"""A number foretold is usually wrong by less than half of what came of it."""
TOGETHER = 0.98
SCORE_ENDS = frozenset(("score", "punktzahl", "puntuacion", "relevanz"))


def guess_foretold(sorting: Sorting, table: pa.Table) -> None:
    """The number foretold and what came true, where only the latter's name says what it is: `actual_s`.

    The prediction is the number that ranks the rows as the truth does and lies nearest to it.
    """
    if {"prediction", "score", "label", "rank"} & set(sorting.taken):
        return
    truths = [
        look for look in sorting.left()
        if look.numeric and look.distinct > 2
        and (ACTUAL_WORDS.intersection(look.words) or look.plain in VALUE_NAMES)
        and not BEFORE_WORDS.intersection(look.words) and not ID_WORDS.intersection(look.words)
        and not is_time(look)
    ]  # fmt: skip
    if len(truths) != 1:
        return
    truth = truths[0]
    near = {
        look.name: (how, look) for look in sorting.left()
        if look.numeric and look.name != truth.name and not is_time(look)
        and not BEFORE_WORDS.intersection(look.words)
        and (how := _apart(table, look.name, truth.name)) is not None
    }  # fmt: skip
    if not near:
        return
    off, found = min(near.values(), key=lambda one: one[0])
    says = f"a guess: of all numbers it lies nearest to `{truth.name}` (half of them within {off:.0%})"
    sorting.take("prediction", found, f"{says}; {found.describe()}")
    sorting.take("label", truth, f"a guess: its name says what came true; {truth.describe()}")


def _apart(table: pa.Table, name: str, truth: str) -> float | None:
    """The median of |number - truth| / |truth|; None where they do not go together."""
    said, came = (floats(table.column(one)).to_numpy() for one in (name, truth))
    known = np.isfinite(said) & np.isfinite(came) & (came != 0)
    if known.sum() < FEWEST or rank_correlation(said[known], came[known]) < RANKS_ALIKE:
        return None
    off = float(np.median(np.abs(said[known] - came[known]) / np.abs(came[known])))
    return off if off <= NEAR else None


def guess_ranking_score(sorting: Sorting) -> None:
    """In a ranking the only number whose name ends like a score: it orders, and need be no probability."""
    if "rank" not in sorting.taken or "score" in sorting.taken:
        return
    found = [one for one in sorting.left() if one.numeric and one.words and one.words[-1] in SCORE_ENDS]
    if len(found) == 1:
        says = f"a guess: the only number of a ranking whose name ends like a score; {found[0].describe()}"
        sorting.take("score", found[0], says)


def known_since(sorting: Sorting, table: pa.Table, truth: Look) -> Look | None:
    """The time that is there just where ``truth`` is, and lies after the request: when it became known."""
    asked = instants(table.column(sorting.taken["time"]))
    there = table.column(truth.name).is_valid().to_numpy(zero_copy_only=False)
    for look in sorting.left():
        if not is_time(look):
            continue
        came = instants(table.column(look.name))
        timed = (came != NO_TIME) & (asked != NO_TIME)
        either = int((timed | there).sum())
        if either and (timed & there).sum() >= TOGETHER * either and (came - asked)[timed].min() >= 0:
            return look
    return None
