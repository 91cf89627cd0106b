"""The quarantine: everything put aside, counted in full and kept in part, and said so that a person can
act."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fireline.terms.quarantine import BadRow
from fireline.terms.words import number, share

KEPT = 10_000
KEPT_A_KIND = 1_000


@dataclass
class Tally:
    """Rows of one kind and column: how many, and the first of them."""

    first: BadRow
    rows: int = 0
    files: set[str] = field(default_factory=set)


@dataclass
class Quarantine:
    """Collects what was put aside.

    Counts are exact; of the rows themselves at most 1,000 of a kind and column and 10,000 in all are kept.
    ``taken`` counts the good rows, for proportion.
    """

    taken: int = 0
    items: list[BadRow] = field(default_factory=list)
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows were put aside."""
        return sum(tally.rows for tally in self.tallies.values())

    def add(self, bad: Iterable[BadRow]) -> None:
        """Put ``bad`` aside."""
        for one in bad:
            self._count(one, 1)
            self._keep(one)

    def add_rows(self, rows: int, file: str, make: Callable[[int], BadRow]) -> None:
        """Put ``rows`` rows of one kind, column and file aside; ``make(i)`` says the i-th, where it is
        kept."""
        if not rows:
            return
        first = make(0)
        tally = self._count(first, rows)
        room = min(KEPT_A_KIND - (tally.rows - rows), KEPT - len(self.items), rows)
        self.items += [first if i == 0 else make(i) for i in range(room)]

    def _count(self, bad: BadRow, rows: int) -> Tally:
        tally = self.tallies.setdefault((bad.kind, bad.column or ""), Tally(bad))
        tally.rows += rows
        tally.files.add(bad.file)
        return tally

    def _keep(self, bad: BadRow) -> None:
        if self.tallies[bad.kind, bad.column or ""].rows <= KEPT_A_KIND and len(self.items) < KEPT:
            self.items.append(bad)

    @property
    def mostly_bad(self) -> bool:
        """Whether more rows were put aside than taken."""
        return self.rows > self.taken

    def summary(self) -> list[str]:
        """Lines to print: the whole first, then each kind with its first example, most rows first."""
        if not self.rows:
            return []
        part = share(self.rows / (self.rows + self.taken))
        lines = [f"{number(self.rows)} of {_rows(self.rows + self.taken)} ({part}) put aside"]
        if self.mostly_bad:
            lines[0] = f"MOST OF THE LOG IS BAD: {lines[0]}; do not trust figures drawn from the rest"
        ranked = sorted(self.tallies.items(), key=lambda item: (-item[1].rows, item[0]))
        return lines + [_line(tally) for _, tally in ranked]

    def as_json(self) -> dict[str, Any]:
        """The counts and the rows kept."""
        ranked = sorted(self.tallies.items(), key=lambda item: (-item[1].rows, item[0]))
        kinds = [
            {"kind": kind, "column": column or None, "rows": tally.rows, "files": sorted(tally.files),
             "first": tally.first.as_json()}
            for (kind, column), tally in ranked
        ]  # fmt: skip
        return {
            "rows": self.rows,
            "taken": self.taken,
            "kinds": kinds,
            "kept": [b.as_json() for b in self.items],
        }


def _rows(count: int) -> str:
    return f"{number(count)} {'row' if count == 1 else 'rows'}"


def _line(tally: Tally) -> str:
    spread = f" in {len(tally.files)} files" if len(tally.files) > 1 else ""
    if tally.rows == 1:
        return str(tally.first)
    return f"{_rows(tally.rows)}{spread}, the first: {tally.first}"
