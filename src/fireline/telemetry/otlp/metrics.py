"""Metrics: gauges, sums that may fall, and the means of histograms, as gauge signals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fireline.telemetry.otlp import Row, at, attributes, each

SHOWN = 3
"""Attributes of a point that become part of its signal's name."""


def rows(request: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Row]]:
    """(resource, signal) for every point. Counters that only grow are left out: their rate is Prometheus's to
    make."""
    for resource, _, metric in each(request, "resourceMetrics", "scopeMetrics", "metrics"):
        name = str(metric.get("name") or "")
        for point, figure in _points(metric):
            when = at(point.get("timeUnixNano"))
            if name and when and figure is not None:
                yield resource, {"at": when, "kind": "gauge", "name": _named(name, point), "value": figure,
                                 "host": resource.get("host.name")}  # fmt: skip


def _points(metric: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], float | None]]:
    for kind in ("gauge", "sum"):
        held = metric.get(kind) or {}
        if not held.get("isMonotonic"):
            for point in held.get("dataPoints") or ():
                yield point, _figure(point.get("asDouble", point.get("asInt")))
    for point in (metric.get("histogram") or {}).get("dataPoints") or ():
        count, total = _figure(point.get("count")), _figure(point.get("sum"))
        yield point, total / count if count and total is not None else None


def _figure(told: Any) -> float | None:
    try:
        return float(told)
    except (TypeError, ValueError):
        return None


def _named(name: str, point: Mapping[str, Any]) -> str:
    told = sorted(attributes(point.get("attributes")).items())[:SHOWN]
    return f"{name}{{{','.join(f'{k}={v}' for k, v in told)}}}" if told else name
