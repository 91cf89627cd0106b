"""The raw events as triage reads them: every column as small cell codes, made once and kept for the
assessment."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from fireline.clock import MICROS, from_micros
from fireline.triage.case import Array, Bools, Floats, Frame, Ints
from fireline.triage.compare import NORMAL

if TYPE_CHECKING:
    from fireline.runbook.schema import Runbook

BINS = 20
TOP_VALUES = 60
PROJECTIONS = 8
"""As many as are kept of an embedding; those that a log does not have are passed over."""
QUARTER = 900 * MICROS
HOUR = 3600 * MICROS
DAY = 24 * HOUR

Kind = Literal["numeric", "categorical"]
Rhythm = Literal["", "weekday", "date"]


@dataclass(frozen=True)
class Column:
    """One column in cells of the reference.

    ``before`` int16 [rows before], ``after`` int16 [rows after] are cell numbers. Numeric cells lie between
    ``edges`` [cells - 1]; the last two cells of a categorical column are "seen before but rare" and "never
    seen before"; missing is -1. ``scores`` [cells] are normal scores of the reference (mean 0, variance 1),
    for numeric columns.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    before: Array
    after: Array
    edges: Floats
    scores: Floats

    @property
    def cells(self) -> int:
        return len(self.labels)

    def counts(self, codes: Array, weights: Floats | None = None) -> Floats:
        """Weight per cell, the last cell being the missing ones: float64 [cells + 1]."""
        place = np.where(codes < 0, self.cells, codes)
        return np.bincount(place, weights, self.cells + 1).astype(np.float64)


def factorise(column: Array) -> tuple[Ints, list[str]]:
    """Codes [n] and the distinct words of an array of strings; "" and None are -1."""
    encoded = pa.array(column, pa.string(), from_pandas=True).dictionary_encode()
    words = [str(w) for w in encoded.dictionary.to_pylist()]
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    if "" in words:
        codes[codes == words.index("")] = -1
    return codes, words


def numeric_column(name: str, before: Floats, after: Floats) -> Column:
    """Cells between the reference's quantiles; heavy single values get cells of their own."""
    known = before[np.isfinite(before)]
    source = known if known.size else after[np.isfinite(after)]
    if source.size > 60_000:
        source = source[:: source.size // 50_000]
    edges = np.unique(np.quantile(source, np.linspace(0, 1, BINS + 1)[1:-1])) if source.size else np.empty(0)
    heavy = edges[[float((source == e).mean()) > 1 / BINS for e in edges]] if edges.size else edges
    edges = np.unique(np.concatenate([edges, np.nextafter(heavy, np.inf)]))
    b, a = _bins(edges, before), _bins(edges, after)
    counts = np.bincount(b[b >= 0], minlength=len(edges) + 1).astype(np.float64)
    low = [-np.inf, *edges.tolist()]
    high = [*edges.tolist(), np.inf]
    labels = tuple(f"{lo:.4g} to {hi:.4g}" for lo, hi in zip(low, high, strict=True))
    return Column(name, "numeric", labels, b, a, edges, normal_scores(counts))


def _bins(edges: Floats, values: Floats) -> Array:
    found = np.searchsorted(edges, values, side="right").astype(np.int16)
    found[~np.isfinite(values)] = -1
    return found


def normal_scores(counts: Floats) -> Floats:
    """Mid-rank normal scores of cells that hold ``counts``, scaled to mean 0 and variance 1."""
    total = float(counts.sum())
    if total <= 0:
        return np.zeros(len(counts))
    share = counts / total
    middle = np.clip(np.cumsum(share) - share / 2, 1e-4, 1 - 1e-4)
    raw = np.array([NORMAL.inv_cdf(float(m)) for m in middle])
    raw -= float((raw * share).sum())
    spread = float(np.sqrt((raw**2 * share).sum()))
    return raw / spread if spread > 0 else np.zeros(len(counts))


def categorical_column(name: str, before: Array, after: Array) -> Column:
    """The reference's top values, then "(rare)" and "(new)"."""
    b, words_b = factorise(before)
    a, words_a = factorise(after)
    counts = np.bincount(b[b >= 0], minlength=len(words_b))
    order = sorted(range(len(words_b)), key=lambda i: (-int(counts[i]), words_b[i]))
    top = [words_b[i] for i in order[:TOP_VALUES]]
    place = {w: i for i, w in enumerate(top)}
    rare, new = len(top), len(top) + 1
    known = set(words_b)
    map_b = np.array([place.get(w, rare) for w in words_b] + [-1], dtype=np.int16)
    map_a = np.array([place.get(w, rare if w in known else new) for w in words_a] + [-1], dtype=np.int16)
    return Column(
        name, "categorical", (*top, "(rare)", "(new)"), map_b[b], map_a[a], np.empty(0), np.zeros(rare + 2)
    )


@dataclass
class Book:
    """Both frames with what is derived from them, computed when first asked for.

    ``before`` are the reference's live rows. ``after`` keeps its shadow rows; ``live`` says which rows are
    not.
    """

    before: Frame
    after: Frame
    runbook: Runbook
    _columns: dict[tuple[str, Kind], Column] = field(default_factory=dict, repr=False)
    _rhythms: dict[str, Rhythm] = field(default_factory=dict, repr=False)

    @cached_property
    def live(self) -> Bools:
        """bool [rows after]: what users saw."""
        return ~self.after.yes("shadow")

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Declared inputs that are in the log after the onset or before."""
        named = self.runbook.columns.inputs()
        return tuple(name for name in sorted(named) if self.after.has(name) or self.before.has(name))

    def parts(self, embedding: str) -> tuple[str, ...]:
        """What the log keeps of an embedding, as far as it is there: its norm, then its projections."""
        kept = (f"{embedding}.norm", *(f"{embedding}.p{i}" for i in range(PROJECTIONS)))
        return tuple(n for n in kept if self.after.has(n) and np.isfinite(self.after.number(n)).any())

    @cached_property
    def answer(self) -> str:
        """The column of the model's answer as a number: the score, or what a regression foretells."""
        foretold = self.runbook.task == "regression" and not np.isfinite(self.after.number("score")).any()
        return "prediction" if foretold and self.after.has("prediction") else "score"

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Declared segment columns, then host and source, as far as they are in the log."""
        named = [*self.runbook.columns.segments, *self.runbook.columns.groups]
        return tuple(dict.fromkeys(name for name in named if self.after.has(name)))

    def kind(self, name: str) -> Kind:
        found = self.runbook.columns.watched().get(name)
        if found is not None and name not in self.segments:
            return found
        if (
            name in (self.answer, "score", "latency_ms")
            or name.rsplit(".", 1)[0] in self.runbook.columns.embeddings
        ):
            return "numeric"
        return "categorical"

    def column(self, name: str, kind: Kind | None = None) -> Column:
        """Column ``name`` in cells of the reference."""
        as_kind = kind or self.kind(name)
        key = (name, as_kind)
        if key not in self._columns:
            if as_kind == "numeric":
                made = numeric_column(name, self.before.number(name), self.after.number(name))
            else:
                made = categorical_column(name, self.before.words(name), self.after.words(name))
            self._columns[key] = made
        return self._columns[key]

    @cached_property
    def versions(self) -> tuple[Ints, list[str]]:
        """Codes [rows after] and names of the versions after the onset; -1 where there is none."""
        return factorise(self.after.words("version"))

    @cached_property
    def requests(self) -> Ints:
        """Codes [rows after] of the request ids, -1 where there is none."""
        return factorise(self.after.words("request_id"))[0]

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.runbook.timezone)

    @cached_property
    def before_week(self) -> Ints:
        """Hour of the local week of each row before, 0 = Monday midnight."""
        return week_cells(self.before.time, self.zone)

    @cached_property
    def after_week(self) -> Ints:
        return week_cells(self.after.time, self.zone)

    @cached_property
    def before_cells(self) -> Ints:
        """Season cell of each row before: hour of the local day, +24 on weekends."""
        return _season(self.before_week)

    @cached_property
    def after_cells(self) -> Ints:
        return _season(self.after_week)

    def matched(self, hit: Bools) -> Floats:
        """Weights [rows before] that give the reference the hours of the rows ``hit`` [rows after].

        Hours the reference does not know are matched by the hour of the day alone, then not at all.
        """
        for before, after, size in (
            (self.before_cells, self.after_cells, 48),
            (self.before_cells % 24, self.after_cells % 24, 24),
        ):
            found = _matching(before, after[hit], size)
            if found is not None:
                return found
        return np.ones(self.before.rows)

    def matched_by_week(self, hit: Bools) -> Floats:
        """The same by the hour of the week, where the reference knows those hours."""
        found = _matching(self.before_week, self.after_week[hit], 168)
        return self.matched(hit) if found is None else found

    def rhythm(self, name: str) -> Rhythm:
        """Whether the calendar alone decides a column: a weekday, a date, a clock that runs on."""
        if name not in self._rhythms:
            self._rhythms[name] = _rhythm(self.column(name), self.before.time, self.before_week)
        return self._rhythms[name]


def _matching(before: Ints, after: Ints, size: int) -> Floats | None:
    wanted = np.bincount(after, minlength=size).astype(np.float64)
    had = np.bincount(before, minlength=size).astype(np.float64)
    if wanted.sum() <= 0 or float(wanted[had >= 5].sum()) < 0.8 * float(wanted.sum()):
        return None
    ratio = np.divide(wanted, had, out=np.zeros(size), where=had >= 5)
    ratio *= float(had.sum()) / max(float((ratio * had).sum()), 1e-12)
    return np.asarray(ratio[before])


def _rhythm(column: Column, time: Ints, week: Ints) -> Rhythm:
    codes = np.where(column.before < 0, column.cells, column.before).astype(np.int64)
    if len(codes) < 200 or len(np.unique(codes)) < 2:
        return ""
    if column.kind == "numeric" and abs(float(np.corrcoef(time - time.min(), codes)[0, 1])) > 0.95:
        return "date"
    day = time // DAY
    if _explained(codes, week // 24, column.cells + 1) > 0.8:
        return "weekday"
    return "date" if _explained(codes, day - day.min(), column.cells + 1) > 0.9 else ""


def _explained(codes: Ints, groups: Ints, cells: int) -> float:
    """Goodman and Kruskal's tau: how much knowing the group helps to guess the cell, 0 to 1."""
    table = np.bincount(groups * cells + codes, minlength=(int(groups.max()) + 1) * cells)
    joint = table.reshape(-1, cells) / len(codes)
    rows, overall = joint.sum(axis=1), joint.sum(axis=0)
    by_chance = float((overall**2).sum())
    told = float((joint[rows > 0] ** 2 / rows[rows > 0, None]).sum())
    return (told - by_chance) / max(1 - by_chance, 1e-9)


def _season(week: Ints) -> Ints:
    return np.asarray(week % 24 + np.where(week >= 120, 24, 0))


def week_cells(time: Ints, zone: ZoneInfo) -> Ints:
    """Hour of the local week, 0 = Monday midnight, int64 [n], for ``time`` in microseconds."""
    if len(time) == 0:
        return np.empty(0, dtype=np.int64)
    quarter = time // QUARTER
    first = int(quarter.min())
    span = quarter - first
    size = int(span.max()) + 1
    table = np.zeros(size, dtype=np.int64)
    present = np.unique(span) if size > 20_000 else np.flatnonzero(np.bincount(span, minlength=size))
    for at in present:
        local = from_micros((first + int(at)) * QUARTER).astimezone(zone)
        table[at] = local.hour + 24 * local.weekday()
    return np.asarray(table[span])
