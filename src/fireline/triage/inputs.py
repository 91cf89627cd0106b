"""What happened to the inputs: which features moved at the onset, how, and whether something broke or only
drifted."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from fireline.triage.book import Book, Column
from fireline.triage.case import Bools, Floats
from fireline.triage.compare import psi
from fireline.triage.damage import Damage, damage_of, nulls_of, range_of, rescaled
from fireline.triage.figure import Figure
from fireline.triage.windows import Step, Windows, hourly_inflation, step_of
from fireline.triage.words import level, listed

MOVED_PSI = 0.02


@dataclass(frozen=True)
class Moved:
    """One feature that moved. ``damage`` "shape" is an ordinary shift, anything else a break.

    ``psi`` beside ``noise``, what chance alone reads; ``share`` of the events that are broken; ``step``
    against the feature's own day-to-day life; ``wander`` how much more its hours vary by themselves than
    chance has it.
    """

    feature: str
    damage: Damage
    psi: float
    noise: float
    share: float
    step: Step
    says: str
    slight: bool = False
    wander: float = 1.0

    @property
    def broken(self) -> bool:
        return self.damage != "shape"

    @property
    def stepped(self) -> bool:
        """It came at the onset and not slowly before, and days do not usually differ as much."""
        if self.broken:
            return True  # a break is only called one when it came at the onset
        slow = math.isfinite(self.step.jump) and self.step.jump < 0.5
        return abs(self.step.z) >= 4.0 and self.step.drift < 0.6 and not slow


@dataclass(frozen=True)
class Inputs:
    """All features: ``looked`` at, and those that ``moved``, the most moved first."""

    looked: int
    moved: tuple[Moved, ...]
    answers: frozenset[str] = frozenset()
    """What is watched like an input, and the model made itself."""

    @property
    def broken(self) -> tuple[Moved, ...]:
        return tuple(m for m in self.moved if m.broken)

    @property
    def stepped(self) -> tuple[Moved, ...]:
        return tuple(m for m in self.moved if m.stepped)

    @property
    def names(self) -> list[str]:
        return [m.feature for m in self.moved]

    def in_words(self) -> str:
        if not self.looked:
            return "the log has no features"
        if not self.moved:
            return f"none of {self.looked} features moved"
        return f"{len(self.moved)} of {self.looked} features moved: {listed([m.says for m in self.moved], 3)}"


def look_at_inputs(book: Book, spans: Windows, hit: Bools) -> Inputs:
    """Compare every feature of the rows ``hit`` [rows after] with the reference and the calm days."""
    if hit.sum() < 20:
        return Inputs(0, ())
    found = [m for name in book.features if (m := _moved(book, name, spans, hit)) is not None]
    vectors = [parts for name in book.runbook.columns.embeddings if (parts := book.parts(name))]
    found += [m for parts in vectors if (m := _vector(book, parts, spans, hit)) is not None]
    if sum(m.stepped for m in found) >= 4:
        # Another clientele moves many features at once, and one of them may look as if scaled.
        found = [replace(m, damage="shape") if m.damage == "unit" and m.slight else m for m in found]
    found.sort(key=lambda m: (not m.broken, -m.psi, m.feature))
    columns = book.runbook.columns
    return Inputs(
        len(book.features) + len(vectors),
        tuple(found),
        frozenset(columns.watched()) - frozenset(columns.inputs()),
    )


def _vector(book: Book, parts: tuple[str, ...], spans: Windows, hit: Bools) -> Moved | None:
    """An embedding is one input, however many of its projections moved: the one that moved most tells of
    it."""
    moved = [m for name in parts if (m := _moved(book, name, spans, hit)) is not None]
    return max(moved, key=lambda m: (m.broken, m.psi), default=None)


def shape_step(book: Book, name: str, spans: Windows, hit: Bools) -> Step:
    """How a column stepped at the onset against its own day-to-day life: the clearest of location and spread,
    or of the shares of the values that moved most.

    A direction learnt from the hit rows would tell any two days apart; these few fixed figures do not.
    """
    column = book.column(name, "numeric" if name == book.answer else None)
    here = replace(spans, hit=hit)
    steps = [step_of(book, figure, here) for figure in _fixed_figures(column, here, hit)]
    return max(steps, key=lambda s: abs(s.z))


def _fixed_figures(column: Column, spans: Windows, hit: Bools) -> list[Figure]:
    if column.kind == "numeric":
        scores = np.append(column.scores, np.nan)
        wide = np.append(np.clip(column.scores**2, 0, 4), np.nan)
        tables = [scores, wide - 1.0]
    else:
        before, after = column.counts(column.before, spans.reference), column.counts(column.after[hit])
        moved = np.abs(before / max(before.sum(), 1e-9) - after / max(after.sum(), 1e-9))
        cells = np.argsort(-moved, kind="stable")[:2]
        tables = [np.asarray(np.arange(column.cells + 1) == cell, dtype=np.float64) for cell in cells]
    return [
        Figure(column.name, "shape", "sd", table[column.before], table[column.after], 0.02, 0, column.name)
        for table in tables
    ]


def _moved(book: Book, name: str, spans: Windows, hit: Bools) -> Moved | None:
    column, rhythm = book.column(name), book.rhythm(name)
    if rhythm:
        # What the calendar decides is compared with the same hours of the week, and not with other days.
        reference = book.matched_by_week(hit)
        spans = replace(spans, reference=reference, recent=np.zeros(book.after.rows))
    before = column.counts(column.before, spans.reference)
    after = column.counts(column.after[hit])
    value, noise = psi(before, after)
    damage = nulls_of(book, column, spans, hit) if rhythm == "date" else damage_of(book, column, spans, hit)
    beyond = range_of(book, name, spans, hit) if column.kind == "numeric" and not rhythm else None
    if damage is None and beyond is None and not (value > MOVED_PSI + 3 * noise):
        return None
    step = shape_step(book, name, spans, hit)
    if damage is None and column.kind == "numeric" and abs(step.z) >= 6.0 and step.drift < 0.6:
        damage = rescaled(book, name, spans, hit)
    kind, part, says = damage or beyond or ("shape", 1.0, _shape(book, column, spans, hit, value))
    return Moved(
        name, kind, value, noise, part, step, says, kind == "unit" and value < 1.0, _wander(book, column)
    )


def _wander(book: Book, column: Column) -> float:
    if book.rhythm(column.name) == "date":
        return 30.0
    if column.kind != "numeric":
        return 1.0
    table = np.append(column.scores, np.nan)
    figure = Figure(column.name, "shape", "sd", table[column.before], table[column.after], 0.02, 0)
    return hourly_inflation(book, figure)


def _shape(book: Book, column: Column, spans: Windows, hit: Bools, value: float) -> str:
    if column.kind == "numeric":
        old, new = _middle(book.before.number(column.name)), _middle(book.after.number(column.name)[hit])
        return f"{column.name} (PSI {value:.2f}, median {level(old)} to {level(new)})"
    return f"{column.name} (PSI {value:.2f})"


def _middle(values: Floats) -> float:
    good = values[np.isfinite(values)]
    return float(np.median(good)) if good.size else math.nan
