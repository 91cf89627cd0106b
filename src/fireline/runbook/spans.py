"""Spans as events: a service whose requests are the calls that its traces tell of."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fireline.runbook.part import Part


class Spans(Part):
    """The service's events are its GenAI spans (OpenTelemetry), as they come to `/v1/otlp/v1/traces`.

    A span gives the columns that `columns:` maps of those there are: time, request_id, version, latency_ms,
    status, error_type, operation, input_tokens, output_tokens, temperature, max_tokens, finish_reason,
    source, host, tools, prompt, answer, and the flags that its evaluations and moderation results raise.
    """

    read: Literal["spans", "logs", "both"] = Field(
        default="spans",
        description="What the events are made of. `spans`: the spans, with the messages they hold. `both`: "
        "the spans, with messages and evaluations that come as log records of the same span. `logs`: log "
        "records alone (`gen_ai.choice` and its messages, or `gen_ai.client.inference.operation.details`).",
    )  # fmt: skip
    operations: tuple[str, ...] = Field(
        default=("chat", "generate_content", "text_completion"), min_length=1,
        description="What `gen_ai.operation.name` says of a request; all other spans stay call signals. With "
        "`execute_tool` calls of tools are events too.",
    )  # fmt: skip
    attributes: dict[str, str] = Field(
        default_factory=dict,
        description="Further columns: the name, and the attribute of the span or of its resource.",
    )
