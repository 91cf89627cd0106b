"""OpenTelemetry in, over HTTP: an exporter's endpoint is this server's /v1/otlp."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from fireline.ids import stable_id
from fireline.live.door import unpacked
from fireline.runbook.spans import Spans
from fireline.telemetry.otlp import PROTOBUF, Row, What, by_service, decoded, logs, metrics
from fireline.telemetry.otlp.genai import only, parted
from fireline.web.api.answers import running_of
from fireline.web.auth.who import Caller, service_token

router = APIRouter(prefix="/v1/otlp/v1", tags=["telemetry"])
Ingest = Annotated[Caller, Depends(service_token("ingest"))]
Form = Annotated[str, Header(alias="Content-Type", max_length=200)]
Encoding = Annotated[str, Header(alias="Content-Encoding", max_length=40)]
Service = Annotated[
    str, Query(description="The service all of it is about; without it each resource's `service.name`.")
]
ROWS = {"logs": logs.rows, "metrics": metrics.rows}
JSONL = "application/x-ndjson"


@router.post("/traces")
async def take_traces(
    request: Request, caller: Ingest, content_type: Form = "application/json",
    content_encoding: Encoding = "", service: Service = "",
) -> Response:  # fmt: skip
    """Take spans: calls to models, tools and dependencies become call signals, and the requests of a service
    whose runbook has `spans:` its events; of prompts and answers only figures are kept."""
    running = running_of(request)
    told = decoded("traces", unpacked(await request.body(), content_encoding), content_type)
    books = running.runbooks

    def spans_of(name: str) -> Spans | None:
        return books[name].spans if name in books else None

    signals, events = parted(told, service, spans_of)
    lost = await _deliver(request, caller, "signals", iter(signals), service)
    lost += await _deliver(request, caller, "events", iter(events), service)
    return _answer("traces", lost, content_type)


@router.post("/logs")
async def take_logs(
    request: Request, caller: Ingest, content_type: Form = "application/json",
    content_encoding: Encoding = "", service: Service = "",
) -> Response:  # fmt: skip
    """Take log records: error lines become error signals, by the template of their message."""
    return await _take(request, "logs", caller, content_type, content_encoding, service)


@router.post("/metrics")
async def take_metrics(
    request: Request, caller: Ingest, content_type: Form = "application/json",
    content_encoding: Encoding = "", service: Service = "",
) -> Response:  # fmt: skip
    """Take metrics: gauges, sums that may fall, and the means of histograms become gauge signals."""
    return await _take(request, "metrics", caller, content_type, content_encoding, service)


async def _take(
    request: Request, what: What, caller: Caller, form: str, encoding: str, service: str
) -> Response:
    body = unpacked(await request.body(), encoding)
    lost = await _deliver(request, caller, "signals", ROWS[what](decoded(what, body, form)), service)
    return _answer(what, lost, form)


async def _deliver(
    request: Request, caller: Caller, kind: str, found_rows: Iterator[tuple[Mapping[str, Any], Row]],
    service: str,
) -> int:  # fmt: skip
    """Hand the rows to each service's door, on disk when this returns; how many are of no service here."""
    running = running_of(request)
    found, lost = by_service(found_rows, service, lambda n: n in running.runbooks)
    for name, rows in found.items():
        caller.require(name)
        if kind == "events":
            columns = running.runbooks[name].columns
            wanted = running.doors[name].intake.wanted
            rows = [only(row, wanted, columns.flags) for row in rows]
        lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        key = "otlp:" + stable_id("otlp", name, lines.decode(), size=12)  # an exporter that tries again
        await run_in_threadpool(running.take, name, kind, lines, JSONL, key, "")
    return lost


def _answer(what: What, lost: int, form: str) -> Response:
    """What the protocol wants: an empty answer, or how many were rejected and why."""
    if form.split(";")[0].strip() in PROTOBUF:
        return Response(b"", media_type=PROTOBUF[0])
    rejected = {"traces": "rejectedSpans", "logs": "rejectedLogRecords", "metrics": "rejectedDataPoints"}
    told: dict[str, Any] = {}
    if lost:
        says = "their service.name names no service here: set it, or post with ?service=NAME"
        told["partialSuccess"] = {rejected[what]: lost, "errorMessage": says}
    return Response(json.dumps(told), media_type="application/json")
