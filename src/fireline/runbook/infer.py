"""Which column of a log plays which part, told from names and values.

Pure: works on a sample in memory. Unknown columns are features, unless they are ids, prose, other times, the
calendar, or know the future. Each column gets a note that says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.runbook import afterwards
from fireline.runbook.by_values import (
    guess_decision,
    guess_label_time,
    guess_status,
    guess_truth,
    guess_version,
)
from fireline.runbook.chat import guess_chat, is_refusal
from fireline.runbook.content import embedding_length, is_text, of_the_model
from fireline.runbook.guess import class_scores, guess_answers, guess_relevance, label_log, suspect_label
from fireline.runbook.ids import guess_request_id
from fireline.runbook.looks import NO_TIME, Look, floats, instants, look_at, typed
from fireline.runbook.names import CODE_WORDS, FLAG_WORDS, GROUP_NAMES, ID_WORDS, PLACE_NAMES
from fireline.runbook.pairs import guess_foretold, guess_ranking_score
from fireline.runbook.schema import Columns, FeatureKind
from fireline.runbook.sorting import SAID, Notes, Sorting, by_name, find_time_column, is_time, say
from fireline.runbook.spoken import (
    ANSWER_WORDS,
    PREDICTED_WORDS,
    SHARE_NAMES,
    SUCCESS_NAMES,
)

SKEW, LATENESS = 60.0, 300.0
"""Seconds: what a clock may be ahead, and what a server waits for a row unless a runbook says otherwise."""
FEW_LATE = 0.05
MAX_SEGMENTS = 8
MAX_SEGMENT_VALUES = 50
MAX_CATEGORIES = 1_000
LONG_TEXT = 60
RESERVED = frozenset({"time", "version", "shadow", "weight", "score", "prediction", "error", "row", "late"})
"""Columns that Fireline adds where a log has none: a feature of such a name would be mistaken for them."""
ANSWERS = ("score", "prediction")


def infer_columns(
    table: pa.Table,
    labels: pa.Table | None = None,
    roles: Mapping[str, str] | None = None,
    time: str | None = None,
    consecutive: pa.Table | None = None,
) -> tuple[Columns, Notes]:
    """The columns of ``table`` (and of a label log of its own) by role, and a note for each column.

    ``roles`` (role -> column) are what a person said; they are not questioned. ``time`` is the column of
    times where it was found already; ``consecutive`` are rows that follow each other, where ``table`` is
    thinned. Raises InputError when there
    is no column of times, or a column said is not there.
    """
    table = typed(table)
    sorting = Sorting(look_at(table))
    say(sorting, roles or {})
    by_name(sorting)
    _time(sorting, time)
    _late_arrivals(sorting, table)
    scores = class_scores(sorting, table)
    if labels is not None:
        label_log(sorting, Sorting(look_at(typed(labels))))
    _free_prose(sorting, table)
    guess_answers(sorting, own_label=labels is not None)
    if labels is None:
        guess_foretold(sorting, table)
    guess_ranking_score(sorting)
    guess_relevance(sorting)
    guess_decision(sorting, table)
    if labels is None:
        guess_truth(sorting, table)
        guess_label_time(sorting, table)
    _drop_halves(sorting)
    guess_request_id(sorting, table, consecutive)
    guess_version(sorting)
    guess_chat(sorting, table)
    guess_status(sorting)
    suspect_label(table, sorting)
    if labels is None:
        guess_label_time(sorting, table)  # of the label just found
    _no_probability(sorting)
    label = _label_values(table, sorting)
    found: dict[str, Any] = {
        "flags": [], "groups": [], "segments": [], "features": {}, "ignore": [], "texts": [], "answers": [],
        "embeddings": [],
    }  # fmt: skip
    left = [look for look in sorting.left() if look.name not in scores.values()]
    reasons = _reasons(left, table, label, sorting)
    for look in left:
        _place(look, table, reasons.get(look.name, ""), found, sorting)
    _limit_segments(found, sorting)
    columns = Columns(
        class_scores=scores,
        latency_unit=sorting.unit,
        **sorting.taken,
        **found,
    )
    return columns, sorting.notes


def _time(sorting: Sorting, found: str | None) -> None:
    """Give the role of the time, to ``found`` where the log was read by it."""
    find_time_column(sorting)
    if found is not None and sorting.taken["time"] != found and sorting.notes.get(found) != SAID:
        sorting.take("time", sorting.looks[found], "the column of times of the first rows")


def find_time(table: pa.Table) -> str:
    """The column of times, going by names and by the first rows. Raises InputError when there is none."""
    sorting = Sorting(look_at(table.slice(0, 2_000)))
    by_name(sorting)
    find_time_column(sorting)
    return sorting.taken["time"]


def _free_prose(sorting: Sorting, table: pa.Table) -> None:
    """An answer in prose is a text, not a class: its role goes back."""
    for role in ("prediction", "label", "query", "source", "host", "item"):
        name = sorting.taken.get(role, "")
        if name in sorting.looks and is_text(sorting.looks[name], table.column(name)):
            sorting.give_back(role)


def _late_arrivals(sorting: Sorting, table: pa.Table) -> None:
    """A time of arrival goes back where rows usually arrive too late to be judged, or before they happened:
    a table that is filled by the day, or another time altogether."""
    names = sorting.taken.get("arrived", ""), sorting.taken["time"]
    if not set(names) <= set(table.column_names):
        return
    came, was = (instants(table.column(name)) for name in names)
    lag = ((came - was) / 1e6)[(came != NO_TIME) & (was != NO_TIME)]
    if not len(lag) or np.mean((lag < -SKEW) | (lag > LATENESS)) > FEW_LATE:
        usual = f"half of the rows {float(np.median(lag)):,.0f} s or more" if len(lag) else "never said"
        sorting.give_back(
            "arrived", f"after the time of the request ({usual}): map it to `arrived` if rows arrived then"
        )


def _drop_halves(sorting: Sorting) -> None:
    """Roles that mean nothing alone go back: a rank without a query, a label time without a label."""
    taken = sorting.taken
    if not ("rank" in taken and ("query" in taken or "item" in taken)):
        for role in ("query", "item", "rank"):
            sorting.give_back(role)
    if "label" not in taken:
        sorting.give_back("label_time")


def _no_probability(sorting: Sorting) -> None:
    """A score beyond 0 and 1 is no probability: where there are two classes it could not be judged as one."""
    score, label = sorting.looks.get(sorting.taken.get("score", "")), sorting.taken.get("label", "")
    if score is None or score.is_share or label not in sorting.looks or "rank" in sorting.taken:
        return
    if sorting.looks[label].distinct == 2:
        says = f"{score.describe()}: a score, and no probability; log it as 0 to 1 to have it watched"
        sorting.give_back("score", says)


def _label_values(table: pa.Table, sorting: Sorting) -> np.ndarray[Any, Any] | None:
    """The in-row label [n] with NaN where unknown: 0/1 when it has two values, else the number it is."""
    name = sorting.taken.get("label")
    if name is None or name not in table.column_names:
        return None
    look = sorting.looks[name]
    if look.distinct > 2 and look.numeric:
        return np.asarray(floats(table.column(name)).to_numpy())
    if look.distinct != 2:
        return None
    text = table.column(name).cast(pa.string())
    first = pc.equal(text, pc.unique(text.drop_null())[0])
    return np.asarray(pc.cast(first, pa.float64()).to_numpy())


def _reasons(
    looks: list[Look], table: pa.Table, label: np.ndarray[Any, Any] | None, sorting: Sorting
) -> dict[str, str]:
    """Why each column that is no feature is none: known afterwards, by name or by value, or the calendar."""
    after = {
        look.name: why for look in looks
        if not sorting.notes.get(look.name) and not _is_flag(look)
        and (why := afterwards.by_values(look, table, label) or afterwards.by_name(look, looks))
    }  # fmt: skip
    known_late = {**after, **({sorting.taken["label"]: ""} if "label" in sorting.taken else {})}
    rest = [look for look in looks if look.name not in after and not _is_flag(look)]
    answers = [sorting.taken[role] for role in ANSWERS if sorting.taken.get(role) in table.column_names]
    together = afterwards.missing_together(rest, table, known_late, answers)
    calendar = {
        look.name: why for look in rest if (why := afterwards.by_calendar(look, table, sorting.taken["time"]))
    }  # fmt: skip
    return {**calendar, **together, **after}


def _is_flag(look: Look) -> bool:
    return look.is_truth and bool(FLAG_WORDS.intersection(look.words))


def _place(look: Look, table: pa.Table, reason: str, found: dict[str, Any], sorting: Sorting) -> None:
    """Find the room of one column that no role claimed."""
    notes, column = sorting.notes, table.column(look.name)
    reason = notes.get(look.name) or reason
    if look.kind == "empty" and look.name not in sorting.taken and look.name not in RESERVED:
        return  # named nowhere: that it is filled one day is worth a ticket
    if look.name in sorting.taken or look.name in RESERVED:
        reason = (
            f"Fireline has a column `{look.name}` of its own: give it another name in the log to have "
            f"it watched"
        )
    if not reason and (length := embedding_length(column)):
        found["embeddings"].append(look.name)
        notes[look.name] = f"because every value is a list of {length} numbers"
        return
    if not reason and is_text(look, column):
        found["texts"].append(look.name)
        if ANSWER_WORDS.intersection(look.words):
            found["answers"].append(look.name)
        notes[look.name] = f"because it is prose, {look.length:,.0f} characters on average"
        return
    reason = reason or _no_feature(look)
    if reason:
        found["ignore"].append(look.name)
        notes[look.name] = reason
        return
    _watch(look, found, notes, flag=_is_flag(look) or is_refusal(look, sorting, table))


def _watch(look: Look, found: dict[str, Any], notes: Notes, flag: bool) -> None:
    """A flag, or a feature, which may be a group and a segment too."""
    notes[look.name] = look.describe()
    if flag:
        found["flags"].append(look.name)
        notes[look.name] = f"because it says yes or no to something bad; {look.describe()}"
        return
    kind = feature_kind(look)
    found["features"][look.name] = kind
    if kind == "categorical" and look.numeric:
        notes[look.name] = f"numbers that are names; {look.describe()}"
    if of_the_model(look):
        found["answers"].append(look.name)
        notes[look.name] += "; of the model itself, so an answer and no input"
    few = 2 <= look.distinct <= MAX_SEGMENT_VALUES
    if _is_group(look) and few:
        found["groups"].append(look.name)
    if few and (look.kind == "text" or (kind == "categorical" and look.kind == "integer")):
        found["segments"].append(look.name)


def _is_group(look: Look) -> bool:
    """Whether its name, or the end of it, is that of a group: `user_age_band`; a genre is a film's too."""
    return look.plain in GROUP_NAMES or any(
        look.plain.endswith(f"_{name}") for name in GROUP_NAMES - {"genre", "race", "sexe"}
    )


def _no_feature(look: Look) -> str:
    """Why a column is no feature; empty when it is one."""
    words = set(look.words)
    if not look.name.strip():
        return "it has no name: give it one in the log to have it watched"
    if look.kind == "nested":
        return "nested: log its parts as columns of their own to have them watched"
    if is_time(look):
        return "another time"
    if look.plain in SHARE_NAMES:
        return "the share of requests that is logged: log 1 / share and name it as `weight` where it varies"
    if look.plain in SUCCESS_NAMES and look.is_truth:
        return "says whether the answer went well: log it as a status (ok, error) to have it watched"
    if words & PREDICTED_WORDS and not words & ANSWER_WORDS - {"prediction"} and look.numeric:
        return "another thing the model said, no input"
    if look.kind == "text" and look.length > LONG_TEXT:
        return "free text"
    if look.kind == "text" and look.distinct > max(MAX_SEGMENT_VALUES, 0.5 * look.known):
        return f"{look.distinct:,} values in {look.known:,} rows: an id or free text"
    if look.kind == "text" and look.distinct > MAX_CATEGORIES:
        return f"{look.distinct:,} values: more an id than a category; who asked is the `source`"
    if look.kind == "text" and look.words[-1:] in (("id",), ("uuid",)) and look.distinct > MAX_SEGMENT_VALUES:
        return f"{look.distinct:,} values of an id"
    if look.kind == "integer" and words & ID_WORDS and look.distinct > MAX_SEGMENT_VALUES:
        return f"{look.distinct:,} numbers that are names: an id"
    return ""


def feature_kind(look: Look) -> FeatureKind:
    """Numbers are numeric unless they are codes; everything else is categorical."""
    if not look.numeric or _is_group(look):
        return "categorical"
    named = bool(CODE_WORDS.intersection(look.words)) or look.plain in PLACE_NAMES
    coded = look.kind == "integer" and named and look.distinct <= MAX_CATEGORIES
    return "categorical" if coded else "numeric"


def _limit_segments(found: dict[str, Any], sorting: Sorting) -> None:
    """Watch at most eight segment columns, those with the fewest values: each value is a scope of its own."""
    ranked = sorted(found["segments"], key=lambda name: (sorting.looks[name].distinct, name))
    for name in ranked[MAX_SEGMENTS:]:
        sorting.notes[name] += f"; not a segment, {MAX_SEGMENTS} others have fewer values"
    keep = set(ranked[:MAX_SEGMENTS])
    found["segments"] = [name for name in found["segments"] if name in keep]
