"""OpenTelemetry's own exporters against a real server's app, over a real socket."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fireline.clock import SystemClock
from fireline.telemetry.otlp import decoded, logs, metrics, traces
from fireline.web.app import create_app
from fireline.web.auth import Access
from tests.support.listening import listening
from tests.support.living import SERVICE, Living, write_book

pytest.importorskip("opentelemetry.sdk", reason="needs opentelemetry-sdk")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Living, str]]:
    """A server on this machine, and its address."""
    living = Living(write_book(tmp_path / "book"), tmp_path / "state", clock=SystemClock())
    app = create_app(living.running, Access(open_on_loopback=True), begin=False)
    with listening(app) as address:
        yield living, f"{address}/v1/otlp/v1"


def taken(living: Living) -> list[dict[str, Any]]:
    """Every signal that was taken."""
    from fireline.live.door import parted

    records = living.door.spool.read(living.door.counted)
    return [row for record in records for row in parted(record.body)[0].to_pylist()]


def test_spans_of_models_tools_and_clients_are_calls(served: tuple[Living, str]) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.trace import SpanKind, Status, StatusCode

    living, address = served
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{address}/traces")))
    tracer = provider.get_tracer("app")
    with tracer.start_as_current_span("chat", kind=SpanKind.CLIENT) as span:
        span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "small-1"})
    with tracer.start_as_current_span("tool") as span:
        span.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "refund"})
    with tracer.start_as_current_span("get", kind=SpanKind.CLIENT) as span:
        span.set_attribute("peer.service", "feature_store")
        span.set_status(Status(StatusCode.ERROR, "no answer from 10.0.0.7 in 250 ms"))
    with tracer.start_as_current_span("inner"):
        pass
    provider.shutdown()
    found = {row["name"]: row for row in taken(living)}
    assert set(found) == {"model:small-1", "tool:refund", "feature_store"}
    assert found["model:small-1"]["ok"] is True
    assert found["feature_store"]["ok"] is False
    assert found["feature_store"]["message"] == "no answer from <address> in <n> ms"
    assert all(row["latency_ms"] >= 0 for row in found.values())


def test_gauges_and_histograms_are_gauges(served: tuple[Living, str]) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource

    living, address = served
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{address}/metrics"), 600_000)
    provider = MeterProvider([reader], Resource.create({"service.name": SERVICE}))
    meter = provider.get_meter("app")
    meter.create_gauge("gpu.memory").set(0.93, {"gpu": "0"})
    meter.create_counter("requests").add(7)
    histogram = meter.create_histogram("queue.wait")
    histogram.record(10)
    histogram.record(30)
    provider.force_flush()
    provider.shutdown()
    found = {row["name"]: row["value"] for row in taken(living)}
    assert found["gpu.memory{gpu=0}"] == pytest.approx(0.93)
    assert found["queue.wait"] == pytest.approx(20)
    assert "requests" not in found


def test_error_lines_are_errors_by_their_message() -> None:
    def record(severity: int, text: str) -> dict[str, Any]:
        return {
            "timeUnixNano": "1790000000000000000",
            "severityNumber": severity,
            "body": {"stringValue": text},
        }

    records = [record(9, "all well"), record(17, "fetch failed: key 81")]
    scope = {"scope": {"name": "features"}, "logRecords": records}
    request = {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [scope]}]}
    (row,) = [row for _, row in logs.rows(decoded("logs", json.dumps(request).encode(), "application/json"))]
    assert (row["kind"], row["name"], row["message"]) == ("error", "features", "fetch failed: key 81")
    assert logging.ERROR == 40, "the SDK maps Python's ERROR to 17"


def test_what_is_no_otlp_is_refused_with_what_to_do(served: tuple[Living, str]) -> None:
    import httpx

    _, address = served
    answer = httpx.post(f"{address}/traces", content=b"{broken", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "/v1/otlp/v1/traces" in answer.json()["todo"]
    protobuf = httpx.post(
        f"{address}/logs", content=b"\xff\xff", headers={"Content-Type": "application/x-protobuf"}
    )
    assert protobuf.status_code == 422


def test_an_unknown_service_is_counted_as_rejected(served: tuple[Living, str]) -> None:
    import httpx

    _, address = served
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [
        {"kind": 3, "endTimeUnixNano": "1790000000000000000", "attributes":
         [{"key": "peer.service", "value": {"stringValue": "x"}}]}]}]}]}  # fmt: skip
    told = httpx.post(f"{address}/traces", json=body).json()
    assert told["partialSuccess"]["rejectedSpans"] == 1


@pytest.mark.parametrize("rows", [traces.rows, logs.rows, metrics.rows])
@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"resourceSpans": 3},
        {"resourceLogs": [None, {"scopeLogs": [{}]}]},
        {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"gauge": {}}]}]}]},
    ],
)
def test_odd_shapes_are_passed_over(rows: Any, odd: dict[str, Any]) -> None:
    assert list(rows(odd)) == []
