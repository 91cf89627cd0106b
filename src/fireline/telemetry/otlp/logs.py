"""Log records: error lines, as error signals with their message's template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fireline.telemetry.otlp import Row, at, attributes, each, value

ERROR = 17
"""The least severity number of an error, by the OpenTelemetry log data model."""


def rows(request: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Row]]:
    """(resource, signal) for every record of severity ERROR or worse, named after its logger."""
    for resource, scope, record in each(request, "resourceLogs", "scopeLogs", "logRecords"):
        row = row_of(resource, scope, record)
        if row is not None:
            yield resource, row


def row_of(resource: Mapping[str, Any], scope: str, record: Mapping[str, Any]) -> Row | None:
    """The signal of a record; None for one that is less than an error, or has no time."""
    when = at(record.get("timeUnixNano")) or at(record.get("observedTimeUnixNano"))
    if not when or _severity(record) < ERROR:
        return None
    told = attributes(record.get("attributes"))
    said = told.get("exception.message") or value(record.get("body")) or ""
    name = str(scope or told.get("logger.name") or "log")
    return {"at": when, "kind": "error", "name": name, "message": str(said),
            "host": resource.get("host.name")}  # fmt: skip


def _severity(record: Mapping[str, Any]) -> int:
    told = record.get("severityNumber")
    if isinstance(told, int):
        return told
    named = str(told or record.get("severityText") or "").upper()
    return ERROR if any(word in named for word in ("ERROR", "FATAL", "CRITICAL")) else 0
