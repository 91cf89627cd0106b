"""The reference page of the runbook, made from the schema: nothing in it can be out of date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from fireline.runbook.durations import write_duration
from fireline.runbook.schema import SCHEMA_VERSION, Runbook
from fireline.runbook.write import flow

_HEAD = f"""# The runbook

What a team agreed about one service, in one YAML file (schema {SCHEMA_VERSION}). `fireline init` drafts it,
`fireline check` says what it lacks, `fireline runbook render` prints the page for 3 a.m. This page is made
from the schema: `fireline runbook schema --markdown`; `fireline runbook schema` prints the JSON schema an
editor can use.

Lengths of time are written `90s`, `15m`, `6h`, `7d`; times in ISO 8601, in the runbook's time zone where
they have no offset. A key nobody knows is an error that names the line and the nearest key there is.
"""


class _AsWritten(GenerateJsonSchema):
    """Defaults as they are written in the file."""

    def encode_default(self, dft: Any) -> Any:
        return write_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def json_schema() -> dict[str, Any]:
    """The JSON schema of a runbook: editors complete and check with it."""
    return Runbook.model_json_schema(schema_generator=_AsWritten)


def as_markdown() -> str:
    """Every key with its type, its default and its meaning, as one Markdown page."""
    schema = json_schema()
    return "\n".join([_HEAD, *_part("", schema, schema["$defs"])]) + "\n"


def _part(path: str, schema: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[str]:
    """The table of one part, and then the parts below it."""
    required = set(schema.get("required", ()))
    below: list[tuple[str, Mapping[str, Any]]] = []
    yield f"## {'Top level' if not path else f'`{path}`'}"
    yield ""
    if path and schema.get("description"):
        yield schema["description"].split("\n")[0]
        yield ""
    yield "| key | is | unless given | meaning |"
    yield "|---|---|---|---|"
    for name, field in schema["properties"].items():
        target, many = _target(field, known)
        if "properties" in target:
            below.append((f"{path}.{name}".lstrip(".") + ("[]" if many else ""), target))
        default = "needed" if name in required else _default(field)
        yield f"| `{name}` | {_kind(field, known)} | {default} | {_cell(_meaning(field, target))} |"
    yield ""
    for deeper, target in below:
        yield from _part(deeper, target, known)


def _meaning(field: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    return str(field.get("description") or target.get("description", ""))


def _target(field: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """What a field holds, and whether it holds many of it."""
    field = _solid(field)
    if "items" in field:
        return _target(field["items"], known)[0], True
    if "$ref" in field:
        return known[field["$ref"].rsplit("/", 1)[1]], False
    if isinstance(field.get("additionalProperties"), dict):
        target = _target(field["additionalProperties"], known)[0]
        return (target, False) if "properties" in target else (field, False)
    return field, False


def _solid(field: Mapping[str, Any]) -> Mapping[str, Any]:
    """An optional field without its null."""
    if "anyOf" in field:
        return next(one for one in field["anyOf"] if one.get("type") != "null")
    return field


def _kind(field: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    field = _solid(field)
    if "$ref" in field:
        target = known[field["$ref"].rsplit("/", 1)[1]]
        return "keys below" if "properties" in target else _kind(target, known)
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("format") == "duration":
        return "length of time"
    if field.get("format") == "date-time":
        return "time"
    if "items" in field:
        return f"list: {_kind(field['items'], known)}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"name: {_kind(field['additionalProperties'], known)}"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true, false"}
    words |= {"object": "keys and values"}
    return words.get(str(field.get("type")), "value") + _limits(field)


def _limits(field: Mapping[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    return f" from {low:g} to {high:g}" if low is not None and high is not None else ""


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    if default in (None, "", [], {}) or isinstance(default, dict):
        return ""
    return f"`{flow(default)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
