"""The tally of one layout as one SELECT: canonical rows in, (layout, grain, scope, tick, late, cell, count)
out.

Each row becomes an array of the cells it adds to, once; then one GROUP BY for each way of dividing all rows:
by version and shadow, which together are the service, and by each segment column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fireline.clock import MICROS
from fireline.telemetry.pushdown import cells
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.further import further
from fireline.terms.counts import Scope, ScopeKind
from fireline.terms.plan import Layout, Plan

COLUMNS = ("layout", "grain", "scope", "tick", "late", "cell", "count")
COUNTED = ("rates", "shapes", "delays", "quality", *further())
"""The layouts that SQL counts."""
VERSIONED: tuple[ScopeKind, ...] = ("service", "version", "shadow")


@dataclass(frozen=True)
class Canonical:
    """Canonical rows as a SELECT: each of ``columns`` is there under the name ``column`` gives it.

    ``time`` is in microseconds, ``label`` as ``tally.outcome`` gives it and as known at the cohort's age,
    ``again`` marks duplicates, ``guess`` is the prediction in the label's form. ``unmade`` are columns that
    Fireline makes of others and SQL does not: no row is counted as lacking them.
    """

    select: str
    columns: frozenset[str]
    unmade: frozenset[str] = frozenset()

    @staticmethod
    def column(name: str) -> str:
        """Its name in ``select``: none that a log's own columns could have, or an alias might hide them."""
        return f"fireline {name}"

    def found(self, sql: Dialect) -> cells.Found:
        """Every column as an expression."""
        return {name: sql.quote(self.column(name)) for name in self.columns}


def statements(plan: Plan, sql: Dialect, rows: Canonical) -> dict[str, str]:
    """By layout the SELECT that counts it. Quality is among them where the rows have a ``label``; layouts
    that no SQL counts (``gaps``) are not."""
    found = rows.found(sql)
    made = {
        "rates": _layout(plan, plan.rates, sql, rows, cells.rates(sql, plan, found, rows.unmade), once=False)
    }
    if plan.shapes.series:
        counted = cells.shapes(sql, plan.shapes, found, rows.unmade)
        made["shapes"] = _layout(plan, plan.shapes, sql, rows, counted)
    if plan.delays.series and "latency_ms" in found:
        made["delays"] = _layout(plan, plan.delays, sql, rows, cells.shapes(sql, plan.delays, found))
    if "label" in found:
        counted, sums = cells.quality(sql, plan, found)
        made["quality"] = _layout(plan, plan.quality, sql, rows, counted, sums, on_time=True)
    for layout in plan.extras:
        if layout.name in further() and ("label" in found or not layout.aged):
            added = further()[layout.name].added(sql, plan, layout, found)
            if added.cells or added.sums:
                made[layout.name] = _layout(
                    plan, layout, sql, rows, added.cells, added.sums, on_time=layout.aged
                )
    return made


def together(made: Sequence[str]) -> str:
    """Several SELECTs as one."""
    return "\nUNION ALL\n".join(f"SELECT * FROM (\n{one}\n)" for one in made)


def _layout(
    plan: Plan, layout: Layout, sql: Dialect, rows: Canonical, counted: Sequence[str],
    sums: Sequence[tuple[int | str, str]] = (), *, once: bool = True, on_time: bool = False,
) -> str:  # fmt: skip
    found = rows.found(sql)
    marks = [sql.integer(cell) for cell in counted]
    if sums:
        marks = [sql.pair(mark, sql.integer("1")) for mark in marks]
        marks += [sql.pair(sql.integer(str(cell)), amount) for cell, amount in sums]
    segments = [c for c, values in plan.segments.items() if values and c in found]
    kept = ["time", "late", "shadow", "version", *segments]
    picked = [f"{_or(found, name)} AS {sql.quote(Canonical.column(name))}" for name in dict.fromkeys(kept)]
    tests = [f"NOT {found['again']}"] if once and "again" in found else []
    tests += [f"NOT {found['late']}"] if on_time and "late" in found else []
    where = f"\n  WHERE {' AND '.join(tests)}" if tests else ""
    head = (
        f"WITH celled AS (\n  SELECT {', '.join(picked)},\n    {sql.listed(marks)} AS cells\n"
        f"  FROM ({rows.select}) AS events{where}\n)"
    )
    parts = _versions(layout, sql, bool(sums)) + _segments(plan, layout, sql, segments, bool(sums))
    return head + "\n" + "\nUNION ALL\n".join(parts)


def _or(found: cells.Found, name: str) -> str:
    absent = {"late": "FALSE", "shadow": "FALSE", "version": "''"}
    return found[name] if name in found else absent[name]


def _grouped(layout: Layout, sql: Dialect, grain: int, keys: Sequence[str], where: str, sums: bool) -> str:
    """One GROUP BY of tick, lateness, ``keys`` and cell: the count is ``n``."""
    tick = sql.whole(sql.quote(Canonical.column("time")), grain * MICROS)
    named = [f"{sql.quote(Canonical.column(key))} AS key{i}" for i, key in enumerate(keys)]
    late = sql.quote(Canonical.column("late"))
    test = f" WHERE {where}" if where else ""
    inner = (
        f"SELECT {tick} AS tick, {late} AS late, {', '.join(named)}, {sql.each('cells')} AS mark"
        f" FROM celled{test}"
    )
    cell, amount = (sql.cell_of("mark"), f"SUM({sql.amount_of('mark')})") if sums else ("mark", "COUNT(*)")
    by = ["tick", "late", *(f"key{i}" for i in range(len(keys))), cell]
    picked = [*by[:-1], f"{cell} AS cell", f"{sql.integer(amount)} AS n"]
    return (
        f"SELECT {', '.join(picked)}\n    FROM ({inner}) AS marked\n"
        f"    WHERE {cell} IS NOT NULL GROUP BY {', '.join(by)}"
    )


def _out(layout: Layout, sql: Dialect, grain: int, scope: str, source: str, n: str = "n") -> str:
    given = (
        sql.text(layout.identity), sql.integer(str(grain)), scope, "tick", "late", "cell", n,
    )  # fmt: skip
    named = ", ".join(f"{value} AS {sql.quote(name)}" for value, name in zip(given, COLUMNS, strict=True))
    return f"SELECT {named}\n  FROM {source}"


def _versions(layout: Layout, sql: Dialect, sums: bool) -> list[str]:
    """The service, its versions and their shadow calls: one GROUP BY, added up into scopes."""
    found = []
    name = sql.string("key1")
    scopes: dict[ScopeKind, str] = {
        "service": "CASE WHEN NOT key0 THEN 'service' END",
        "version": f"CASE WHEN NOT key0 AND key1 <> '' THEN concat('version=', {name}) END",
        "shadow": f"CASE WHEN key0 AND key1 IS NOT NULL THEN concat('shadow=', {name}) END",
    }
    for grain in sorted({layout.grains[kind] for kind in VERSIONED if kind in layout.grains}):
        mine = [said for kind, said in scopes.items() if layout.grains.get(kind) == grain]
        keys = _grouped(layout, sql, grain, ("shadow", "version"), "", sums)
        each = (
            f"SELECT tick, late, cell, n, {sql.each(sql.listed(mine))} AS whose\n  FROM (\n    {keys}\n  )"
            f" AS by_version"
        )
        whole = (
            f"(\n  SELECT whose, tick, late, cell, SUM(n) AS whole FROM (\n  {each}\n  ) AS scoped\n"
            f"  WHERE whose IS NOT NULL GROUP BY whose, tick, late, cell\n  ) AS by_scope"
        )
        found.append(_out(layout, sql, grain, "whose", whole, sql.integer("whole")))
    return found


def _segments(plan: Plan, layout: Layout, sql: Dialect, columns: Sequence[str], sums: bool) -> list[str]:
    if "segment" not in layout.grains:
        return []
    grain, found = layout.grains["segment"], []
    for column in columns:
        inside = cells.words(sql, plan.segments[column])
        shadow, value = (sql.quote(Canonical.column(name)) for name in ("shadow", column))
        keys = _grouped(layout, sql, grain, (column,), f"NOT {shadow} AND {value} IN ({inside})", sums)
        key = Scope("segment", column, "").key
        scope = f"concat({sql.text(key)}, {sql.string('key0')})"
        found.append(_out(layout, sql, grain, scope, f"(\n    {keys}\n  ) AS by_segment"))
    return found
