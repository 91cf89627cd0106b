"""What cannot be watched or seen where only counts come, and why: for `fireline check`, `fireline doctor` and
the service's page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fireline.detect.registry import kinds
from fireline.runbook.schema import Runbook
from fireline.telemetry.pushdown.further import further
from fireline.telemetry.pushdown.gaps import REASONS, uncounted
from fireline.terms.plan import Plan
from fireline.terms.words import listing

MADE = {"words": "the number of words in {}", "language": "the language of {}"}


@dataclass(frozen=True, slots=True)
class Unwatched:
    """``what`` is not watched or not seen, ``why``, and ``todo`` where anything can be done."""

    what: str
    why: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


def unwatched(runbook: Runbook, plan: Plan) -> tuple[Unwatched, ...]:
    """Of a service whose runbook has ``counts``; nothing of any other."""
    if runbook.counts is None:
        return ()
    return (*_monitors(plan), *_texts(runbook), *_flags(runbook), *_measures(runbook), _rows(runbook))


def _monitors(plan: Plan) -> Iterator[Unwatched]:
    """The monitors that would judge here and whose counts no SQL makes."""
    reasons: dict[str, list[str]] = {}
    none = frozenset(uncounted(plan))
    for kind in kinds():
        layout = kind.laid_out(plan).name
        part = next((f"{layout}.{w}" for w in _part(layout, kind.name)), "")
        why = REASONS.get(layout if layout in none else part)
        if why is not None and kind.monitors(plan):
            reasons.setdefault(why, []).append(kind.name)
    for why, names in sorted(reasons.items(), key=lambda item: item[1]):
        yield Unwatched(listing(sorted(names)), why)


def _part(layout: str, kind: str) -> tuple[str, ...]:
    one = further().get(layout)
    return one.without if one is not None and kind in one.blind else ()


def _texts(runbook: Runbook) -> Iterator[Unwatched]:
    texts = runbook.columns.texts
    if texts:
        what = [said.format(listing(list(texts))) for said in MADE.values()]
        yield Unwatched(
            listing(what), "Fireline makes them of the text itself",
            "keep a column of them in the table and name it under columns.features",
        )  # fmt: skip


def _flags(runbook: Runbook) -> Iterator[Unwatched]:
    if runbook.columns.moderation is not None:
        yield Unwatched(
            "flags of moderation results without a column of their own",
            "Fireline reads them out of the result itself", "keep each flag in a column",
        )  # fmt: skip


def _measures(runbook: Runbook) -> Iterator[Unwatched]:
    """Measures of the decision table that counts cannot confirm."""
    rows = [row for row in runbook.decisions if row.authority != "observe"]
    if any(row.action == "fallback" for row in rows) and runbook.columns.rung is None:
        yield Unwatched(
            "whether calls obey a fallback", "no column of events names the rung",
            "name the guard's column: `columns.rung: rung`",
        )  # fmt: skip
    for row in rows:
        segment = row.params.get("segment")
        if segment and row.action != "fallback":
            yield Unwatched(
                f"whether calls obey the {row.action.replace('_', ' ')} for {_of(segment)}",
                "versions are not counted apart inside a segment", "look at the rows, then free the measure",
            )  # fmt: skip


def _of(segment: object) -> str:
    if not isinstance(segment, dict):
        return str(segment)
    return ", ".join(f"{column}={value}" for column, value in sorted(segment.items()))


def _rows(runbook: Runbook) -> Unwatched:
    place = runbook.counts.rows if runbook.counts is not None else ""
    return Unwatched(
        "the slice inside a segment, two columns at once, and examples", "counts hold no rows",
        f"look at {place}" if place else "say under counts.rows where the rows lie",
    )  # fmt: skip
