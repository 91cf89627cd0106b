"""From what a call leaves behind (a tuple) to a line of JSON: done by the sender, not by the call."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fireline.guard.ladder import Way


class Row(NamedTuple):
    """What one call leaves behind. ``at`` is seconds since 1970, ``took`` seconds, ``key`` a request id or
    its number."""

    at: float
    key: Any
    way: Way
    took: float
    status: str
    switch: int
    shadow: bool
    weight: float
    segments: Mapping[str, Any] | None
    features: Mapping[str, Any] | None
    flags: Mapping[str, Any] | None
    said: Mapping[str, Any] | None


def as_event(row: Row, ids: str, host: str, age: bool) -> dict[str, Any]:
    """The event of ``row``, names as the runbook knows them.

    ``ids`` begins the request id of calls that came without one. ``age`` adds the latency to the time, which
    was taken when the call began, and an event's time is when it was answered.
    """
    at, key, way, took, status, switch, shadow, weight, segments, features, flags, said = row
    event: dict[str, Any] = {}
    for part in (features, segments, flags, said):
        if part:
            event.update(part)
    event["time"] = _iso(at + took if age else at)
    event["request_id"] = (
        key if key.__class__ is str else (f"{ids}-{key}" if key.__class__ is int else str(key))
    )
    if way.rung.version is not None:
        event["version"] = way.rung.version
    event["latency_ms"] = round(took * 1e3, 4)
    event["status"] = status
    event["rung"] = way.label
    event["shadow"] = shadow
    event["weight"] = weight
    event["host"] = host
    if switch:
        event["switch"] = str(switch)
    return event


def line(event: Mapping[str, Any]) -> bytes:
    """``event`` as one line of JSON. Numbers that JSON has not become null, what is unknown becomes text."""
    try:
        text = json.dumps(event, allow_nan=False, separators=(",", ":"), default=_plain)
    except ValueError:
        text = json.dumps(_finite(event), separators=(",", ":"), default=str)
    return text.encode() + b"\n"


def _plain(value: Any) -> Any:
    """Numpy's and other libraries' scalars as Python's, times as ISO 8601, the rest as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    item = getattr(value, "item", None)
    if callable(item):
        try:
            return item()
        except Exception:  # an array of many, or a stranger's idea of item(): its text will do
            return str(value)
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if not isinstance(value, float):
        value = _plain(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
