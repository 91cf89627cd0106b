"""The canonical batch: one shape for events, whatever log they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from fireline.errors import RunbookError, Where
from fireline.runbook.schema import Columns

INSTANT = pa.timestamp("us", tz="UTC")

Form = Literal["time", "text", "number", "flag", "truth", "answer"]

ALWAYS = (
    "time",
    "request_id",
    "version",
    "shadow",
    "weight",
    "score",
    "prediction",
    "latency_ms",
    "status",
    "error",
    "row",
    "late",
)
TEXT_ROLES = ("rung", "switch", "host", "source", "arm", "query", "item")
NUMBER_ROLES = ("outcome", "rank")
SPARSE = ("shadow", "weight", "rung", "switch", "host", "source", "arm", "outcome")
"""Roles that a log of JSON lines may leave out of every row."""
GUARDED = ("rung", "switch", "host", "weight", "shadow")
"""Roles that a guard writes: a log from before there was one lacks them."""
EVIDENCE = ("score", "prediction", "latency_ms", "status")


@dataclass(frozen=True, slots=True)
class Mapped:
    """One canonical column: where it comes from in the log and what form it takes."""

    name: str
    column: str
    form: Form


def mapped(columns: Columns) -> tuple[Mapped, ...]:
    """Every column of the log that goes into the canonical batch, but for time, labels and the service's
    name.

    Raises RunbookError where a feature or segment has the name of a column that Fireline itself adds.
    """
    roles = columns.roles()
    found = {
        name: Mapped(name, roles[name], form)
        for names, form in _ROLE_FORMS for name in names if name in roles
    }  # fmt: skip
    own: dict[str, str] = {name: m.column for name, m in found.items()} | {"time": columns.time}
    for name, form in _named(columns).items():
        if own.get(name, name if name not in ALWAYS else None) != name:
            raise RunbookError(
                f"the column {name!r} has the name of a column that Fireline adds itself",
                where=Where(key="columns"),
                todo=f"give it another name in the log, or list it under columns.ignore instead of as "
                f"{_AS[form]}",
            )
        if name not in own:
            found[name] = Mapped(name, name, form)
    return tuple(found.values())


_AS = {"number": "a feature", "text": "a segment or feature", "truth": "a flag"}
_ROLE_FORMS: tuple[tuple[tuple[str, ...], Form], ...] = (
    (("request_id", "version"), "text"), (("shadow",), "truth"), (("weight", "score"), "number"),
    (("prediction",), "answer"), (("latency_ms",), "number"), (("status",), "text"), (TEXT_ROLES, "text"),
    (NUMBER_ROLES, "number"),
)  # fmt: skip


def _named(columns: Columns) -> Mapping[str, Form]:
    """Columns that keep their own names. One that is a numeric feature and a segment is a number."""
    named: dict[str, Form] = {}
    named |= dict.fromkeys(columns.segments, "text")
    named |= dict.fromkeys(columns.groups, "text")
    named |= dict.fromkeys(columns.class_scores.values(), "number")
    named |= {name: "number" if kind == "numeric" else "text" for name, kind in columns.features.items()}
    named |= dict.fromkeys(columns.flags, "truth")
    return named
