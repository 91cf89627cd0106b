"""Roles that no well-known name gives, told by what the values do: a version, a decision, the truth.

Each is a guess and says so in its note. A role that is taken stays as it is.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.runbook.content import is_text
from fireline.runbook.looks import NO_TIME, Look, floats, instants
from fireline.runbook.names import ERROR_WORDS, FLAG_WORDS
from fireline.runbook.sorting import FITS, Sorting, is_time
from fireline.runbook.spoken import (
    ANSWER_WORDS,
    BEFORE_WORDS,
    DISLIKED_WORDS,
    FEEDBACK_WORDS,
    LABEL_WORDS,
    LIKED_WORDS,
    NO_MODEL_WORDS,
    VERSION_WORDS,
)

FEWEST = 30
FEW_ANSWERS = 10
CONSISTENT = 0.999
LATER = 0.99
AGREES = 0.6
A_MINUTE = 60_000_000


def guess_version(sorting: Sorting) -> None:
    """A version by its name and values."""
    versions = [
        one for one in sorting.left()
        if _is_version(one) and not NO_MODEL_WORDS.intersection(one.words) and FITS["version"](one)
    ]  # fmt: skip
    if "version" not in sorting.taken and len(versions) == 1:
        sorting.take("version", versions[0], f"a guess by its name; {versions[0].describe()}")


def guess_status(sorting: Sorting) -> None:
    """How the answer went: a column whose every value is a word for that, good and bad ones among them."""
    if "status" in sorting.taken:
        return
    for look in sorting.left():
        said = {value.lower() for value in look.values}
        if (
            look.kind == "text"
            and said & ERROR_WORDS
            and said & WENT_WELL
            and said <= ERROR_WORDS | WENT_WELL
        ):
            sorting.take("status", look, f"a guess: its values say how the answer went; {look.describe()}")
            return


WENT_WELL = frozenset(
    ("ok", "success", "succeeded", "stop", "length", "tool_calls", "done", "complete", "completed")
)


def _is_version(look: Look) -> bool:
    """A name that ends in version; or in build, llm, net ..., where every value is a name with a number."""
    end = look.words[-1] if look.words else ""
    if end == "version":
        return True
    numbered = bool(look.values) and all(re.search(r"[a-zA-Z].*\d|\d+\.\d", value) for value in look.values)
    return look.kind == "text" and end in VERSION_WORDS and numbered


def guess_decision(sorting: Sorting, table: pa.Table) -> None:
    """The prediction: what says yes where the score lies beyond one line, and no elsewhere."""
    score = sorting.taken.get("score")
    if "prediction" in sorting.taken or score is None or not sorting.looks[score].is_share:
        return
    scores = floats(table.column(score)).to_numpy()
    for look in sorting.left():
        if not look.is_truth or look.distinct != 2 or FLAG_WORDS.intersection(look.words):
            continue
        line = _line(scores, _yes(table.column(look.name), look))
        if line is not None:
            says = f"a guess: it says yes just where `{score}` is {line}"
            sorting.take("prediction", look, says)
            return


def _yes(column: pa.ChunkedArray, look: Look) -> np.ndarray:
    """1 where a two-valued column says its later value (of 0 and 1, no and yes), 0 elsewhere, NaN unknown."""
    text = column.cast(pa.string())
    high = max(look.values, key=lambda value: (value.lower() in ("1", "true", "yes", "y", "t", "ja"), value))
    return np.asarray(pc.cast(pc.equal(text, high), pa.float64()).to_numpy())


def _line(scores: np.ndarray, yes: np.ndarray) -> str | None:
    """Which side of which score says yes, in words; None where no line parts yes from no."""
    known = np.isfinite(scores) & np.isfinite(yes)
    ups, downs = scores[known & (yes > 0)], scores[known & (yes == 0)]
    if min(len(ups), len(downs)) < FEW_ANSWERS:
        return None
    for above, low, high in (("at least", downs, ups), ("at most", ups, downs)):
        line = float(np.quantile(high, 1 - CONSISTENT))
        if (low < line).mean() >= CONSISTENT:
            return f"{above} {line:.3g}" if above == "at least" else f"below {line:.3g}"
    return None


def guess_truth(sorting: Sorting, table: pa.Table) -> None:
    """The label: classes as those predicted, clicks under a click model, thumbs under a chat."""
    if "label" in sorting.taken:
        return
    found = _same_classes(sorting, table) or _clicks(sorting) or _feedback(sorting, table)
    if found is not None:
        sorting.take("label", *found)


def _same_classes(sorting: Sorting, table: pa.Table) -> tuple[Look, str] | None:
    prediction = sorting.looks.get(sorting.taken.get("prediction", ""))
    if (
        prediction is None
        or prediction.kind != "text"
        or not 2 <= prediction.distinct <= len(prediction.values)
    ):
        return None
    for look in sorting.left():
        if (
            look.kind != "text"
            or not 2 <= look.distinct <= len(look.values)
            or BEFORE_WORDS & set(look.words)
        ):
            continue
        if set(look.values) <= set(prediction.values) and (
            LABEL_WORDS & set(look.words) or _agree(table, look, prediction) >= AGREES
        ):
            return look, f"a guess: its values are those of `{prediction.name}`; {look.describe()}"
    return None


def _agree(table: pa.Table, one: Look, other: Look) -> float:
    """Share of rows in which both columns say the same, of those in which both say something; 0 for two
    classes, where agreeing is too easy."""
    if other.distinct <= 2:
        return 0.0
    return float(pc.mean(pc.equal(table.column(one.name), table.column(other.name))).as_py() or 0.0)


def _clicks(sorting: Sorting) -> tuple[Look, str] | None:
    score = sorting.looks.get(sorting.taken.get("score", ""))
    if score is None or not score.is_share:
        return None
    for look in sorting.left():
        if look.plain in CLICKS and look.is_truth and look.distinct == 2:
            return look, f"a guess: it is what `{score.name}` could foretell; {look.describe()}"
    return None


CLICKS = frozenset((
    "clicked", "click", "is_click", "converted", "conversion", "is_conversion", "purchased", "purchase",
    "geklickt", "gekauft", "clique",
))  # fmt: skip


def _feedback(sorting: Sorting, table: pa.Table) -> tuple[Look, str] | None:
    """What people said of an answer in prose."""
    if {"score", "prediction"} & set(sorting.taken):
        return None
    left = sorting.left()
    if not any(ANSWER_WORDS & set(one.words) and is_text(one, table.column(one.name)) for one in left):
        return None
    for look in left:
        liked = {value.lower() for value in look.values} <= {
            *LIKED_WORDS,
            *DISLIKED_WORDS,
        } and look.distinct == 2
        if (look.is_truth or liked) and FEEDBACK_WORDS.intersection(look.words):
            return look, f"a guess: its name says whether the answer was liked; {look.describe()}"
    return None


def guess_label_time(sorting: Sorting, table: pa.Table) -> None:
    """When the truth became known: the only other time, where it lies after the request of nearly every
    label."""
    label, time = sorting.taken.get("label"), sorting.taken.get("time")
    if label is None or time is None or "label_time" in sorting.taken or label not in table.column_names:
        return
    times = [look for look in sorting.left() if is_time(look)]
    if len(times) != 1:
        return
    asked, came = instants(table.column(time)), instants(table.column(times[0].name))
    labelled = table.column(label).is_valid().to_numpy(zero_copy_only=False) & (asked != NO_TIME)
    delay = np.where(came == NO_TIME, -1, came - asked)[labelled]
    if len(delay) >= FEWEST and (delay >= 0).mean() >= LATER and np.median(delay) >= A_MINUTE:
        sorting.take("label_time", times[0], "a guess: the only other time, and it lies after the request")
