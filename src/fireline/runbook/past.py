"""What the reference shows: who served, how fast, how often it failed, how good it was, how late labels
came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import from_micros, iso, micros
from fireline.errors import InputError
from fireline.runbook.leaks import auc
from fireline.runbook.looks import NO_TIME, floats, instants
from fireline.runbook.names import ERROR_WORDS, POSITIVE_WORDS
from fireline.runbook.schema import Columns, Task
from fireline.runbook.spoken import LIKED_WORDS

LONGEST = timedelta(days=56)
AT_LEAST = 30
DAY = 86_400 * 1_000_000
READABLE = tuple(
    timedelta(minutes=m)
    for m in (1, 5, 15, 30, 60, 120, 180, 360, 720, 1080)
) + tuple(timedelta(days=d) for d in (1, 2, 3, 5, 7, 10, 14, 21, 28, 45, 60, 90, 120, 180, 365))  # fmt: skip
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Served:
    """One version's part in the reference; ``end_share`` is its share of the last week."""

    version: str
    rows: int
    first: datetime
    last: datetime
    end_share: float
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Past:
    """The reference in figures. Shares and quality are of live rows; None where nothing can be said."""

    since: datetime
    until: datetime
    rows: int
    versions: tuple[Served, ...]
    error_share: float | None
    latency_p95: float | None
    label_age: timedelta | None
    usual_share: float
    labelled: int
    positive: str | None
    quality: tuple[str, float] | None
    daily: tuple[float, ...] = ()
    """The same figure of each day: within a day a model ranks worse than over weeks that differ."""


def study(
    table: pa.Table,
    columns: Columns,
    until: datetime,
    task: Task,
    labels: pa.Table | None = None,
    timezone: str = "UTC",
) -> Past:
    """Read the reference off ``table``: what lies before ``until``, at most 56 days of it.

    Raises InputError when there is too little before ``until``.
    """
    times = instants(table.column(columns.time), timezone)
    since = _since(times, until)
    inside = (times >= micros(since)) & (times < micros(until)) & ~_shadow(table, columns)
    live, at = table.filter(pa.array(inside)), times[inside]
    truth = _Truth.of(live, columns, until, labels, timezone, at)
    age, share = _label_age(at, truth, until)
    positive = _positive(truth, task)
    score, figure = _answers(live, columns, task)
    judged = _Judge(task, positive, truth, score, figure)
    return Past(
        since=since,
        until=until,
        rows=live.num_rows,
        versions=_versions(live, columns, at, until, judged),
        error_share=_error_share(live, columns),
        latency_p95=_p95(live, columns),
        label_age=age,
        usual_share=share,
        labelled=int(truth.known.sum()),
        positive=positive,
        quality=judged.quality(np.ones(live.num_rows, dtype=bool)),
        daily=tuple(f[1] for day in np.unique(at // DAY) if (f := judged.quality(at // DAY == day))),
    )


def _since(times: Array, until: datetime) -> datetime:
    good = times[times != NO_TIME]
    before = good[good < micros(until)]
    if len(before) < AT_LEAST:
        begins = (
            f"the first is of {iso(from_micros(int(good.min())))}" if len(good) else "no time can be read"
        )
        says = f"only {len(before)} of the {len(times)} events read are from before {iso(until)}; {begins}"
        todo = "choose a later --until, or give a log that begins earlier"
        if len(before) == len(good):
            says = f"there are only {len(before)} events with a time: too few to say what is usual"
            todo = f"give a log of at least {AT_LEAST} events; two to four weeks are a good reference"
        raise InputError(says, todo=todo)
    first = from_micros(int(before.min())).replace(minute=0, second=0, microsecond=0)
    return max(first, until - LONGEST)


def _shadow(table: pa.Table, columns: Columns) -> Array:
    if columns.shadow is None:
        return np.zeros(table.num_rows, dtype=bool)
    text = pc.utf8_lower(table.column(columns.shadow).cast(pa.string()))
    found = pc.is_in(text, value_set=pa.array(["true", "1", "1.0", "yes"]))
    return np.asarray(found.to_numpy(), dtype=bool)


def _text(column: pa.ChunkedArray) -> Array:
    """Values as text [n], whole numbers without a point, "" where missing."""
    if pa.types.is_floating(column.type):
        floats = column.to_numpy()
        return np.array(["" if np.isnan(v) else f"{v:g}" for v in floats], dtype=object)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    found = pc.fill_null(column.cast(pa.string()), "").to_numpy(zero_copy_only=False)
    return np.asarray(found, dtype=object)


@dataclass(frozen=True)
class _Truth:
    """The label of each live row as known at the end of the reference: text [n], and its delay in us [n]."""

    text: Array
    delay: Array
    timed: bool

    @property
    def known(self) -> Array:
        return np.asarray(self.text != "")

    @classmethod
    def of(
        cls,
        live: pa.Table,
        columns: Columns,
        until: datetime,
        labels: pa.Table | None,
        timezone: str,
        at: Array,
    ) -> _Truth:
        n = live.num_rows
        nothing = cls(np.full(n, "", dtype=object), np.full(n, -1, dtype=np.int64), False)
        if columns.label is None:
            return nothing
        if labels is None or columns.label not in labels.column_names:
            if columns.label not in live.column_names:
                return nothing
            text = _text(live.column(columns.label))
            if columns.label_time is None or columns.label_time not in live.column_names:
                return cls(text, np.zeros(n, dtype=np.int64), False)
            known_at = instants(live.column(columns.label_time), timezone)
            return cls._seen(text, known_at, at, until)
        if columns.request_id is None or columns.request_id not in labels.column_names:
            return nothing
        return cls._joined(live, labels, columns, timezone, at, until)

    @classmethod
    def _joined(
        cls, live: pa.Table, labels: pa.Table, columns: Columns, timezone: str, at: Array, until: datetime
    ) -> _Truth:
        assert columns.label is not None
        assert columns.request_id is not None
        ids = pa.array(_text(labels.column(columns.request_id)), pa.string())
        wanted = pa.array(_text(live.column(columns.request_id)), pa.string())
        place = pc.fill_null(pc.index_in(wanted, value_set=ids), -1).to_numpy(zero_copy_only=False)
        text = np.append(_text(labels.column(columns.label)), "")[place]
        if columns.label_time is None or columns.label_time not in labels.column_names:
            return cls(text, np.zeros(len(text), dtype=np.int64), False)
        known_at = np.append(instants(labels.column(columns.label_time), timezone), NO_TIME)[place]
        return cls._seen(text, known_at, at, until)

    @classmethod
    def _seen(cls, text: Array, known_at: Array, at: Array, until: datetime) -> _Truth:
        """A label that came after the reference was not known then."""
        seen = (known_at != NO_TIME) & (known_at < micros(until)) & (text != "")
        return cls(np.where(seen, text, ""), np.where(seen, np.maximum(known_at - at, 0), -1), True)


def _label_age(at: Array, truth: _Truth, until: datetime) -> tuple[timedelta | None, float]:
    """The 90 % quantile of the label delay rounded up, and the share that is usually labelled by then.

    Young events have only their fast labels yet, so the quantile is taken again over events old enough.
    """
    if not truth.known.any():
        return None, 1.0
    if not truth.timed:
        return READABLE[0], round(float(truth.known.mean()), 4)
    age, old = READABLE[0], np.ones(len(at), dtype=bool)
    for _ in range(4):
        delays = truth.delay[old & (truth.delay >= 0)]
        if len(delays) < AT_LEAST:
            break
        age = _readable(timedelta(microseconds=int(np.quantile(delays, 0.9))))
        old = at <= micros(until - 2 * age)
    ripe = at <= micros(until - age)
    within = (truth.delay >= 0) & (truth.delay <= age // timedelta(microseconds=1))
    share = float(within[ripe].mean()) if ripe.sum() >= AT_LEAST else float(truth.known.mean())
    return age, round(share, 4)


def _readable(length: timedelta) -> timedelta:
    return next((step for step in READABLE if step >= length), READABLE[-1])


def _positive(truth: _Truth, task: Task) -> str | None:
    if task not in ("binary", "llm") or not truth.known.any():
        return None
    values, counts = np.unique(truth.text[truth.known].astype(str), return_counts=True)
    by_lower = {str(value).lower(): str(value) for value in values}
    if task == "llm" and set(by_lower) <= {"0", "1", "true", "false"}:
        return None  # a preferred answer is 1 without a word
    for word in LIKED_WORDS if task == "llm" else POSITIVE_WORDS:
        if word in by_lower:
            return by_lower[word]
    return str(values[np.argmin(counts)]) if len(values) == 2 else None


def _numbers(column: pa.ChunkedArray) -> Array:
    try:
        found: Array = floats(column).to_numpy()
    except pa.ArrowInvalid:
        found = np.full(len(column), np.nan)
    return found


def _answers(live: pa.Table, columns: Columns, task: Task) -> tuple[Array | None, Array | None]:
    """The score as numbers [n], and the prediction as numbers or text [n]."""
    score = _numbers(live.column(columns.score)) if columns.score else None
    if columns.prediction is None:
        return score, None
    column = live.column(columns.prediction)
    return score, (_numbers(column) if task == "regression" else _text(column))


@dataclass(frozen=True)
class _Judge:
    """Quality of the answers for which the truth is known."""

    task: Task
    positive: str | None
    truth: _Truth
    score: Array | None
    prediction: Array | None

    def quality(self, rows: Array) -> tuple[str, float] | None:
        """The figure that fits the task, over ``rows`` (bool [n]); None below 30 labels."""
        known = rows & self.truth.known
        if known.sum() < AT_LEAST:
            return None
        if self.task == "binary" and self.score is not None:
            known &= np.isfinite(self.score)
            found = auc(self.score[known], self.truth.text[known] == self.positive)
            return ("auc", found) if found is not None else None
        if self.task == "regression":
            return self._rmse(known)
        if self.prediction is not None:
            return "accuracy", float((self.prediction[known] == self.truth.text[known]).mean())
        return None

    def _rmse(self, known: Array) -> tuple[str, float] | None:
        answer = self.prediction if self.prediction is not None else self.score
        if answer is None:
            return None
        error = answer[known] - self.truth.text[known].astype(float)
        error = error[np.isfinite(error)]
        return ("rmse", float(np.sqrt(np.mean(error**2)))) if len(error) else None


def _versions(
    live: pa.Table, columns: Columns, at: Array, until: datetime, judge: _Judge
) -> tuple[Served, ...]:
    """Every version by its share of the last week (or of the last quarter of a short reference)."""
    if columns.version is None or not live.num_rows:
        return ()
    names = _text(live.column(columns.version))
    tail = at >= max(
        micros(until - timedelta(days=7)), int(at.min()) + 3 * (int(at.max()) - int(at.min())) // 4
    )
    found = []
    for name in sorted(set(names) - {""}):
        mine = np.asarray(names == name)
        when = at[mine]
        figure = judge.quality(mine)
        found.append(
            Served(
                version=str(name),
                rows=int(mine.sum()),
                first=from_micros(int(when.min())),
                last=from_micros(int(when.max())),
                end_share=round(float(mine[tail].mean()), 4) if tail.any() else 0.0,
                figures=dict([figure]) if figure else {},
            )
        )
    return tuple(sorted(found, key=lambda served: (-served.end_share, served.version)))


def _error_share(live: pa.Table, columns: Columns) -> float | None:
    if columns.status is None or not live.num_rows:
        return None
    text = _text(live.column(columns.status))
    values, counts = np.unique(text.astype(str), return_counts=True)
    bad: int = sum(int(n) for value, n in zip(values, counts, strict=True) if _is_error(str(value)))
    return float(bad / live.num_rows)


def _is_error(status: str) -> bool:
    return status.lower() in ERROR_WORDS or (status.isdigit() and int(status) >= 500)


def _p95(live: pa.Table, columns: Columns) -> float | None:
    if columns.latency_ms is None:
        return None
    values = _numbers(live.column(columns.latency_ms))
    values = values[np.isfinite(values)] * columns.to_ms
    return None if len(values) == 0 else float(np.quantile(values, 0.95))
