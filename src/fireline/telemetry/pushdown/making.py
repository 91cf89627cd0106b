"""What Fireline makes of raw columns at intake, as far as SQL can: a text's length, a feature's age."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa

from fireline.runbook.schema import Runbook
from fireline.telemetry.derived import derived_types
from fireline.telemetry.pushdown.dialects import Dialect

Types = Mapping[str, pa.DataType]


def made(sql: Dialect, runbook: Runbook, types: Types, time: str) -> dict[str, str]:
    """Canonical columns made of raw ones: name -> expression. ``time`` is the event's, in microseconds."""
    columns, found = runbook.columns, dict[str, str]()
    for text in columns.texts:
        if text in types and _is_text(types[text]):
            found[f"{text}.length"] = sql.real(sql.characters(f"nullif({sql.quote(text)}, '')"))
    for feature, column in columns.feature_times.items():
        if column in types and pa.types.is_timestamp(types[column]):
            age = f"({time} - {sql.micros(sql.quote(column))})"
            found[f"{feature}.age"] = f"({sql.real(age)} / {sql.number(1e6)})"
    return found


def unmade(runbook: Runbook, there: Collection[str]) -> frozenset[str]:
    """The canonical columns that Fireline makes of raw ones and that are not ``there``."""
    return frozenset(derived_types(runbook.columns)) - frozenset(there)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
