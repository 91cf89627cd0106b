"""Labels that lie in a table of their own, joined to the events as SQL: never before they were known, the
last revision wins, at the runbook's age of label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from fireline.clock import micros
from fireline.errors import InputError, Where
from fireline.runbook.schema import Runbook
from fireline.telemetry.pushdown.dialects import Dialect

Types = Mapping[str, pa.DataType]
ID, AT, OF, WHOSE, WHEN, THERE = (f"fireline {name}" for name in ("id", "at", "of", "whose", "when", "there"))


@dataclass(frozen=True)
class Join:
    """``events`` and ``labels`` (expressions that FROM takes) and the columns each has.

    A label belongs to the request of its id and, where it names a version, to that version's answer; of
    several known within the age the one known last counts. Raises InputError where a column is missing, or
    the events hold labels already.
    """

    runbook: Runbook
    sql: Dialect
    events: str
    types: Types
    labels: str
    of_labels: Types

    def __post_init__(self) -> None:
        c = self.runbook.columns
        needed = {"label": c.label, "label_time": c.label_time, "request_id": c.request_id}
        for role, name in needed.items():
            if name is None or name not in self.of_labels:
                has = ", ".join(list(self.of_labels)[:40])
                raise InputError(
                    f"the table of labels has no column {name!r}; it has {has}" if name
                    else f"labels are joined by columns.{role}, which the runbook does not name",
                    where=Where(file=self.labels, key=f"columns.{role}"), todo="name it in the runbook",
                )  # fmt: skip
        if c.label in self.types:
            raise InputError(
                f"the events hold {c.label!r} themselves", where=Where(file=self.events, key="--labels"),
                todo="leave --labels out, or count a view without that column",
            )  # fmt: skip
        if c.request_id not in self.types:
            raise InputError(
                f"the events have no column {c.request_id!r} to join labels by",
                where=Where(file=self.events, key="columns.request_id"), todo="name it in the runbook",
            )  # fmt: skip

    def select(self, since: datetime | None, until: datetime | None) -> tuple[str, Types]:
        """The events with label and label_time, as an expression that FROM takes, and the columns there are
        then. Only events with times in [since, until) get a label."""
        q, label, known = self.sql.quote, *self._own
        picked = [f"ev.{q(name)} AS {q(name)}" for name in self.types]
        # Some engines give what an outer join did not find as 0, not as null.
        found = f"lab.{q(THERE)} = 1"
        picked += [f"CASE WHEN {found} THEN lab.{q(name)} END AS {q(name)}" for name in (label, known)]
        on = " AND ".join(f"{said} = lab.{q(key)}" for key, said in self._answer("ev").items())
        last = self._last(since, until)
        joined = f"(SELECT {', '.join(picked)} FROM {self.events} AS ev LEFT JOIN ({last}) AS lab ON {on})"
        more = {name: self.of_labels[name] for name in (label, known)}
        return f"{joined} AS labelled", {**self.types, **more}

    @property
    def _own(self) -> tuple[str, str]:
        return str(self.runbook.columns.label), str(self.runbook.columns.label_time)

    def _answer(self, alias: str) -> dict[str, str]:
        """What tells an answer from others: expressions by name."""
        c, q = self.runbook.columns, self.sql.quote
        return {
            ID: self.sql.string(f"{alias}.{q(str(c.request_id))}"),
            AT: self.sql.micros(f"{alias}.{q(c.time)}"),
            OF: self._version(alias) if c.version in self.types else "''",
        }

    def _version(self, alias: str) -> str:
        return (
            f"coalesce({self.sql.string(f'{alias}.{self.sql.quote(str(self.runbook.columns.version))}')}, '')"
        )

    def _last(self, since: datetime | None, until: datetime | None) -> str:
        """One row for each answer that has a label: the one known last within the age."""
        assert self.runbook.labels is not None
        q, (label, known) = self.sql.quote, self._own
        age = int(self.runbook.labels.age.total_seconds() * 1_000_000)
        tests = [f"told.{q(WHEN)} <= asked.{q(AT)} + {age}"]
        if self._versioned:
            tests.append(f"(told.{q(WHOSE)} = '' OR told.{q(WHOSE)} = asked.{q(OF)})")
        keys = [q(name) for name in (ID, AT, OF)]
        by = ", ".join(f"asked.{key}" for key in keys)
        order = f"told.{q(WHEN)} DESC, {self.sql.string(f'told.{q(label)}')} DESC"
        picked = [f"asked.{key} AS {key}" for key in keys]
        picked += [f"told.{q(name)} AS {q(name)}" for name in (label, known)]
        ranked = (
            f"SELECT {', '.join(picked)}, ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY {order}) AS place"
            f" FROM ({self._asked(since, until)}) AS asked INNER JOIN ({self._told()}) AS told"
            f" ON asked.{q(ID)} = told.{q(ID)} WHERE {' AND '.join(tests)}"
        )
        kept = ", ".join([*keys, q(label), q(known)])
        return f"SELECT {kept}, 1 AS {q(THERE)} FROM ({ranked}) AS ranked WHERE place = 1"

    @property
    def _versioned(self) -> bool:
        return self.runbook.columns.version in self.of_labels

    def _asked(self, since: datetime | None, until: datetime | None) -> str:
        answer = self._answer("ev")
        tests = [f"{answer[AT]} >= {micros(since)}"] if since else []
        tests += [f"{answer[AT]} < {micros(until)}"] if until else []
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        named = ", ".join(f"{said} AS {self.sql.quote(key)}" for key, said in answer.items())
        return f"SELECT DISTINCT {named} FROM {self.events} AS ev{where}"

    def _told(self) -> str:
        q, (label, known) = self.sql.quote, self._own
        ident = self.sql.string(f"la.{q(str(self.runbook.columns.request_id))}")
        named = [f"{ident} AS {q(ID)}", f"{self.sql.micros(f'la.{q(known)}')} AS {q(WHEN)}"]
        named += [f"{self._version('la')} AS {q(WHOSE)}"] if self._versioned else []
        named += [f"la.{q(name)} AS {q(name)}" for name in (label, known)]
        there = f"la.{q(label)} IS NOT NULL AND la.{q(known)} IS NOT NULL"
        return f"SELECT {', '.join(named)} FROM {self.labels} AS la WHERE {there}"
