"""Which cell a row adds to, as SQL: the same rules as the tally's, said in comparisons.

Every function takes expressions and gives one. Cells are numbers in the layout; null adds to none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from fireline.telemetry.layout import MOST
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.tally import FIXED_POINT, LARGEST_ERROR, RANGE_MARGIN
from fireline.terms.counts import Series
from fireline.terms.plan import Layout, Plan

Found = Mapping[str, str]
"""Canonical column -> the expression that holds it; what the table lacks is not in it."""


def among(sql: Dialect, value: str, edges: Sequence[float], first: int) -> str:
    """``first`` plus how many of the rising ``edges`` a double has reached, as a tree of comparisons."""
    if not edges:
        return str(first)
    middle = len(edges) // 2
    left = among(sql, value, edges[:middle], first)
    right = among(sql, value, edges[middle + 1 :], first + middle + 1)
    return f"CASE WHEN {value} < {sql.number(edges[middle])} THEN {left} ELSE {right} END"


def numeric(sql: Dialect, series: Series, value: str, offset: int) -> str:
    """The bin of a double, below, above or null."""
    edges, bins = series.edges, len(series.edges) - 1
    return (
        f"CASE WHEN {sql.missing(value)} THEN {offset + bins + 2}"
        f" WHEN {value} < {sql.number(edges[0])} THEN {offset + bins}"
        f" WHEN {value} > {sql.number(edges[-1])} THEN {offset + bins + 1}"
        f" ELSE {among(sql, value, edges[1:-1], offset)} END"
    )


def category(sql: Dialect, series: Series, value: str, offset: int) -> str:
    """The cell of a word: its own, other, unseen or null."""
    top = len(series.values)
    said = f"CASE WHEN {value} IS NULL THEN {offset + top + 2}"
    for i, word in enumerate(series.values):
        said += f" WHEN {value} = {sql.text(word)} THEN {offset + i}"
    if series.known:
        said += f" WHEN {value} IN ({words(sql, series.known)}) THEN {offset + top}"
    return f"{said} ELSE {offset + top + 1} END"


def words(sql: Dialect, values: Sequence[str]) -> str:
    """A list of words, for IN."""
    return ", ".join(sql.text(value) for value in values) or "NULL"


def shapes(sql: Dialect, layout: Layout, found: Found, unmade: Set[str] = frozenset()) -> list[str]:
    """A cell of each series for every row, but of columns that are ``unmade``."""
    cells = []
    for series in layout.series:
        column = "latency_ms" if series.kind == "latency" else series.name.removeprefix("feature:")
        if column in unmade:
            continue
        offset = layout.offsets[series.name]
        if column not in found:
            cells.append(str(offset + series.width - 1))
        elif series.kind == "category":
            cells.append(category(sql, series, found[column], offset))
        else:
            cells.append(numeric(sql, series, found[column], offset))
    return cells


def rates(sql: Dialect, plan: Plan, found: Found, unmade: Set[str] = frozenset()) -> list[str]:
    """The cells of the conditions that hold for a row, but those of columns that are ``unmade``."""
    holds = {"n": "TRUE"}
    if "error" in found:
        holds["error"] = found["error"]
    if "rung" in found:
        holds["fallback"] = f"{found['rung']} NOT IN ('', 'current')"
    if plan.latency_p95 is not None and "latency_ms" in found:
        took = found["latency_ms"]
        there = f"NOT {sql.missing(took)}"
        holds["timed"] = there
        holds["slow"] = f"{there} AND {took} > {sql.number(plan.latency_p95)}"
        holds["very_slow"] = f"{there} AND {took} > {sql.number(1.25 * plan.latency_p95)}"
    holds |= {f"flag:{name}": found[name] for name in plan.flags if name in found}
    for name in (feature for feature in plan.features if feature not in unmade):
        holds |= _feature(sql, plan.shapes.by_name[f"feature:{name}"], name, found)
    again = found.get("again")
    once = {cell: f"NOT {again} AND ({test})" if again else test for cell, test in holds.items()}
    if again:
        once["duplicate"] = again
    return _where(plan.rates, "rates", once)


def _feature(sql: Dialect, series: Series, name: str, found: Found) -> dict[str, str]:
    if name not in found:
        return {f"null:{name}": "TRUE"}
    value = found[name]
    if series.kind == "category":
        seen = series.values + series.known
        unseen = f"{value} NOT IN ({words(sql, seen)})" if seen else f"{value} IS NOT NULL"
        return {f"null:{name}": f"{value} IS NULL", f"unseen:{name}": unseen}
    low, high = series.edges[0], series.edges[-1]
    margin = RANGE_MARGIN * (high - low)
    outside = f"{value} < {sql.number(low - margin)} OR {value} > {sql.number(high + margin)}"
    missing = sql.missing(value)
    return {f"null:{name}": missing, f"out:{name}": f"NOT {missing} AND ({outside})"}


def _where(layout: Layout, series: str, holds: Mapping[str, str]) -> list[str]:
    index = {cell: layout.offsets[series] + i for i, cell in enumerate(layout.by_name[series].cells)}
    return [f"CASE WHEN {test} THEN {index[cell]} END" for cell, test in holds.items() if cell in index]


def quality(sql: Dialect, plan: Plan, found: Found) -> tuple[list[str], list[tuple[int, str]]]:
    """The cells a row counts in, and (cell, amount) of its fixed-point sums. ``found`` has ``label``, as
    ``tally.outcome`` gives it, and ``guess``, the prediction in the same form, where it is to be compared."""
    layout, label = plan.quality, found["label"]
    known = f"NOT {sql.missing(label)}"
    holds = {"n": "TRUE", "labelled": known, "positive": f"{known} AND {label} = 1"}
    guess = label if plan.task == "multiclass" else found.get("guess") if plan.task != "regression" else None
    if guess is not None:
        judged = f"{known} AND NOT {sql.missing(guess)}"
        same = "1" if plan.task == "multiclass" else guess
        holds |= {"judged": judged, "correct": f"{judged} AND {label} = {same}"}
    cells = _where(layout, "labels", holds)
    if "score" in found and plan.task != "regression":
        for name, value in (("negatives", 0), ("positives", 1)):
            cells.append(scored(sql, layout, name, found["score"], f"{known} AND {label} = {value}"))
    start = layout.offsets["moments"]
    place = {cell: start + i for i, cell in enumerate(layout.by_name["moments"].cells)}
    figures = _moments(sql, plan, found)
    return cells, [(place[name], fixed(sql, figure)) for name, figure in figures.items()]


def scored(sql: Dialect, layout: Layout, name: str, score: str, which: str) -> str:
    """The score's bin of series ``name`` where ``which`` holds: below first, above last."""
    edges, offset = layout.by_name[name].edges, layout.offsets[name]
    last = len(edges)
    return (
        f"CASE WHEN NOT ({which}) OR {sql.missing(score)} THEN NULL"
        f" WHEN {score} > {sql.number(edges[-1])} THEN {offset + last}"
        f" ELSE {among(sql, score, edges[:-1], offset)} END"
    )


def fixed(sql: Dialect, figure: str, point: int = FIXED_POINT) -> str:
    """A figure in millionths, 0 where there is none."""
    return sql.integer(
        f"CASE WHEN {sql.missing(figure)} THEN 0 ELSE {sql.rounded(f'({figure}) * {point}e0')} END"
    )


def finite(sql: Dialect, number: str) -> str:
    """Whether a double is a number, and no infinite one."""
    return f"(NOT {sql.missing(number)} AND abs({number}) <= {sql.number(MOST)})"


def clipped(sql: Dialect, number: str, low: float, high: float) -> str:
    """A double that is there, kept within [low, high]."""
    least, most = sql.number(low), sql.number(high)
    return f"(CASE WHEN {number} < {least} THEN {least} WHEN {number} > {most} THEN {most} ELSE {number} END)"


def place(sql: Dialect, value: str, names: Sequence[str], other: str = "NULL") -> str:
    """The place of a word among ``names``, ``other`` where it is another, null where it is missing."""
    cases = "".join(f" WHEN {value} = {sql.text(name)} THEN {i}" for i, name in enumerate(names))
    return f"(CASE WHEN {value} IS NULL THEN NULL{cases} ELSE {other} END)"


def chosen(sql: Dialect, plan: Plan, found: Found, how: str) -> str:
    """1 where the event was given the positive answer, 0 where another, null where none, as
    ``outcomes.chosen`` says it."""
    if how == "prediction" and "guess" in found:
        guess = found["guess"]
        return f"(CASE WHEN {sql.missing(guess)} THEN NULL WHEN {guess} = 1 THEN 1 ELSE 0 END)"
    if how == "score" and "score" in found:
        score = found["score"]
        line = f"{score} >= {sql.number(plan.line)}"
        return f"(CASE WHEN {sql.missing(score)} THEN NULL WHEN {line} THEN 1 ELSE 0 END)"
    return "NULL"


def _moments(sql: Dialect, plan: Plan, found: Found) -> dict[str, str]:
    label = found["label"]
    if plan.task == "regression":
        if "prediction" not in found:
            return {}
        gap = f"(({label} - {found['prediction']}) / {sql.number(plan.error_scale)})"
        most, least = sql.number(LARGEST_ERROR), sql.number(-LARGEST_ERROR)
        gap = (
            f"(CASE WHEN {sql.missing(gap)} THEN NULL WHEN {gap} > {most} THEN {most}"
            f" WHEN {gap} < {least} THEN {least} ELSE {gap} END)"
        )
        return {"error": gap, "error2": f"({gap} * {gap})", "absolute": f"abs({gap})"}
    if "score" not in found or plan.task == "multiclass":
        return {}
    score = found["score"]
    inside = f"NOT {sql.missing(score)} AND {score} >= 0 AND {score} <= 1"
    gap = f"(CASE WHEN {inside} THEN {label} - {score} END)"
    p = (
        f"(CASE WHEN {score} < {sql.number(1e-3)} THEN {sql.number(1e-3)}"
        f" WHEN {score} > {sql.number(1 - 1e-3)} THEN {sql.number(1 - 1e-3)} ELSE {score} END)"
    )
    one = sql.number(1.0)
    lean = f"(CASE WHEN {inside} THEN {gap} * (ln({p} / ({one} - {p})) - {sql.number(plan.logit_mean)}) END)"
    return {
        "bias": gap, "bias2": f"({gap} * {gap})", "slope": lean, "slope2": f"({lean} * {lean})",
        "absolute": f"abs({gap})",
    }  # fmt: skip
