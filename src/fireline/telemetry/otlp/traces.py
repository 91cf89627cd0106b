"""Spans: calls to models, tools and other dependencies, as call signals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fireline.telemetry.otlp import Row, at, attributes, each

CLIENTS = {3, "SPAN_KIND_CLIENT"}
FAILED = {2, "STATUS_CODE_ERROR"}
NAMES = ("peer.service", "db.system.name", "db.system", "rpc.service", "messaging.system", "server.address",
         "net.peer.name", "http.host")  # fmt: skip
"""What a client span says of whom it called, the most telling first."""


def rows(request: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Row]]:
    """(resource, signal) for every span that is a call: of a model (``gen_ai``), a tool, or a client's."""
    for resource, _, span in each(request, "resourceSpans", "scopeSpans", "spans"):
        row = row_of(resource, span)
        if row is not None:
            yield resource, row


def row_of(resource: Mapping[str, Any], span: Mapping[str, Any]) -> Row | None:
    """The signal of a span; None for one that is no call, or has no end."""
    told = attributes(span.get("attributes"))
    name = called(told, span.get("kind"))
    ended = at(span.get("endTimeUnixNano"))
    if not name or not ended:
        return None
    status = span.get("status") or {}
    failed = status.get("code") in FAILED or bool(told.get("error.type"))
    row: Row = {"at": ended, "kind": "call", "name": name, "ok": not failed,
                "latency_ms": took(span), "host": resource.get("host.name")}  # fmt: skip
    return row | ({"message": _message(span, told)} if failed else {})


def called(told: Mapping[str, Any], kind: Any) -> str | None:
    """What a span called: ``model:NAME``, ``tool:NAME``, a dependency's name, or None for no call."""
    if told.get("gen_ai.tool.name"):
        return f"tool:{told['gen_ai.tool.name']}"
    if told.get("gen_ai.operation.name") or told.get("gen_ai.system") or told.get("gen_ai.provider.name"):
        model = (
            told.get("gen_ai.request.model") or told.get("gen_ai.provider.name") or told.get("gen_ai.system")
        )
        return f"model:{model}"
    if kind not in CLIENTS:
        return None
    return next((str(told[name]) for name in NAMES if told.get(name)), None)


def took(span: Mapping[str, Any]) -> float | None:
    """How long a span lasted in milliseconds, or None."""
    try:
        return max(0, int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e6
    except (KeyError, TypeError, ValueError):
        return None


def _message(span: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """What went wrong: the status's words, the exception's, or the kind of error."""
    status = str((span.get("status") or {}).get("message") or "")
    for event in span.get("events") or ():
        status = status or str(attributes(event.get("attributes")).get("exception.message") or "")
    return status or str(told.get("error.type") or "failed")
