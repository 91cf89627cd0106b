"""Counts of a service's table made by an engine, or the SQL that makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from fireline.clock import from_micros, micros
from fireline.runbook.schema import Runbook
from fireline.telemetry.answers import Answers
from fireline.telemetry.batch import INSTANT, mapped
from fireline.telemetry.pushdown.canonical import Types, of_table
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.gaps import uncounted
from fireline.telemetry.pushdown.statement import statements, together
from fireline.telemetry.pushdown.stored import counts_table
from fireline.terms.plan import Plan

HOUR = 3600 * 1_000_000


@dataclass(frozen=True)
class Asked:
    """What to count: the rows of ``table`` (a name, a file or a folder) with times in [since, until).

    ``ripe`` says that quality is counted of the cohorts that came of age in that stretch, whole hours of
    them, in place of those of the stretch itself: what is counted as time goes on has no labels yet.
    """

    runbook: Runbook
    plan: Plan
    sql: Dialect
    table: str
    since: datetime | None = None
    until: datetime | None = None
    database: str | None = None
    ripe: bool = False

    @property
    def source(self) -> str:
        """The table as the engine names it."""
        path = Path(self.table)
        if path.suffix == ".parquet" or path.is_dir():
            return self.sql.file(path)
        return ".".join(self.sql.quote(part) for part in self.table.split("."))

    @property
    def uncounted(self) -> list[str]:
        """The plan's layouts that are not counted this way."""
        return list(uncounted(self.plan))

    def statements(self, types: Types) -> dict[str, str]:
        """By layout the SELECT that counts it, for a table with columns of ``types``."""
        found = self._of(types, self.since, self.until)
        if self.ripe and self.runbook.labels is not None:
            aged = self._of(types, self._aged(self.since), self._aged(self.until))
            names = {layout.name for layout in self.plan.layouts if layout.aged}
            found = {name: aged[name] if name in names else said for name, said in found.items()}
        return found

    def _of(self, types: Types, since: datetime | None, until: datetime | None) -> dict[str, str]:
        rows = of_table(self.runbook, self.plan, self.sql, self.source, types, since, until)
        return statements(self.plan, self.sql, rows)

    def _aged(self, at: datetime | None) -> datetime | None:
        """Cohorts that ended by then were of age at ``at``."""
        if at is None or self.runbook.labels is None:
            return None
        before = micros(at - self.runbook.labels.age)
        return from_micros(before // HOUR * HOUR)

    def written(self) -> str:
        """One statement for all of them, for a table that has every column the runbook names."""
        return together(list(self.statements(declared_types(self.runbook)).values())) + "\n"

    def counted(self) -> Iterator[tuple[str, pa.Table]]:
        """Layout by layout its counts, as ``stored.SCHEMA`` has them. Raises InputError."""
        types = self.sql.columns(self.source, self.database)
        for layout, statement in self.statements(types).items():
            yield layout, counts_table(self.sql.run(statement, self.database))


def declared_types(runbook: Runbook) -> Types:
    """The columns a runbook names, in the types that a table of its events would have."""
    forms = {
        "number": pa.float64(), "truth": pa.bool_(), "text": pa.string(), "time": INSTANT,
    }  # fmt: skip
    columns = runbook.columns
    positive = runbook.labels.positive if runbook.labels else None
    answers = Answers.of(runbook.task, positive).forms
    found = {columns.time: INSTANT}
    for m in mapped(columns):
        form = answers.get("prediction", "number") if m.form == "answer" else m.form
        found[m.column] = forms[form]
    if columns.label is not None:
        found[columns.label] = forms[answers.get("label", "number")]
    if columns.label_time is not None:
        found[columns.label_time] = INSTANT
    return found
