"""OpenTelemetry over HTTP: spans, log records and metrics as signals. One file for each of the three.

Every file turns one decoded request (the JSON form of OTLP) into rows of signals; ``decoded`` reads JSON and
protobuf alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from fireline.clock import iso
from fireline.errors import InputError, SettingsError

What = Literal["traces", "logs", "metrics"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = dict[str, Any]
PROTOBUF = ("application/x-protobuf", "application/protobuf")


def decoded(what: What, body: bytes, form: str) -> Mapping[str, Any]:
    """One export request as its JSON form. Raises InputError for a body that is none, SettingsError where
    protobuf cannot be read here."""
    try:
        if form.split(";")[0].strip() in PROTOBUF:
            return _message(what, body)
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"not an OTLP request for {what}: {str(error)[:200]}",
            todo=f"post to /v1/otlp/v1/{what} as an OTLP/HTTP exporter does",
        ) from None  # fmt: skip
    if not isinstance(found, dict):
        raise InputError(f"not an OTLP request for {what}", todo="send one JSON object")
    return found


def _message(what: What, body: bytes) -> Mapping[str, Any]:
    try:
        from google.protobuf.json_format import MessageToDict
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"protobuf cannot be read here: {error.name} is missing",
            todo="pip install opentelemetry-proto, or set the exporter to http/json",
        ) from None
    kinds: dict[str, Any] = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest,
             "metrics": ExportMetricsServiceRequest}  # fmt: skip
    message = kinds[what]()
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from None
    found: Mapping[str, Any] = MessageToDict(message)
    return found


def encoded(what: What, told: Mapping[str, Any]) -> bytes:
    """The answer to an export request, given in its JSON form, as protobuf."""
    if not told:
        return b""
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    kinds: dict[str, Any] = {"traces": ExportTraceServiceResponse, "logs": ExportLogsServiceResponse,
             "metrics": ExportMetricsServiceResponse}  # fmt: skip
    found: bytes = ParseDict(dict(told), kinds[what]()).SerializeToString()
    return found


def each(
    request: Mapping[str, Any], groups: str, scopes: str, items: str
) -> Iterator[tuple[Mapping[str, Any], str, Mapping[str, Any]]]:
    """Every item with its resource's attributes and its scope's name. What is not of the shape is skipped."""
    for group in _list(request.get(groups)):
        resource = attributes((group.get("resource") or {}).get("attributes"))
        for scope in _list(group.get(scopes)):
            name = str((scope.get("scope") or {}).get("name") or "")
            for item in _list(scope.get(items)):
                yield resource, name, item


def attributes(pairs: Any) -> dict[str, Any]:
    """Attributes by name, their values plain."""
    return {str(p.get("key")): value(p.get("value")) for p in _list(pairs)}


def value(told: Any) -> Any:
    """An AnyValue as a plain one; lists and maps as JSON."""
    if not isinstance(told, Mapping) or not told:
        return None
    kind, held = next(iter(told.items()))
    if kind == "intValue":
        return int(held)
    if kind in ("stringValue", "boolValue", "doubleValue"):
        return held
    return json.dumps(held)


def at(nanos: Any) -> str | None:
    """The instant that ``nanos`` since 1970 is, or None."""
    try:
        micros = int(nanos) // 1000
    except (TypeError, ValueError):
        return None
    return iso(EPOCH + timedelta(microseconds=micros)) if micros > 0 else None


def by_service(
    rows: Iterator[tuple[Mapping[str, Any], Row]], service: str, known: Callable[[str], bool]
) -> tuple[dict[str, list[Row]], int]:
    """Rows by Fireline's service: the one asked for, or the one that ``service.name`` says; and how many are
    of none that is known."""
    found: dict[str, list[Row]] = {}
    lost = 0
    for resource, row in rows:
        name = service or str(resource.get("service.name") or "")
        if known(name):
            found.setdefault(name, []).append(row)
        else:
            lost += 1
    return found, lost


def _list(value: Any) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
