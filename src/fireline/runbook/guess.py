"""Roles that no well-known name gives: what was foretold, what came true, what a ranking was worth."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.runbook.leaks import auc
from fireline.runbook.looks import Look, floats, is_epoch
from fireline.runbook.names import CLASS_SCORE_PREFIXES, FLAG_WORDS, ID_WORDS, NAMES
from fireline.runbook.pairs import known_since
from fireline.runbook.sorting import FITS, SAID, Sorting, because_named, is_time
from fireline.runbook.spoken import (
    ACTUAL_WORDS,
    BEFORE_WORDS,
    LABEL_NAMES,
    PREDICTED_WORDS,
    RELEVANCE_NAMES,
    VALUE_NAMES,
)

FORETOLD = 0.7
LEAST_LABELS = 200
SCORE_ENDS = ("score", "probability", "proba", "prob", "probabilities")


def guess_answers(sorting: Sorting, own_label: bool = False) -> None:
    """The prediction, and the label unless it lies in a log of its own, by parts of their names."""
    if "prediction" not in sorting.taken:
        found = _with_words(sorting, PREDICTED_WORDS)
        if found is not None:
            share = found.is_share and found.distinct > 2
            role = "score" if share and "score" not in sorting.taken else "prediction"
            sorting.take(role, found, f"a guess: its name says what was foretold; {found.describe()}")
    if "label" not in sorting.taken and not own_label:
        _guess_label(sorting)


def _guess_label(sorting: Sorting) -> None:
    named = [
        one
        for one in sorting.left()
        if one.plain in LABEL_NAMES and one.distinct <= 2 and one.kind != "nested"
    ]
    if named:
        sorting.take(
            "label", named[0], f"a guess: its name is what models are asked for; {named[0].describe()}"
        )
        return
    if "y" in sorting.looks and "x" not in sorting.looks:  # beside an x it is a coordinate
        sorting.take("label", sorting.looks["y"], "a guess: `y` is what textbooks call the truth")
        return
    if not {"score", "prediction"} & set(sorting.taken):
        return
    found = _with_words(sorting, ACTUAL_WORDS, ("ist",)) or next(
        (one for one in sorting.left() if one.plain in VALUE_NAMES and one.numeric), None
    )
    if found is not None:
        sorting.take("label", found, f"a guess: its name says what came true; {found.describe()}")


def _with_words(sorting: Sorting, words: frozenset[str], *ends: tuple[str]) -> Look | None:
    """The column with one of ``words`` in its name, or one of ``ends`` at its end.

    Of several the one that is most like the other answer's name.
    """
    answers = [sorting.taken.get(role, "") for role in ("prediction", "label", "score")]
    other = {word for name in answers if name in sorting.looks for word in sorting.looks[name].words}
    found = [
        look for look in sorting.left()
        if (words.intersection(look.words) or look.words[-1:] in ends)
        and look.kind in ("number", "integer", "bool", "text")
        and not is_epoch(look)
        and not {"id", "time", "at", "version", "model", "ms", "delivery"}.intersection(look.words)
        and not BEFORE_WORDS.intersection(look.words) and look.distinct > 1
        and not ID_WORDS.intersection(look.words[-1:])
    ]  # fmt: skip
    return max(found, key=lambda look: len(other.intersection(look.words)), default=None)


def guess_relevance(sorting: Sorting) -> None:
    """In a ranking, what is known of an item afterwards is the label: its grade, else whether it was
    clicked."""
    if "rank" not in sorting.taken or "label" in sorting.taken:
        return
    outcome = sorting.taken.get("outcome")
    for name in RELEVANCE_NAMES:
        for look in sorting.looks.values():
            if look.plain != name or not (look.numeric or look.is_truth):
                continue
            if look.name == outcome and sorting.notes.get(look.name) != SAID:
                del sorting.taken["outcome"]
            elif look.name in sorting.taken.values():
                continue
            why = f"because of its name: it says what a shown item was worth; {look.describe()}"
            sorting.take("label", look, why)
            return


def suspect_label(table: pa.Table, sorting: Sorting) -> None:
    """Without a label, leave out what the score foretells: it may be the label under a name of its own.

    An outcome of two values that the score foretells is the label.
    """
    score = sorting.taken.get("score")
    if "label" in sorting.taken or score is None:
        return
    outcome = sorting.taken.get("outcome", "")
    scores = floats(table.column(score)).to_numpy()
    for look in [*sorting.left(), *([sorting.looks[outcome]] if outcome in sorting.looks else [])]:
        if look.kind not in ("bool", "integer") or look.distinct != 2 or FLAG_WORDS.intersection(look.words):
            continue
        found = _foretells(scores, table.column(look.name), look.values[-1])
        if found < FORETOLD:
            continue
        how = f"the score foretells it (AUC {found:.2f})"
        known = known_since(sorting, table, look)
        if look.name == outcome or known is not None:
            if look.name == outcome:
                sorting.give_back("outcome")
            since = f", and `{known.name}` says when it became known" if known is not None else ""
            sorting.take("label", look, f"a guess: {how}{since}; {look.describe()}")
            if known is not None and "label_time" not in sorting.taken:
                sorting.take("label_time", known, f"a guess: it is there just where `{look.name}` is, later")
            return
        sorting.notes[look.name] = f"{how}: if it is the label, say so with --column label={look.name}"


def _foretells(scores: np.ndarray, column: pa.ChunkedArray, value: str) -> float:
    """How well ``scores`` [n] tell where ``column`` says ``value``: an AUC from 0.5 to 1, 0 with too few
    rows."""
    truth = pc.cast(pc.equal(column.cast(pa.string()), value), pa.float64()).to_numpy()
    known = np.isfinite(scores) & np.isfinite(truth)
    found = auc(scores[known], truth[known] > 0.5) if known.sum() >= LEAST_LABELS else None
    return max(found, 1 - found) if found is not None else 0.0


def class_scores(sorting: Sorting, table: pa.Table) -> dict[str, str]:
    """Columns score_CLASS, CLASS_score or scores.CLASS that are shares and add up to 1 in a row."""
    shares = [look for look in sorting.left() if look.is_share and len(look.words) > 1]
    found: list[dict[str, str]] = []
    for prefix in CLASS_SCORE_PREFIXES:
        parts = tuple(prefix.split("_"))
        fitting = [
            look for look in shares if look.words[: len(parts)] == parts and len(look.words) > len(parts)
        ]
        found.append({"_".join(look.words[len(parts) :]): look.name for look in fitting})
    for end in SCORE_ENDS:
        fitting = [look for look in shares if look.words[-1] == end]
        found.append({"_".join(look.words[:-1]): look.name for look in fitting})
    for one in found:
        if len(one) >= 2 and _add_up(table, list(one.values())):
            for name in one.values():
                sorting.notes[name] = "because these shares add up to 1 in every row"
            return one
    return {}


def _add_up(table: pa.Table, names: list[str]) -> bool:
    sums = np.sum([floats(table.column(name)).to_numpy() for name in names], axis=0)
    return bool(np.isfinite(sums).any() and abs(np.nanmedian(sums) - 1) < 0.02)


def label_log(sorting: Sorting, own: Sorting) -> None:
    """The label and its time, from a log of their own; ``own`` holds its columns."""
    request_id = sorting.taken.get("request_id")
    names = {"label": NAMES["label"], "label_time": (*NAMES["label_time"], *NAMES["time"])}
    for role, choices in names.items():
        if role in sorting.taken and sorting.taken[role] in own.looks:
            continue
        by_plain = {look.plain: look for look in own.left() if look.name != request_id}
        found = next((by_plain[n] for n in choices if n in by_plain and FITS[role](by_plain[n])), None)
        if found is None:
            found = _only(role, own, sorting)
        if found is not None:
            own.take(role, found)
            sorting.taken[role] = found.name
            sorting.notes.setdefault(found.name, f"in the label log; {because_named(found)}")


def _only(role: str, own: Sorting, events: Sorting) -> Look | None:
    """The one column of a label log that can be ``role``. What the ``events`` have too joins the two."""
    if role == "label_time":
        return next((look for look in own.left() if is_time(look)), None)
    request_id = events.taken.get("request_id")
    rest = [look for look in own.left() if look.name != request_id and look.kind not in ("time", "nested")]
    rest = [look for look in rest if look.plain not in NAMES["request_id"]]
    named = [look for look in rest if look.plain in LABEL_NAMES]
    fresh = [look for look in rest if look.name not in events.looks]
    alone = next((found[0] for found in (rest, fresh) if len(found) == 1), None)
    return named[0] if named else alone
