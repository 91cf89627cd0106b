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
from fireline.telemetry.pushdown.labelling import Join
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
    labels: str | None = None
    """A table of labels of their own, by the runbook's columns for the request's id, label and label time."""

    @property
    def source(self) -> str:
        """The table as the engine names it."""
        return self._named(self.table)

    def _named(self, table: str) -> str:
        path = Path(table)
        if path.suffix == ".parquet" or path.is_dir():
            return self.sql.file(path)
        return ".".join(self.sql.quote(part) for part in table.split("."))

    @property
    def uncounted(self) -> list[str]:
        """The plan's layouts that are not counted this way."""
        return list(uncounted(self.plan))

    def statements(self, types: Types, of_labels: Types | None = None) -> dict[str, str]:
        """By layout the SELECT that counts it, for tables with columns of ``types`` and ``of_labels``."""
        found = self._of(self.source, types, self.since, self.until)
        if self.runbook.labels is None or not (self.ripe or self.labels):
            return found
        since, until = (
            (self._aged(self.since), self._aged(self.until)) if self.ripe else (self.since, self.until)
        )
        source = self.source
        if self.labels:
            joined = Join(self.runbook, self.sql, source, types, self._named(self.labels), of_labels or {})
            source, types = joined.select(since, until)
        aged = {layout.name for layout in self.plan.layouts if layout.aged}
        ripe = self._of(source, types, since, until)
        return {name: said for name, said in found.items() if name not in aged} | {
            name: said for name, said in ripe.items() if name in aged
        }

    def _of(
        self, source: str, types: Types, since: datetime | None, until: datetime | None
    ) -> dict[str, str]:
        rows = of_table(self.runbook, self.plan, self.sql, source, types, since, until)
        return statements(self.plan, self.sql, rows)

    def _aged(self, at: datetime | None) -> datetime | None:
        """Cohorts that ended by then were of age at ``at``."""
        if at is None or self.runbook.labels is None:
            return None
        before = micros(at - self.runbook.labels.age)
        return from_micros(before // HOUR * HOUR)

    def written(self) -> str:
        """One statement for all of them, for tables that have every column the runbook names."""
        types, columns = dict(declared_types(self.runbook)), self.runbook.columns
        of_labels: dict[str, pa.DataType] = {}
        if self.labels:
            own = {name for name in (columns.label, columns.label_time) if name is not None}
            of_labels = {name: types.pop(name) for name in own if name in types}
            of_labels |= {columns.request_id: pa.string()} if columns.request_id else {}
        return together(list(self.statements(types, of_labels).values())) + "\n"

    def counted(self) -> Iterator[tuple[str, pa.Table]]:
        """Layout by layout its counts, as ``stored.SCHEMA`` has them. Raises InputError."""
        types = self.sql.columns(self.source, self.database)
        of_labels = self.sql.columns(self._named(self.labels), self.database) if self.labels else None
        for layout, statement in self.statements(types, of_labels).items():
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
    found |= dict.fromkeys(columns.texts, pa.string())
    found |= dict.fromkeys(columns.feature_times.values(), INSTANT)
    if columns.label is not None:
        found[columns.label] = forms[answers.get("label", "number")]
    if columns.label_time is not None:
        found[columns.label_time] = INSTANT
    return found
