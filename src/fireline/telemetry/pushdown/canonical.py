"""From the columns of a table to canonical rows, as SQL: what intake does to a log with types.

Rows that intake would put aside (no time, a score that is no probability, a latency that is no length of
time) are left out here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from fireline.clock import micros
from fireline.errors import InputError, Where
from fireline.runbook.schema import Runbook
from fireline.telemetry.batch import Mapped, mapped
from fireline.telemetry.casts import ERROR_WORDS
from fireline.telemetry.outcomes import as_number
from fireline.telemetry.pushdown.cells import words
from fireline.telemetry.pushdown.dialects import Dialect
from fireline.telemetry.pushdown.making import made, unmade
from fireline.telemetry.pushdown.statement import Canonical
from fireline.telemetry.values import EARLIEST, LATEST
from fireline.terms.plan import Plan

Types = Mapping[str, pa.DataType]
NUMBERED = ("binary", "llm", "unknown", "ranking")


def of_batch(sql: Dialect, table: str, types: Types, plan: Plan) -> Canonical:
    """Rows of a table that is canonical already, such as a file of the lake; ``label``, where there is one,
    is taken as known when its cohort came of age."""
    picked = {name: sql.quote(name) for name in types if name not in ("row", "label", "late", "shadow")}
    picked["time"] = sql.micros(sql.quote("time"))
    for name, kind in types.items():
        if _is_number(kind):
            picked[name] = sql.real(sql.quote(name))
        elif pa.types.is_boolean(kind):
            picked[name] = f"coalesce({sql.quote(name)}, FALSE)"
    answered = {name: name for name in ("label", "prediction") if name in types}
    picked |= _answers(sql, plan, types, answered)
    return _select(sql, picked, table, [])


def of_table(
    runbook: Runbook, plan: Plan, sql: Dialect, table: str, types: Types,
    since: datetime | None = None, until: datetime | None = None,
) -> Canonical:  # fmt: skip
    """Rows of a service's own table with times in [since, until), by the runbook's columns.

    Raises InputError for a table without the column of times, or without any other that the runbook names.
    """
    columns = runbook.columns
    if columns.time not in types:
        raise InputError(
            f"the table has no column {columns.time!r}; it has {', '.join(list(types)[:40])}",
            where=Where(file=table, key="columns.time"), todo="name the column of times in the runbook",
        )  # fmt: skip
    time = sql.micros(sql.quote(columns.time))
    there = [m for m in mapped(columns) if m.column in types]
    picked = {"time": time} | {m.name: _form(sql, m, types[m.column]) for m in there}
    picked.pop("prediction", None)
    if "version" in picked:
        picked["version"] = f"coalesce({picked['version']}, '')"
    if "status" in picked:
        picked["error"] = _error(sql, picked["status"])
    if "latency_ms" in picked and columns.latency_unit != "ms":
        picked["latency_ms"] = f"({picked['latency_ms']} * {sql.number(columns.to_ms)})"
    picked |= made(sql, runbook, types, time)
    named = {"label": columns.label, "prediction": columns.prediction}
    given = {role: name for role, name in named.items() if name is not None and name in types}
    if runbook.labels is None:
        given.pop("label", None)
    answers = _answers(sql, plan, types, given)
    if "label" in answers and columns.label_time in types and runbook.labels is not None:
        age = int(runbook.labels.age.total_seconds() * 1_000_000)
        known = sql.micros(sql.quote(str(columns.label_time)))
        for name in ("label", "truth"):
            if name in answers:
                answers[name] = f"CASE WHEN {known} <= {time} + {age} THEN {answers[name]} END"
    first = max(EARLIEST, micros(since)) if since else EARLIEST
    last = min(LATEST, micros(until)) if until else LATEST
    reach = int(runbook.dedup_horizon.total_seconds() * 1_000_000) if columns.request_id in types else 0
    tests = [f"{time} >= {max(EARLIEST, first - reach)}", f"{time} < {last}", *_sound(sql, runbook, picked)]
    if columns.service is not None and columns.service in types:
        named_service = sql.string(sql.quote(columns.service))
        tests.append(f"coalesce({named_service}, {sql.text(runbook.service)}) = {sql.text(runbook.service)}")
    picked |= answers
    if columns.request_id in types:
        picked["again"] = _again(sql, runbook, picked)
    found = replace(_select(sql, picked, table, tests), unmade=unmade(runbook, picked))
    if not reach or since is None:
        return found
    # rows before ``since`` are read to know duplicates by, and not counted
    inside = f"{sql.quote(Canonical.column('time'))} >= {first}"
    return replace(found, select=f"SELECT * FROM ({found.select}) AS reached WHERE {inside}")


def _select(sql: Dialect, picked: Mapping[str, str], table: str, tests: list[str]) -> Canonical:
    named = [f"{said} AS {sql.quote(Canonical.column(name))}" for name, said in picked.items()]
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    return Canonical(f"SELECT {', '.join(named)} FROM {table}{where}", frozenset(picked))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _form(sql: Dialect, m: Mapped, kind: pa.DataType) -> str:
    column = sql.quote(m.column)
    if m.form == "truth":
        if pa.types.is_boolean(kind):
            return f"coalesce({column}, FALSE)"
        return f"coalesce(lower({sql.string(column)}) IN ('true', 't', 'yes', 'y', '1', '1.0'), FALSE)"
    if m.form == "number" and (_is_number(kind) or pa.types.is_boolean(kind)):
        return sql.real(column)
    if m.form == "number":
        return sql.real_or_null(sql.string(column))
    return f"nullif({_as_text(sql, column, kind)}, '')"


def _as_text(sql: Dialect, column: str, kind: pa.DataType) -> str:
    """Whole numbers have no fraction, truth values are true and false."""
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        number = sql.real(column)
        whole = f"{number} = floor({number}) AND abs({number}) < {sql.number(2.0**53)}"
        return f"CASE WHEN {whole} THEN {sql.string(sql.integer(number))} ELSE {sql.string(number)} END"
    if pa.types.is_boolean(kind):
        return f"CASE WHEN {column} THEN 'true' WHEN NOT {column} THEN 'false' END"
    return sql.string(column)


def _error(sql: Dialect, status: str) -> str:
    """500 to 999, or a word such as error, timeout, failed."""
    word = f"lower(trim({status}))"
    code = sql.real_or_null(sql.first_word(word))
    joined = sql.squeezed(word)
    ends = "".join(f" OR right({joined}, {len(end)}) = '{end}'" for end in ("_error", "exception", "timeout"))
    named = f"{joined} IN ({words(sql, sorted(ERROR_WORDS))}){ends}"
    starts = ("no_", "client_", "without_")
    plain = " AND ".join(f"left({joined}, {len(start)}) <> '{start}'" for start in starts)
    return (
        f"coalesce(CASE WHEN {code} IS NOT NULL THEN {code} >= 500 AND {code} < 1000"
        f" ELSE ({named}) AND {plain} END, FALSE)"
    )


def _sound(sql: Dialect, runbook: Runbook, picked: Mapping[str, str]) -> list[str]:
    """What intake asks of figures that cannot be."""
    tests = []
    if "score" in picked and runbook.task == "binary":
        score = picked["score"]
        tests.append(f"({sql.missing(score)} OR ({score} >= 0 AND {score} <= 1))")
    elif "score" in picked:
        tests.append(f"({sql.missing(picked['score'])} OR {_finite(sql, picked['score'])})")
    if "latency_ms" in picked:
        took = picked["latency_ms"]
        tests.append(f"({sql.missing(took)} OR ({took} >= 0 AND {_finite(sql, took)}))")
    if "weight" in picked:
        weight = picked["weight"]
        tests.append(f"({sql.missing(weight)} OR ({weight} > 0 AND {_finite(sql, weight)}))")
    return tests


def _finite(sql: Dialect, number: str) -> str:
    return f"abs({number}) <= {sql.number(1.7976931348623157e308)}"


def _again(sql: Dialect, runbook: Runbook, picked: Mapping[str, str]) -> str:
    """Whether the same request came before, within the horizon; of rows in order of time."""
    horizon = int(runbook.dedup_horizon.total_seconds() * 1_000_000)
    keys = [picked["request_id"], picked.get("version", "''"), picked.get("shadow", "FALSE")]
    time = picked["time"]
    before = (
        f"min({time}) OVER (PARTITION BY {', '.join(keys)} ORDER BY {time}"
        f" ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)"
    )
    count = (
        f"count(*) OVER (PARTITION BY {', '.join(keys)} ORDER BY {time}"
        f" ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)"
    )
    return f"({picked['request_id']} IS NOT NULL AND {count} > 0 AND {time} - {before} <= {horizon})"


def _answers(sql: Dialect, plan: Plan, types: Types, names: Mapping[str, str]) -> dict[str, str]:
    """Label and guess as ``tally.outcome`` gives them; prediction as a number where it is one."""
    found: dict[str, str] = {}
    said, truth = names.get("prediction"), names.get("label")
    if said is not None:
        if _is_number(types[said]) or pa.types.is_boolean(types[said]):
            found["prediction"] = sql.real(sql.quote(said))
        found["guess"] = _outcome(sql, plan, said, types[said])
    if truth is not None and plan.task == "multiclass" and said is not None:
        label, guess = (_nullable_text(sql, name, types[name]) for name in (truth, said))
        found["label"] = sql.real(
            f"CASE WHEN {label} IS NULL THEN NULL WHEN {label} = {guess} THEN 1 ELSE 0 END"
        )
        found |= {"truth": label, "said": guess}
    elif truth is not None:
        found["label"] = _outcome(sql, plan, truth, types[truth])
    return found


def _nullable_text(sql: Dialect, name: str, kind: pa.DataType) -> str:
    return f"nullif({_as_text(sql, sql.quote(name), kind)}, '')"


def _outcome(sql: Dialect, plan: Plan, name: str, kind: pa.DataType) -> str:
    column = sql.quote(name)
    if not (_is_number(kind) or pa.types.is_boolean(kind)):
        positive = sql.text(plan.positive if plan.positive is not None else "1")
        return sql.real(f"CASE WHEN {column} IS NULL THEN NULL WHEN {column} = {positive} THEN 1 ELSE 0 END")
    number = sql.real(column)
    if plan.task in NUMBERED and plan.positive is not None:
        positive_number = as_number(plan.positive)
        same = "FALSE" if positive_number != positive_number else f"{number} = {sql.number(positive_number)}"
        return sql.real(f"CASE WHEN {sql.missing(number)} THEN NULL WHEN {same} THEN 1 ELSE 0 END")
    return number
