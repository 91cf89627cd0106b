"""The HTTP interface for people to read: /docs, drawn from the app's own OpenAPI description."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fastapi import FastAPI

PARTS = {
    "telemetry": "Telemetry in: events, labels, and what else is known",
    "switches": "Switches out: what guards obey",
    "incidents": "Incidents and services out, commands in",
    "health": "Is it well",
    "drill": "Drills",
}
LINES = {
    "/v1/events": '{"time": "2026-03-18T06:00:00Z", "request_id": "r1", "version": "B", "score": 0.71}',
    "/v1/labels": '{"request_id": "r1", "label": 1, "label_time": "2026-03-18T09:00:00Z"}',
    "/v1/counts": '{"layout": "rates-6f2c9a41d07e", "grain": 60, "scope": "service", "tick": 29563560, '
    '"late": false, "cell": 0, "count": 81}',
    "/v1/changes": '{"at": "2026-03-18T06:00:00Z", "kind": "deploy", "what": "model B", "version": "B"}',
    "/v1/signals": '{"at": "2026-03-18T06:00:00Z", "kind": "call", "name": "feature_store", "ok": false}',
    "/v1/reports": '{"at": "2026-03-18T06:00:00Z", "request_id": "r1", "text": "the price is absurd"}',
    "/v1/jobs": '{"at": "2026-03-18T06:00:00Z", "job": "nightly-train", "run": "81", "state": "failed"}',
}
"""A line of each body of JSON lines: OpenAPI does not tell what is in them."""
ANSWERS = {"Successful Response": "done", "Validation Error": "refused: `error` says why, `todo` what to do"}
EXAMPLES = {"service": "pricing", "name": "pricing", "incident": "inc-3f2a", "command": "ack", "wait": "25"}


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body."""

    name: str
    where: str
    kind: str
    needed: bool
    says: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one address."""

    method: str
    path: str
    summary: str
    says: str
    fields: tuple[Field, ...]
    answers: tuple[tuple[str, str], ...]
    curl: str

    @property
    def anchor(self) -> str:
        """Its name in the page."""
        return "-".join([self.method.lower(), *(p.strip("{}") for p in self.path.split("/") if p)])


@dataclass(frozen=True, slots=True)
class Part:
    """Endpoints that belong together."""

    title: str
    endpoints: tuple[Endpoint, ...]


@lru_cache(maxsize=8)
def described(app: FastAPI, base: str) -> tuple[Part, ...]:
    """The interface of ``app``, whose address is ``base``, part by part."""
    told = app.openapi()
    found: dict[str, list[Endpoint]] = {}
    for path, methods in told["paths"].items():
        for method, one in methods.items():
            part = (one.get("tags") or ["more"])[0]
            found.setdefault(part, []).append(_endpoint(told, method.upper(), path, one, base))
    order = [*PARTS, *sorted(found.keys() - PARTS.keys())]
    return tuple(
        Part(PARTS.get(name, name.capitalize()), tuple(found[name])) for name in order if name in found
    )


def _endpoint(told: Mapping[str, Any], method: str, path: str, one: Mapping[str, Any], base: str) -> Endpoint:
    summary, _, rest = str(one.get("description") or one.get("summary") or "").partition("\n\n")
    fields = (*map(_parameter, one.get("parameters", ())), *_body(told, one))
    told_back = one.get("responses", {}).items()
    answers = tuple((code, _answer(str(about.get("description", "")))) for code, about in told_back)
    return Endpoint(
        method, path, " ".join(summary.split()), " ".join(rest.split()), fields, answers,
        _curl(method, path, fields, base),
    )  # fmt: skip


def _answer(says: str) -> str:
    return ANSWERS.get(says, says).replace("`", "")


def _parameter(one: Mapping[str, Any]) -> Field:
    schema = one.get("schema", {})
    says = str(one.get("description") or schema.get("description") or "")
    return Field(one["name"], one["in"], _kind(schema), bool(one.get("required")), says)


def _body(told: Mapping[str, Any], one: Mapping[str, Any]) -> Iterator[Field]:
    """The fields of a JSON body."""
    content = one.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
    schema = told.get("components", {}).get("schemas", {}).get(name, {})
    needed = schema.get("required", ())
    for field, about in schema.get("properties", {}).items():
        yield Field(field, "body", _kind(about), field in needed, str(about.get("description", "")))


def _kind(schema: Mapping[str, Any]) -> str:
    ways = [way for way in schema.get("anyOf", ()) if way.get("type") != "null"] or [schema]
    return " or ".join(str(way.get("type", "any")) for way in ways)


def _curl(method: str, path: str, fields: tuple[Field, ...], base: str) -> str:
    address = path
    for field in fields:
        if field.where == "path":
            address = address.replace("{" + field.name + "}", EXAMPLES.get(field.name, "NAME"))
    asked = [f for f in fields if f.where == "query" and (f.needed or f.name == "service")]
    query = "&".join(f"{f.name}={EXAMPLES.get(f.name, 'VALUE')}" for f in asked)
    parts = ["curl", *(["-X", method] if method != "GET" else []), "-H 'Authorization: Bearer TOKEN'"]
    if path in LINES:
        parts += ["-H 'Content-Type: application/x-ndjson'", f"--data-binary '{LINES[path]}'"]
    elif method == "POST":
        body = {f.name: "..." for f in fields if f.where == "body" and (f.needed or f.name == "text")}
        parts += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(body)}'"]
    return " ".join([*parts, f"'{base}{address}{'?' + query if query else ''}'"])
