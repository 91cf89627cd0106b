"""Which column of a log plays which part, told from names and values; and what kind of task it serves.

Pure: works on a sample in memory. Unknown columns are features, unless they are ids, free text, other
times, or know the future.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.errors import InputError
from fireline.runbook.leaks import auc, tells_label
from fireline.runbook.looks import Look, floats, is_epoch, look_at, typed
from fireline.runbook.names import (
    CLASS_SCORE_PREFIXES,
    CODE_WORDS,
    FLAG_WORDS,
    GROUP_NAMES,
    ID_WORDS,
    NAMES,
    SECONDS_WORDS,
)
from fireline.runbook.schema import Columns, FeatureKind, Task

MAX_SEGMENTS = 8
MAX_SEGMENT_VALUES = 50
MAX_CATEGORIES = 1_000
LONG_TEXT = 60
FORETOLD = 0.7
LEAST_LABELS = 200
SAID = "as you said"
RESERVED = frozenset({"time", "version", "shadow", "weight", "score", "prediction", "error", "row", "late"})
"""Columns that Fireline adds where a log has none: a feature of such a name would be mistaken for them."""
Notes = dict[str, str]


def _any(look: Look) -> bool:
    return look.kind != "nested"


FITS: dict[str, Callable[[Look], bool]] = {
    "time": lambda look: look.kind == "time" or is_epoch(look),
    "label_time": lambda look: look.kind in ("time", "empty") or is_epoch(look),
    "request_id": lambda look: look.kind in ("text", "integer") and look.distinct > 0.3 * look.known,
    "version": lambda look: look.kind in ("text", "integer", "number") and look.distinct <= 200,
    "service": lambda look: look.kind == "text" and look.distinct <= 200,
    "shadow": lambda look: look.is_truth,
    "weight": lambda look: look.numeric and look.low > 0,
    "score": lambda look: look.numeric and (look.is_share or len(look.name) > 1),
    "label": lambda look: look.kind not in ("nested", "time") and (look.distinct <= 2 or len(look.name) > 1),
    "latency_ms": lambda look: look.numeric and look.low >= 0 and not SECONDS_WORDS.intersection(look.words),
    "status": lambda look: look.kind in ("text", "integer") and look.distinct <= 100,
    "outcome": lambda look: look.numeric or look.is_truth,
    "arm": lambda look: look.kind == "text" and 2 <= look.distinct <= 20,
    "rank": lambda look: look.kind == "integer",
    "host": lambda look: look.kind == "text",
    "source": lambda look: look.kind == "text",
    "rung": lambda look: look.kind == "text" and look.distinct <= 20,
}


@dataclass
class _Sorting:
    """Columns being sorted into roles: what is taken, what is left, what to say about each."""

    looks: Mapping[str, Look]
    taken: dict[str, str] = field(default_factory=dict)
    notes: Notes = field(default_factory=dict)

    def left(self) -> list[Look]:
        used = set(self.taken.values())
        return [look for look in self.looks.values() if look.name not in used]

    def take(self, role: str, look: Look, note: str = "") -> None:
        self.taken[role] = look.name
        if note:
            self.notes[look.name] = note


def infer_columns(
    table: pa.Table, labels: pa.Table | None = None, roles: Mapping[str, str] | None = None
) -> tuple[Columns, Notes]:
    """The columns of ``table`` (and of a label log of its own) by role, and a note for each column.

    ``roles`` (role -> column) are what a person said; they are not questioned. Raises InputError when there
    is no column of times, or a column said is not there.
    """
    table = typed(table)
    sorting = _Sorting(look_at(table))
    _say(sorting, roles or {})
    _by_name(sorting)
    _find_time(sorting)
    class_scores = _class_scores(sorting, table)
    if labels is not None:
        _label_log(sorting, labels)
    _drop_halves(sorting)
    found: dict[str, Any] = {"flags": [], "groups": [], "segments": [], "features": {}, "ignore": []}
    label = _label_values(table, sorting)
    _suspect_label(table, sorting)
    for look in sorting.left():
        if look.name not in class_scores.values():
            _place(look, table, label, found, sorting)
    _limit_segments(found, sorting)
    columns = Columns(class_scores=class_scores, **sorting.taken, **found)
    return columns, sorting.notes


def find_time(table: pa.Table) -> str:
    """The column of times, going by names and by the first rows. Raises InputError when there is none."""
    sorting = _Sorting(look_at(table.slice(0, 2_000)))
    _by_name(sorting)
    _find_time(sorting)
    return sorting.taken["time"]


def _say(sorting: _Sorting, roles: Mapping[str, str]) -> None:
    known = [name for name, one in Columns.model_fields.items() if one.annotation in (str, str | None)]
    for role, column in roles.items():
        if role not in known:
            raise InputError(f"there is no role {role}", todo=f"the roles are {', '.join(known)}")
        if column not in sorting.looks:
            has = ", ".join(sorting.looks)
            raise InputError(f"the log has no column {column} for the role {role}", todo=f"it has {has}")
        sorting.take(role, sorting.looks[column], SAID)


def _by_name(sorting: _Sorting) -> None:
    for role, names in NAMES.items():
        if role in sorting.taken:
            continue
        by_plain = {look.plain: look for look in reversed(sorting.left())}
        fits = FITS.get(role, _any)
        found = next((by_plain[n] for n in names if n in by_plain and fits(by_plain[n])), None)
        if found is not None:
            sorting.take(role, found)
        elif role == "score":
            _guess_score(sorting)
        elif role == "latency_ms":
            _note_seconds(sorting)


def _guess_score(sorting: _Sorting) -> None:
    ends = ("score", "probability", "proba", "prob")
    found = [look for look in sorting.left() if look.words and look.words[-1] in ends and look.is_share]
    if len(found) == 1 and not found[0].is_truth:
        sorting.take("score", found[0], "a guess: the only share whose name ends like a score")


def _note_seconds(sorting: _Sorting) -> None:
    for look in sorting.left():
        words = set(look.words)
        if words & {"latency", "duration", "elapsed", "took"} and words & SECONDS_WORDS:
            sorting.notes[look.name] = (
                "looks like a latency that is not in milliseconds: log milliseconds to have it watched"
            )


def _find_time(sorting: _Sorting) -> None:
    if "time" in sorting.taken:
        return
    times = [look for look in sorting.left() if look.kind == "time"]
    if not times:
        has = ", ".join(f"{look.name} ({look.kind})" for look in sorting.looks.values())
        raise InputError(
            "no column of the log looks like a time",
            todo=f"say which one it is with --column time=NAME; the log has {has}",
        )
    best = max(times, key=lambda look: look.distinct)
    sorting.take("time", best, "a guess: the column of times with the most different values")


def _drop_halves(sorting: _Sorting) -> None:
    """Roles that mean nothing alone go back: a rank without a query, a label time without a label."""
    taken = sorting.taken
    alone: list[str] = []
    if not ("rank" in taken and ("query" in taken or "item" in taken)):
        alone += ["query", "item", "rank"]
    if "label" not in taken:
        alone.append("label_time")
    for role in alone:
        if sorting.notes.get(taken.get(role, "")) != SAID:
            taken.pop(role, None)


def _class_scores(sorting: _Sorting, table: pa.Table) -> dict[str, str]:
    """Columns score_CLASS under one prefix that are shares and add up to 1."""
    for prefix in CLASS_SCORE_PREFIXES:
        parts = tuple(prefix.split("_"))
        found = {
            "_".join(look.words[len(parts) :]): look.name
            for look in sorting.left()
            if look.words[: len(parts)] == parts and len(look.words) > len(parts) and look.is_share
        }
        if len(found) >= 2:
            sums = np.sum([floats(table.column(n)).to_numpy() for n in found.values()], axis=0)
            if abs(np.nanmedian(sums) - 1) < 0.02:
                return found
    return {}


def _label_log(sorting: _Sorting, labels: pa.Table) -> None:
    """The label and its time, from a log of their own."""
    own = _Sorting(look_at(labels))
    request_id = sorting.taken.get("request_id")
    names = {"label": NAMES["label"], "label_time": (*NAMES["label_time"], *NAMES["time"])}
    for role, choices in names.items():
        if role in sorting.taken and sorting.taken[role] in own.looks:
            continue
        by_plain = {look.plain: look for look in own.left() if look.name != request_id}
        fits = FITS.get(role, _any)
        found = next((by_plain[n] for n in choices if n in by_plain and fits(by_plain[n])), None)
        if found is None and role == "label_time":
            found = next((look for look in own.left() if look.kind == "time"), None)
        if found is None and role == "label":
            rest = [
                look for look in own.left() if look.name != request_id and look.kind not in ("time", "nested")
            ]
            rest = [look for look in rest if look.plain not in NAMES["request_id"]]
            found = rest[0] if len(rest) == 1 else None
        if found is not None:
            own.take(role, found)
            sorting.taken[role] = found.name
            sorting.notes.setdefault(found.name, "in the label log")


def _label_values(table: pa.Table, sorting: _Sorting) -> np.ndarray[Any, Any] | None:
    """The in-row label as 0/1 [n] with NaN where unknown, when it has two values."""
    name = sorting.taken.get("label")
    if name is None or name not in table.column_names:
        return None
    look = sorting.looks[name]
    if look.distinct != 2:
        return None
    text = table.column(name).cast(pa.string())
    first = pc.equal(text, pc.unique(text.drop_null())[0])
    found: np.ndarray[Any, Any] = pc.cast(first, pa.float64()).to_numpy()
    return found


def _suspect_label(table: pa.Table, sorting: _Sorting) -> None:
    """Without a label, leave out what the score foretells: it may be the label under a name of its own."""
    score = sorting.taken.get("score")
    if "label" in sorting.taken or score is None:
        return
    scores = floats(table.column(score)).to_numpy()
    for look in sorting.left():
        if look.kind not in ("bool", "integer") or look.distinct != 2 or FLAG_WORDS.intersection(look.words):
            continue
        text = table.column(look.name).cast(pa.string())
        truth = pc.cast(pc.equal(text, look.values[-1]), pa.float64()).to_numpy()
        known = np.isfinite(scores) & np.isfinite(truth)
        found = auc(scores[known], truth[known] > 0.5) if known.sum() >= LEAST_LABELS else None
        if found is not None and max(found, 1 - found) >= FORETOLD:
            how = f"the score foretells it (AUC {max(found, 1 - found):.2f})"
            sorting.notes[look.name] = f"{how}: if it is the label, say so with --column label={look.name}"


def _place(
    look: Look, table: pa.Table, label: np.ndarray[Any, Any] | None, found: dict[str, Any], sorting: _Sorting
) -> None:
    """Find the room of one column that no role claimed."""
    notes, taken = sorting.notes, sorting.taken
    reason = notes.get(look.name) or _no_feature(look)
    if look.name in taken or look.name in RESERVED:
        reason = (
            f"Fireline has a column `{look.name}` of its own: give it another name in the log to have "
            f"it watched"
        )
    if not reason and label is not None and look.numeric and tells_label(table.column(look.name), label):
        reason = "tells the label almost perfectly: it looks like something known only afterwards"
    if reason:
        found["ignore"].append(look.name)
        notes[look.name] = reason
        return
    notes[look.name] = look.describe()
    if look.is_truth and FLAG_WORDS.intersection(look.words):
        found["flags"].append(look.name)
        return
    kind = feature_kind(look)
    found["features"][look.name] = kind
    if look.plain in GROUP_NAMES and 2 <= look.distinct <= MAX_SEGMENT_VALUES:
        found["groups"].append(look.name)
    if look.kind == "text" and 2 <= look.distinct <= MAX_SEGMENT_VALUES:
        found["segments"].append(look.name)


def _no_feature(look: Look) -> str:
    """Why a column is no feature; empty when it is one."""
    words = set(look.words)
    if look.kind == "empty":
        return "always empty so far"
    if look.kind == "nested":
        return "nested: log its parts as columns of their own to have them watched"
    if look.kind == "time":
        return "another time"
    if look.plain in NAMES["label"] or look.plain in NAMES["outcome"]:
        return "known only afterwards"
    if look.kind == "text" and look.length > LONG_TEXT:
        return "free text"
    if look.kind == "text" and look.distinct > max(MAX_SEGMENT_VALUES, 0.5 * look.known):
        return f"{look.distinct:,} values in {look.known:,} rows: an id or free text"
    if look.kind == "text" and look.distinct > MAX_CATEGORIES:
        return f"{look.distinct:,} values: more an id than a category"
    if look.kind == "integer" and words & ID_WORDS and look.distinct > MAX_SEGMENT_VALUES:
        return f"{look.distinct:,} numbers that are names: an id"
    return ""


def feature_kind(look: Look) -> FeatureKind:
    """Numbers are numeric unless they are codes; everything else is categorical."""
    if not look.numeric or look.plain in GROUP_NAMES:
        return "categorical"
    coded = look.kind == "integer" and CODE_WORDS.intersection(look.words) and look.distinct <= MAX_CATEGORIES
    return "categorical" if coded else "numeric"


def _limit_segments(found: dict[str, Any], sorting: _Sorting) -> None:
    """Watch at most eight segment columns, those with the fewest values: each value is a scope of its own."""
    ranked = sorted(found["segments"], key=lambda name: (sorting.looks[name].distinct, name))
    for name in ranked[MAX_SEGMENTS:]:
        sorting.notes[name] += f"; not a segment, {MAX_SEGMENTS} others have fewer values"
    keep = set(ranked[:MAX_SEGMENTS])
    found["segments"] = [name for name in found["segments"] if name in keep]


def infer_task(table: pa.Table, columns: Columns, labels: pa.Table | None = None) -> tuple[Task, str]:
    """What kind of task the log's answers and labels belong to, and the sentence why."""
    looks = look_at(table.select([n for n in columns.roles().values() if n in table.column_names]))
    if columns.rank and (columns.query or columns.item):
        return "ranking", f"`{columns.rank}` is a position in a list"
    if len(columns.class_scores) > 2:
        return "multiclass", f"{len(columns.class_scores)} classes have a score each"
    source = labels if labels is not None and columns.label in labels.column_names else table
    if columns.label is not None and columns.label in source.column_names:
        label = look_at(source.select([columns.label]))[columns.label]
        if label.distinct:
            return _task_of(label, "label")
    prediction = looks.get(columns.prediction or "")
    if prediction is not None and prediction.kind == "text" and prediction.length > LONG_TEXT / 2:
        return "llm", "the answers are free text"
    if columns.score and looks[columns.score].is_share:
        return "binary", f"`{columns.score}` lies between 0 and 1"
    if prediction is not None and prediction.distinct > 1:
        return _task_of(prediction, "prediction")
    if {"refusal", "refused", "toxic", "jailbreak", "injection"} & {
        w for f in columns.flags for w in f.split("_")
    }:
        return "llm", "answers are flagged as a language model's are"
    return "unknown", "neither labels nor answers tell"


def _task_of(look: Look, role: str) -> tuple[Task, str]:
    if look.distinct <= 2:
        return (
            "binary",
            f"the {role} has {look.distinct} value{'s' if look.distinct > 1 else ''}: "
            f"{', '.join(look.values)}",
        )
    if look.kind == "number" or (look.kind == "integer" and look.distinct > 30):
        return "regression", f"the {role} is a number, {look.describe()}"
    if look.length > LONG_TEXT / 2:
        return "llm", f"the {role} is free text"
    return "multiclass", f"the {role} has {look.distinct} values"
