"""OpenTelemetry in, over HTTP: an exporter's endpoint is this server's /v1/otlp."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from fireline.ids import stable_id
from fireline.live.door import unpacked
from fireline.runbook.spans import Spans
from fireline.telemetry.otlp import PROTOBUF, Row, What, by_service, decoded, encoded, messages, metrics
from fireline.telemetry.otlp.genai import Happened, only, parted
from fireline.web.api.answers import running_of
from fireline.web.auth.who import Caller, service_token

router = APIRouter(prefix="/v1/otlp/v1", tags=["telemetry"])
Ingest = Annotated[Caller, Depends(service_token("ingest"))]
Form = Annotated[str, Header(alias="Content-Type", max_length=200)]
Encoding = Annotated[str, Header(alias="Content-Encoding", max_length=40)]
Service = Annotated[
    str, Query(description="The service all of it is about; without it each resource's `service.name`.")
]
JSONL = "application/x-ndjson"
PATIENCE = 6.0
"""Seconds that spans wait for messages that come as logs. They are answered only then, so that nothing that
was acknowledged lies in memory alone; an exporter gives up after ten."""
LOOK_AGAIN = 0.05
UNREAD = (
    "{n} GenAI log records were not read: this service's runbook reads spans only; write `read: both` under "
    "`spans:`, or `read: logs` where no spans come"
)
LATE = "{n} GenAI log records came after their call's event was made, and are not part of it"


@dataclass(frozen=True)
class Export:
    """One export as it came: from whom, of which ``form`` and ``encoding``, and about which ``service``, ""
    where each resource says that itself."""

    request: Request
    caller: Caller
    form: str
    encoding: str
    service: str

    async def told(self, what: What) -> Mapping[str, Any]:
        """The body, decoded. Raises InputError."""
        return decoded(what, unpacked(await self.request.body(), self.encoding), self.form)

    @property
    def calls(self) -> messages.Calls:
        """What was said in calls whose spans have not come."""
        return cast(messages.Calls, self.request.app.state.calls)

    def spans_of(self, name: str) -> Spans | None:
        """What the runbook of a service says of its spans; refused for a service that is not the caller's."""
        books = running_of(self.request).runbooks
        if name not in books:
            return None
        self.caller.require(name)
        return books[name].spans

    async def deliver(self, kind: str, found_rows: Iterable[tuple[Mapping[str, Any], Row]]) -> int:
        """Hand the rows to each service's door, on disk when this returns; how many are of no service
        here."""
        running = running_of(self.request)
        found, lost = by_service(iter(found_rows), self.service, lambda n: n in running.runbooks)
        for name, rows in found.items():
            self.caller.require(name)
            if kind == "events":
                columns = running.runbooks[name].columns
                wanted = running.doors[name].intake.wanted
                rows = [only(row, wanted, columns.flags) for row in rows]
            lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
            key = "otlp:" + stable_id("otlp", name, lines.decode(), size=12)  # an exporter that tries again
            await run_in_threadpool(running.take, name, kind, lines, JSONL, key, "")
        return lost


def _export(
    request: Request, caller: Ingest, content_type: Form = "application/json",
    content_encoding: Encoding = "", service: Service = "",
) -> Export:  # fmt: skip
    return Export(request, caller, content_type, content_encoding, service)


Came = Annotated[Export, Depends(_export)]


@router.post("/traces")
async def take_traces(came: Came) -> Response:
    """Take spans: calls to models, tools and dependencies become call signals, and the requests of a service
    whose runbook has `spans:` its events; of prompts and answers only figures are kept."""
    told, calls = await came.told("traces"), came.calls
    keys = list(messages.awaited(told, came.service, came.spans_of))
    await _until_said(calls, keys)

    def said_in(name: str, trace: str, span: str, answer: Any) -> Happened:
        return messages.happened_in(calls, (name, trace, span), answer)

    signals, events = parted(told, came.service, came.spans_of, said_in)
    lost = await came.deliver("signals", signals) + await came.deliver("events", events)
    for key, _ in keys:
        calls.made(key)
    return _answer("traces", lost, came.form)


@router.post("/logs")
async def take_logs(came: Came) -> Response:
    """Take log records: error lines become error signals, by the template of their message; GenAI messages
    and evaluations of a service whose runbook reads them (`read:` under `spans:`) join their call's event, or
    make it."""
    told = await came.told("logs")
    found = messages.parted(told, came.service, came.spans_of, came.calls, monotonic())
    lost = await came.deliver("signals", found.signals) + await came.deliver("events", found.events)
    says = [LATE.format(n=found.late)] if found.late else []
    says += [UNREAD.format(n=found.unread)] if found.unread else []
    return _answer("logs", lost, came.form, found.late + found.unread, says)


@router.post("/metrics")
async def take_metrics(came: Came) -> Response:
    """Take metrics: gauges, sums that may fall, and the means of histograms become gauge signals."""
    lost = await came.deliver("signals", metrics.rows(await came.told("metrics")))
    return _answer("metrics", lost, came.form)


async def _until_said(calls: messages.Calls, keys: list[tuple[messages.Key, bool]]) -> None:
    """Waits until the answers of these calls have come as logs, or for as long as patience lasts. Where a
    service's never came, the next are not waited for until one does."""
    until = monotonic() + PATIENCE

    def missing() -> set[str]:
        lacking = (k for k, failed in keys if not (calls.heard(k) if failed else calls.answered(k)))
        return {service for service, _, _ in lacking} - calls.in_vain

    while missing() and monotonic() < until:
        await asyncio.sleep(LOOK_AGAIN)
    calls.in_vain |= {s for s in missing() if not any(calls.heard(k) for k, _ in keys if k[0] == s)}


def _answer(what: What, lost: int, form: str, passed_over: int = 0, why: Sequence[str] = ()) -> Response:
    """What the protocol wants: an empty answer, or how many were rejected and why. ``passed_over`` more were
    not read, for the reasons in ``why``."""
    rejected = {"traces": "rejectedSpans", "logs": "rejectedLogRecords", "metrics": "rejectedDataPoints"}
    told: dict[str, Any] = {}
    if lost or passed_over:
        unknown = "their service.name names no service here: set it, or post with ?service=NAME"
        says = "; ".join([*([unknown] if lost else []), *why])
        told["partialSuccess"] = {rejected[what]: lost + passed_over, "errorMessage": says}
    if form.split(";")[0].strip() in PROTOBUF:
        return Response(encoded(what, told), media_type=PROTOBUF[0])
    return Response(json.dumps(told), media_type="application/json")
