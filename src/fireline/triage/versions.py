"""Is one version alone bad? Versions live side by side, and shadow calls on the same requests, tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from fireline.clock import micros
from fireline.triage.book import DAY, Book, factorise
from fireline.triage.case import Array, Bools, Floats, Ints
from fireline.triage.compare import Gap, auc, gap_of_aucs, gap_of_means, gap_of_pairs, mean_of
from fireline.triage.figure import Figure
from fireline.triage.onset import Onset
from fireline.triage.words import UNLIKE, listed
from fireline.triage.words import figure as say

Verdict = Literal["only_new", "equal", "unclear", "alone"]

FEW = 30
DECISIVE = 4.0
SUGGESTIVE = 2.5
OWN_SHARE = 0.35
MOSTLY = 0.55
EQUAL_SHARE = 0.4


@dataclass(frozen=True)
class Contrast:
    """One figure of one version beside another's: ``usual`` is what the reference read."""

    figure: Figure
    gap: Gap
    usual: float
    paired: bool

    @property
    def moved(self) -> float:
        """How far the version is from usual."""
        return self.gap.new - self.usual

    @property
    def bad(self) -> bool:
        """The version alone is away from usual, in the harmful direction."""
        worse = self.gap.diff * self.figure.worse if self.figure.worse else abs(self.gap.diff)
        own = self.moved * math.copysign(1.0, self.gap.diff)
        return (
            abs(self.gap.z) >= SUGGESTIVE
            and worse >= self.figure.tolerance
            and abs(self.gap.diff) >= OWN_SHARE * max(own, abs(self.gap.old - self.usual))
        )

    @property
    def own_share(self) -> float:
        """How much of the version's way from usual is its own and not the other's too: 0..1."""
        own = max(abs(self.moved), abs(self.gap.old - self.usual), 1e-12)
        return min(1.0, abs(self.gap.diff) / own)

    @property
    def shared(self) -> float:
        """How surely the other is away from usual as well: standard errors by which "the new one alone" is
        off, 0 where the two differ or neither moved."""
        small = abs(self.moved) < self.figure.tolerance and not self.paired
        if small or self.gap.se <= 0:
            return 0.0
        own = self.gap.diff * math.copysign(1.0, self.moved)
        if abs(self.gap.z) >= SUGGESTIVE and abs(own) > EQUAL_SHARE * abs(self.moved):
            return 0.0
        return max(0.0, (abs(self.moved) - own) / self.gap.se)

    @property
    def equal(self) -> bool:
        """The version is away from usual, and so is the other."""
        own = self.gap.diff * math.copysign(1.0, self.moved)
        return self.shared >= DECISIVE and own <= EQUAL_SHARE * abs(self.moved)

    def says(self, new: str, old: str) -> str:
        """The contrast in words."""
        unit = self.figure.unit
        on = "on the same requests" if self.paired else "at the same time"
        if unit == UNLIKE:
            apart = "further from" if self.gap.new > self.gap.old else "nearer to"
            return (
                f"{self.figure.name}: with {new} values lie {apart} the reference than with {old} {on} "
                f"({self.gap.n_new:,} and {self.gap.n_old:,} events, z {self.gap.z:.1f})"
            )
        return (
            f"{self.figure.name}: {say(self.gap.new, unit)} with {new} and {say(self.gap.old, unit)} with "
            f"{old} "
            f"{on} ({self.gap.n_new:,} and {self.gap.n_old:,} events, z {self.gap.z:.1f}); "
            f"usual {say(self.usual, unit)}"
        )


@dataclass(frozen=True)
class Split:
    """What the versions say. ``new`` is the version judged, ``old`` the one beside it.

    ``verdict``: only_new (it alone is bad), equal (equally bad), unclear (too few events, or small
    differences), alone (no other version was seen since the onset). ``strength`` is 0..1; ``moved`` are
    features the new version reads differently on the same requests; ``shown_by`` is the figure that showed it
    best.
    """

    verdict: Verdict
    new: str | None
    old: str | None
    strength: float
    because: str
    contrasts: tuple[Contrast, ...] = ()
    moved: tuple[str, ...] = ()
    shown_by: Figure | None = None
    rows: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class _Sides:
    """Row numbers of both versions; of equal length and order where ``paired``."""

    new: Ints
    old: Ints
    paired: bool


def split_versions(book: Book, onset: Onset, figures: list[Figure]) -> Split:
    """Judge every version seen since the onset against the one it shares most traffic with."""
    codes, names = book.versions
    since = book.after.time >= _since(book, onset)
    seen = [v for v in range(len(names)) if (since & book.live & (codes == v)).sum() >= FEW]
    rows = tuple(_table(book, since, figures))
    best: Split | None = None
    for v in sorted(seen, key=lambda v: (names[v] in _old_versions(book), names[v])):
        for o in range(len(names)):
            sides = _sides(book, since, v, o) if o != v else None
            if sides is not None:
                best = _better(best, _judge(book, sides, names[v], names[o], figures, rows))
    if best is not None:
        return best
    only = names[seen[0]] if len(seen) == 1 else None
    says = (
        f"only {only} answered since the onset" if only else "no two versions can be compared since the onset"
    )
    return Split("alone", only, None, 0.0, says, rows=rows)


def _since(book: Book, onset: Onset) -> int:
    """From the onset on, or from a new version's first answer in the day before it: its canary counts."""
    codes, names = book.versions
    earliest = micros(onset.earliest)
    known, time = _old_versions(book), book.after.time
    firsts = [int(time[book.live & (codes == v)].min()) for v, name in enumerate(names)
              if name not in known and (book.live & (codes == v)).any()]  # fmt: skip
    return min([earliest, *(t for t in firsts if earliest - DAY <= t)])


def _old_versions(book: Book) -> set[str]:
    return set(factorise(book.before.words("version"))[1])


def _better(one: Split | None, other: Split) -> Split:
    rank = {"only_new": 3, "equal": 2, "unclear": 1, "alone": 0}
    if one is None:
        return other
    return max((one, other), key=lambda s: (rank[s.verdict], s.strength))


def _sides(book: Book, since: Bools, v: int, o: int) -> _Sides | None:
    """The rows to compare: the same requests where there are enough, else what was live at the same time."""
    codes, _ = book.versions
    mine, theirs = np.flatnonzero(since & (codes == v)), np.flatnonzero(since & (codes == o))
    new, old = _pairs(book.requests, mine, theirs)
    if len(new) >= max(FEW, 0.1 * len(mine)):
        return _Sides(new, old, True)
    time = book.after.time
    mine, theirs = mine[book.live[mine]], theirs[book.live[theirs]]
    if min(len(mine), len(theirs)) < FEW:
        return None
    low, high = max(time[mine].min(), time[theirs].min()), min(time[mine].max(), time[theirs].max())
    mine = mine[(time[mine] >= low) & (time[mine] <= high)]
    theirs = theirs[(time[theirs] >= low) & (time[theirs] <= high)]
    return _Sides(mine, theirs, False) if min(len(mine), len(theirs)) >= FEW else None


def _pairs(requests: Ints, mine: Ints, theirs: Ints) -> tuple[Ints, Ints]:
    """Row numbers of both for the requests both answered."""
    mine, theirs = mine[requests[mine] >= 0], theirs[requests[theirs] >= 0]
    if not len(mine) or not len(theirs):
        return mine[:0], theirs[:0]
    table = np.full(int(requests.max()) + 1, -1, dtype=np.int64)
    table[requests[theirs]] = theirs
    other = table[requests[mine]]
    return mine[other >= 0], other[other >= 0]


def _judge(
    book: Book, sides: _Sides, new: str, old: str, figures: list[Figure], rows: tuple[Mapping[str, Any], ...]
) -> Split:
    contrasts = tuple(c for f in figures if (c := contrast(book, f, sides)).gap.known)
    moved = _read_differently(book, sides)
    bad = [c for c in contrasts if c.bad]
    trigger = contrasts[0] if contrasts and figures and contrasts[0].figure is figures[0] else None
    if bad and not (trigger is not None and trigger.equal):
        top = max(bad, key=lambda c: (c is trigger, abs(c.gap.z)))
        sure = min(1.0, max(abs(c.gap.z) for c in bad) / DECISIVE)
        strength = sure * (1.0 if top is trigger else 0.85) * (1.0 if top.own_share >= MOSTLY else 0.75)
        extra = f"; it reads {listed(list(moved))} differently" if moved else ""
        says = f"only {new} is bad: {top.says(new, old)}{extra}"
        shown = max(bad, key=lambda c: abs(c.gap.z)).figure
        return Split("only_new", new, old, strength, says, contrasts, moved, shown, rows)
    equal = [c for c in contrasts if c.equal]
    if equal and (trigger is None or trigger.equal):
        says = f"{new} and {old} are equally bad: {equal[0].says(new, old)}"
        strength = min(1.0, equal[0].shared / (2 * DECISIVE))
        return Split("equal", new, old, strength, says, contrasts, moved, None, rows)
    says = f"{new} against {old} cannot tell: " + (
        contrasts[0].says(new, old) if contrasts else "too few events"
    )
    return Split("unclear", new, old, 0.5 if moved else 0.0, says, contrasts, moved, None, rows)


def contrast(book: Book, figure: Figure, sides: _Sides) -> Contrast:
    """``figure`` on both sides, with the variance that fits: pairs, DeLong, or two samples."""
    mine = np.zeros(book.after.rows, dtype=np.bool_)
    mine[sides.new] = True
    usual = mean_of(figure.before, book.matched(mine))[0]
    if figure.family == "auc":
        gap = _auc_gap(book, figure, sides)
        usual = _usual_auc(book, figure)
    elif sides.paired:
        gap = gap_of_pairs(figure.after[sides.new], figure.after[sides.old])
    else:
        gap = gap_of_means(figure.after[sides.new], figure.after[sides.old], phi=1.5)
        if figure.family in ("drift", "score_drift"):
            gap = _by_shape(book, figure, sides, gap)
    return Contrast(figure, gap, usual, sides.paired)


def _by_shape(book: Book, figure: Figure, sides: _Sides, gap: Gap) -> Gap:
    """A drift's gap with the certainty of the whole distributions' difference, which sees more than its
    mean."""
    column = book.column(figure.feature or book.answer, None if figure.feature else "numeric")
    z = unlike(column.counts(column.after[sides.new]), column.counts(column.after[sides.old]))
    return replace(gap, se=abs(gap.diff) / z) if z > abs(gap.z) else gap


def _auc_gap(book: Book, figure: Figure, sides: _Sides) -> Gap:
    score, label = book.after.number("score"), book.after.number("label")
    known = np.isfinite(figure.after) & np.isfinite(score)
    new, old = sides.new, sides.old
    if sides.paired:
        both = known[new] & known[old]
        new, old = new[both], old[both]
    else:
        new, old = new[known[new]], old[known[old]]
    return gap_of_aucs(score[new], label[new] == 1, score[old], label[old] == 1, same=sides.paired)


def _usual_auc(book: Book, figure: Figure) -> float:
    known = np.isfinite(figure.before)
    return auc(book.before.number("score")[known], book.before.number("label")[known] == 1)


def _read_differently(book: Book, sides: _Sides) -> tuple[str, ...]:
    """Features whose value differs between the versions: on the same requests, or clearly in distribution."""
    found = []
    for name in book.features:
        column = book.column(name)
        new, old = column.after[sides.new], column.after[sides.old]
        if sides.paired:
            apart = float((new != old).mean())
        else:
            a, b = column.counts(new), column.counts(old)
            apart = _apart(a, b) if unlike(a, b) > DECISIVE + 1 else 0.0
        if apart >= 0.05:
            found.append((-apart, name))
    return tuple(name for _, name in sorted(found))


def _apart(a: Floats, b: Floats) -> float:
    return float(np.abs(a / a.sum() - b / b.sum()).sum() / 2)


def unlike(a: Floats, b: Floats) -> float:
    """How unlike two vectors of counts are, as a standard normal: the two-sample chi-square, by Wilson and
    Hilferty."""
    used = (a + b) > 0
    df = int(used.sum()) - 1
    if df < 1 or a.sum() < 1 or b.sum() < 1:
        return 0.0
    k = math.sqrt(float(b.sum() / a.sum()))
    chi2 = float(((k * a[used] - b[used] / k) ** 2 / (a[used] + b[used])).sum())
    spread = 2 / (9 * df)
    return float(((chi2 / df) ** (1 / 3) - (1 - spread)) / math.sqrt(spread))


def _table(book: Book, since: Bools, figures: list[Figure]) -> list[Mapping[str, Any]]:
    """One row per version, live and shadow, since the onset."""
    codes, names = book.versions
    shadow = book.after.yes("shadow")
    found: list[Mapping[str, Any]] = []
    shown = [f for f in figures if f.family != "auc"][:5]
    for v, name in sorted(enumerate(names), key=lambda pair: pair[1]):
        for ghost in (False, True):
            rows = since & (codes == v) & (shadow == ghost)
            if not rows.any():
                continue
            row: dict[str, Any] = {"version": name, "shadow": ghost, "n": int(rows.sum())}
            row |= {f.name: _round(mean_of(f.after[rows])[0]) for f in shown}
            row |= _standard(book, rows, figures)
            found.append(row)
    return found


def _standard(book: Book, rows: Bools, figures: list[Figure]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if book.after.has("error"):
        found["error rate"] = _round(float(book.after.yes("error")[rows].mean()))
    if book.after.has("score"):
        found["mean score"] = _round(mean_of(book.after.number("score")[rows])[0])
    placed = next((f for f in figures if f.family == "auc"), None)
    if placed is not None:
        known: Array = rows & np.isfinite(placed.after)
        score, positive = book.after.number("score")[known], book.after.number("label")[known] == 1
        found["AUC"] = _round(auc(score, positive))
        found["labelled"] = int(known.sum())
    if book.after.has("latency_ms"):
        took: Floats = book.after.number("latency_ms")[rows]
        took = took[np.isfinite(took)]
        found["p95 ms"] = _round(float(np.quantile(took, 0.95))) if took.size else None
    return found


def _round(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
