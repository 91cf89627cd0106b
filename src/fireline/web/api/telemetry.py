"""Telemetry in: events, labels, changes, users' reports, job runs, Alertmanager's webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool

from fireline.clock import parse_time
from fireline.errors import InputError, Where
from fireline.ids import stable_id
from fireline.live.door import unpacked
from fireline.live.telling import change_in, fact, job_in
from fireline.store.facts import Fact, FactKind, add_facts
from fireline.web.api.answers import running_of
from fireline.web.auth.who import Caller, service_token

router = APIRouter(prefix="/v1", tags=["telemetry"])
Ingest = Annotated[Caller, Depends(service_token("ingest"))]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="The body's own name: sent again under the same one, it is counted once.",
    ),
]
Encoding = Annotated[str, Header(alias="Content-Encoding", max_length=40, description="gzip, or nothing.")]
Form = Annotated[
    str,
    Header(
        alias="Content-Type",
        max_length=200,
        description="application/x-ndjson, or application/vnd.apache.arrow.stream.",
    ),
]
Service = Annotated[str, Query(description="The service the rows are about, as its runbook names it.")]
MOST_FACTS = 10_000


@router.post("/events")
async def events(
    request: Request, service: Service, caller: Ingest, content_type: Form = "application/x-ndjson",
    idempotency_key: Key = "", content_encoding: Encoding = "",
) -> dict[str, Any]:  # fmt: skip
    """Take events: JSON lines (gzip welcome) or an Arrow stream. Answered once they are on disk.

    A repeated `Idempotency-Key` is answered and not counted again. 429 and 503 say when to come again.
    """
    return await _take(request, "events", service, content_type, idempotency_key, content_encoding)


@router.post("/counts")
async def counts(
    request: Request, service: Service, caller: Ingest, content_type: Form = "application/x-ndjson",
    idempotency_key: Key = "", content_encoding: Encoding = "",
    through: Annotated[
        str, Query(description="Up to when all was counted; without it, the last minute with an event.")
    ] = "",
) -> dict[str, Any]:  # fmt: skip
    """Take counts made where the events lie, as `fireline tally` writes them: rows of layout, grain, scope,
    tick, late, cell and count, as JSON lines or an Arrow stream. Answered once they are on disk, whole or not
    at all.

    Counts of another baseline are refused. A repeated `Idempotency-Key`, or without one the same body, counts
    once.
    """
    body = await request.body()
    until = _instant(through)
    answer = await run_in_threadpool(
        running_of(request).take_counts, service, body, content_type, idempotency_key, content_encoding, until
    )
    return answer.as_json()


def _instant(said: str) -> datetime | None:
    try:
        return parse_time(said) if said else None
    except ValueError:
        raise InputError(
            f"{said!r} is not a time", where=Where(key="through"), todo="write ISO 8601 with an offset"
        ) from None


@router.post("/labels")
async def labels(
    request: Request, service: Service, caller: Ingest, content_type: Form = "application/x-ndjson",
    idempotency_key: Key = "", content_encoding: Encoding = "",
) -> dict[str, Any]:  # fmt: skip
    """Take labels: rows of request id, label and label time, under the names the runbook gives them."""
    return await _take(request, "labels", service, content_type, idempotency_key, content_encoding)


@router.post("/signals")
async def signals(
    request: Request, service: Service, caller: Ingest, content_type: Form = "application/x-ndjson",
    idempotency_key: Key = "", content_encoding: Encoding = "",
) -> dict[str, Any]:  # fmt: skip
    """Take what is sampled beside the requests: rows of at, kind (gauge, age, call, canary, report), name,
    and value or ok. Messages are kept as templates: what may be personal in them is masked."""
    return await _take(request, "signals", service, content_type, idempotency_key, content_encoding)


async def _take(
    request: Request, kind: str, service: str, form: str, key: str, encoding: str
) -> dict[str, Any]:
    body = await request.body()
    running = running_of(request)
    answer = await run_in_threadpool(running.take, service, kind, body, form, key, encoding)
    return answer.as_json()


@router.post("/changes")
async def changes(
    request: Request, caller: Ingest, service: Annotated[str, Query()] = "", content_encoding: Encoding = ""
) -> dict[str, Any]:
    """Tell of deploys, config changes, campaigns: JSON lines of at, kind, what, service, version."""

    def read(row: Mapping[str, Any]) -> Fact:
        return change_in(row, service)

    return await _facts(request, "change", read, caller, content_encoding)


@router.post("/reports")
async def reports(
    request: Request, caller: Ingest, service: Annotated[str, Query()] = "", content_encoding: Encoding = ""
) -> dict[str, Any]:
    """Take users' reports of bad answers: JSON lines of service, request_id, at, text, kind."""
    now = running_of(request).clock.now()

    def read(row: Mapping[str, Any]) -> Fact:
        said = str(row.get("text") or row.get("kind") or "").strip()
        if not said:
            raise ValueError("the report says nothing: give `text` or `kind`")
        kept = {
            name: str(row[name])[:2000] for name in ("request_id", "text", "kind", "link") if row.get(name)
        }
        return fact("report", str(row.get("service") or service), _time_of(row, now), kept)

    return await _facts(request, "report", read, caller, content_encoding)


@router.post("/jobs")
async def jobs(
    request: Request, caller: Ingest, service: Annotated[str, Query()] = "", content_encoding: Encoding = ""
) -> dict[str, Any]:
    """Take runs of training and ETL jobs: JSON lines of service, job, run, state and at; started, finished,
    digest, expected_digest, readable, params, evaluation and data_until are judged where they are told."""
    now = running_of(request).clock.now()

    def read(row: Mapping[str, Any]) -> Fact:
        return job_in(row, service, now)

    return await _facts(request, "job", read, caller, content_encoding)


@router.post("/alertmanager")
async def alertmanager(
    request: Request, caller: Ingest, service: Annotated[str, Query()] = ""
) -> dict[str, Any]:
    """Take Alertmanager's webhook: each alert is kept beside the service its label `service` names."""
    try:
        told = json.loads(await request.body())
        alerts = list(told["alerts"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError("not a webhook of Alertmanager", todo="point a webhook_config here") from None
    running = running_of(request)
    now = running.clock.now()
    found, bad = [], []
    for number, alert in enumerate(alerts, 1):
        try:
            labels, notes = dict(alert.get("labels") or {}), dict(alert.get("annotations") or {})
            name = str(labels.get("service") or service)
            caller.require(name)
            _must_know(running.runbooks, name)
            body = {"status": str(alert.get("status", "")), "labels": labels, "annotations": notes,
                    "link": str(alert.get("generatorURL") or "")}  # fmt: skip
            at = _time_of({"at": alert.get("startsAt")}, now)
            ident = stable_id("alert", name, str(alert.get("fingerprint")), body["status"], at.isoformat())
            found.append(Fact(ident, name, "alert", at, body))
        except (ValueError, TypeError, AttributeError) as error:
            bad.append({"row": number, "reason": str(error)})
    kept = await run_in_threadpool(add_facts, running.store, found, now)
    running.wake_soon()
    return {"taken": len(found), "new": kept, "quarantined": bad}


async def _facts(
    request: Request, kind: FactKind, read: Callable[[Mapping[str, Any]], Fact], caller: Caller, encoding: str
) -> dict[str, Any]:
    """Read JSON lines one by one; good ones are kept, bad ones answered with the reason."""
    running = running_of(request)
    body = unpacked(await request.body(), encoding)
    good: list[Fact] = []
    bad: list[dict[str, Any]] = []
    for number, row in _rows(body, kind):
        try:
            if isinstance(row, Exception):
                raise row
            one = read(row)
            caller.require(one.service)  # before anything is said about which services there are
            _must_know(running.runbooks, one.service)
        except (ValueError, TypeError, KeyError) as error:
            bad.append({"row": number, "reason": str(error), "todo": f"see /docs for a {kind}'s fields"})
            continue
        good.append(one)
    new = await run_in_threadpool(add_facts, running.store, good, running.clock.now())
    running.wake_soon()
    return {"taken": len(good), "new": new, "quarantined": bad}


def _rows(body: bytes, kind: Literal["change", "report", "job", "alert"]) -> Iterator[tuple[int, Any]]:
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) > MOST_FACTS:
        raise InputError(
            f"{len(lines)} lines are more than the {MOST_FACTS} taken at once", todo="send fewer"
        )
    if not lines:
        raise InputError("the body is empty", todo=f"send one {kind} a line", where=Where(row=1))
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            yield number, row if isinstance(row, dict) else ValueError("the line is not a JSON object")
        except (ValueError, RecursionError) as error:
            yield number, ValueError(f"not JSON: {error}")


def _must_know(runbooks: Mapping[str, Any], service: str) -> None:
    if service not in runbooks:
        known = ", ".join(sorted(runbooks))
        raise ValueError(f"there is no service {service!r} here: use one of {known}")


def _time_of(row: Mapping[str, Any], now: datetime) -> datetime:
    said = row.get("at") or row.get("time")
    return parse_time(str(said)) if said else now
