"""Canonical columns that are made of raw ones at intake, so that the raw ones are kept nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.runbook.dates import Dates
from fireline.runbook.schema import Columns
from fireline.telemetry.casts import plain, to_text
from fireline.telemetry.columns import Array
from fireline.telemetry.instants import read_instants
from fireline.telemetry.moderations import flags_in
from fireline.telemetry.texts import drawn
from fireline.telemetry.vectors import PROJECTIONS, projected

MOST_TOOLS = 50


def derived_types(columns: Columns) -> Mapping[str, pa.DataType]:
    """The columns made, and their types."""
    found: dict[str, pa.DataType] = {}
    for text in columns.texts:
        found |= {f"{text}.length": pa.float64(), f"{text}.words": pa.float64()}
        found |= {f"{text}.language": pa.string(), f"{text}.sketch": pa.binary()}
    for name in columns.embeddings:
        found |= {column: pa.float64() for column in vector_columns(name)}
    found |= {f"{feature}.age": pa.float64() for feature in columns.feature_times}
    if columns.tools is not None:
        found |= {"tools.calls": pa.float64(), "tools.names": pa.string()}
    return found


def vector_columns(name: str) -> tuple[str, ...]:
    """The columns kept of an embedding: its norm, then its projections."""
    return (f"{name}.norm", *(f"{name}.p{i}" for i in range(PROJECTIONS)))


def made_of(columns: Columns) -> frozenset[str]:
    """The raw columns that are made into others."""
    more = {c for c in (columns.tools, columns.moderation) if c is not None}
    return frozenset({*columns.texts, *columns.embeddings, *columns.feature_times.values(), *more})


def hidden(columns: Columns) -> frozenset[str]:
    """Raw columns that may be shown and kept nowhere, not even of a row put aside."""
    more = {columns.moderation} if columns.moderation is not None else set()
    return frozenset({*columns.texts, *columns.embeddings, *more})


def derive(columns: Columns, table: pa.Table, instants: Array, zone: str) -> dict[str, pa.Array]:
    """The columns of ``derived_types`` for raw rows [n] answered at ``instants`` (int64 microseconds); null
    where the raw column lacks. Times without an offset are taken in ``zone``."""
    found = {name: pa.nulls(len(table), kind) for name, kind in derived_types(columns).items()}
    for text in (c for c in columns.texts if c in table.column_names):
        got = drawn(to_text(table.column(text)).values)
        found |= {f"{text}.length": got.length, f"{text}.words": got.words}
        found |= {f"{text}.language": got.language, f"{text}.sketch": got.sketch}
    for name in (c for c in columns.embeddings if c in table.column_names):
        norms, parts = projected(plain(table.column(name)))
        for column, values in zip(vector_columns(name), (norms, *parts.T), strict=True):
            found[column] = pa.array(values, from_pandas=True)
    for feature, column in columns.feature_times.items():
        if column in table.column_names:
            found[f"{feature}.age"] = _age(table.column(column), instants, zone, columns.dates)
    if columns.tools is not None and columns.tools in table.column_names:
        called = [list(_tools(value)) for value in plain(table.column(columns.tools)).to_pylist()]
        found["tools.calls"] = pa.array([float(len(names)) for names in called], pa.float64())
        joined = [json.dumps(sorted(set(names))[:MOST_TOOLS]) for names in called]
        found["tools.names"] = pa.array(joined, pa.string())
    return found


def moderated(columns: Columns, table: pa.Table, flags: list[str]) -> dict[str, pa.Array]:
    """Those of ``flags`` that the log has no column for, read from its moderation results."""
    missing = [flag for flag in flags if flag not in table.column_names]
    if not missing or columns.moderation is None or columns.moderation not in table.column_names:
        return {}
    results = plain(table.column(columns.moderation)).to_pylist()
    told = [flags_in(result) for result in results]
    return {flag: pa.array([flag in one for one in told]) for flag in missing}


def _age(column: Any, instants: Array, zone: str, dates: Dates | None) -> pa.Array:
    """Seconds since the feature was computed, null where that cannot be read."""
    when = read_instants(column, zone, dates)
    age = (instants - when.micros) / 1e6
    return pa.array(np.where(when.missing | when.bad, np.nan, age), from_pandas=True)


def _tools(value: Any) -> Iterator[str]:
    """The names of tools called, whatever form a log gives them: a name, names, objects with a name."""
    if isinstance(value, str):
        if value[:1] not in ("[", "{"):
            yield from (part.strip() for part in value.split(",") if part.strip())
            return
        try:
            value = json.loads(value)
        except ValueError:
            return
        yield from _tools(value)
    elif isinstance(value, list):
        for one in value:
            yield from _tools(one)
    elif isinstance(value, dict):
        inner = value.get("function")
        name = value.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
        if isinstance(name, str) and name:
            yield name
