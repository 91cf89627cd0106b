"""`fireline spans`: recorded GenAI spans and log records as events, to draft a runbook and take a baseline
from."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from fireline.cli import screen
from fireline.errors import InputError, Where
from fireline.runbook.spans import Spans
from fireline.telemetry.otlp import decoded, messages
from fireline.telemetry.otlp.genai import Happened, parted

EXAMPLES = "Example: fireline spans traces.jsonl --service support-chat -o events.jsonl"
EVERYTHING = 1 << 62
"""Recorded calls are joined over the whole recording, however much was said in between."""


class Read(StrEnum):
    """What the events are made of."""

    spans = "spans"
    logs = "logs"
    both = "both"


def spans(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES",
            help="OTLP JSON, one request a line, as the OpenTelemetry collector's file exporter writes it.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="Where the events go.", show_default=False)
    ],
    service: Annotated[
        str,
        typer.Option(
            "--service", metavar="NAME", help="Only spans whose resource has this service.name.",
            show_default=False,
        ),
    ] = "",
    operation: Annotated[
        list[str] | None,
        typer.Option(
            "--operation", metavar="NAME", help="What gen_ai.operation.name says of a request; may be given "
            "again.", show_default="chat, generate_content, text_completion",
        ),
    ] = None,
    read: Annotated[
        Read,
        typer.Option(
            "--read", help="What the events are made of: spans, log records, or spans with the messages that "
            "came as log records of the same span. As `read:` under `spans:`.",
        ),
    ] = Read.spans,
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            "--attribute", metavar="COLUMN=NAME", help="A further column, and the attribute it comes from.",
            show_default=False,
        ),
    ] = None,
) -> None:  # fmt: skip
    """Turn recorded GenAI spans into events, as a server whose runbook has `spans:` takes them.

    The file holds prompts and answers as the spans do, for `fireline init` to tell texts by; a server keeps
    figures of them only. Keep it as safe as the traces it came from.
    """
    agreed = Spans.model_validate(
        {"read": read.value, "attributes": dict(_pair(one) for one in attribute or ())}
        | ({"operations": tuple(operation)} if operation else {})
    )
    flags: dict[str, None] = {}
    for row in _rows(files, service, agreed):
        flags.update(dict.fromkeys(name for name, value in row.items() if value is True))
    written = 0
    with out.open("w", encoding="utf-8") as lines:
        for row in _rows(files, service, agreed):
            lines.write(json.dumps(row | {flag: row.get(flag) is True for flag in flags}) + "\n")
            written += 1
    if not written:
        raise InputError(
            f"there is no {'call in their log records' if read is Read.logs else 'GenAI span among them'}",
            where=Where(file=str(files[0])),
            todo="look at gen_ai.operation.name, --service, --operation and --read (spans, logs or both)",
        )  # fmt: skip
    screen.out().print(Text(f"{out}: {written:,} events"))


def _pair(said: str) -> tuple[str, str]:
    column, _, name = said.partition("=")
    if not (column and name):
        raise typer.BadParameter(f"{said!r}: write COLUMN=NAME", param_hint="--attribute")
    return column, name


def _rows(files: list[Path], service: str, agreed: Spans) -> Iterator[dict[str, Any]]:
    """The events of the recording; log records are looked through first, so that spans find what was said."""
    calls = messages.Calls(EVERYTHING, EVERYTHING)

    def said_in(name: str, trace: str, span: str, answer: Any) -> Happened:
        return messages.happened_in(calls, (name, trace, span), answer)

    # alone, a call is told once its last record is known: the recording is gone through twice for that too
    for telling in (False, True):
        for told in _requests(files):
            if agreed.read != "spans":
                found = messages.parted(told, "", lambda name: agreed, calls, 0.0).events
                yield from (row for by, row in found if telling and _is_of(service, by))
            if telling:
                found = parted(told, "", lambda name: agreed, said_in)[1]
                yield from (row for by, row in found if _is_of(service, by))


def _is_of(service: str, resource: Mapping[str, Any]) -> bool:
    return service in ("", str(resource.get("service.name") or ""))


def _requests(files: list[Path]) -> Iterator[Mapping[str, Any]]:
    for path in files:
        for number, line in _lines(path):
            try:
                yield decoded("traces", line, "application/json")
            except InputError as error:
                raise InputError(
                    error.message, where=Where(file=str(path), line=number), todo="give one request a line"
                ) from None


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}",
            where=Where(file=str(path)),
            todo="is the path right?",
        ) from None
