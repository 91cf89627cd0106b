"""Reading a runbook: YAML -> Runbook, or one error that lists everything that is wrong, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fireline.errors import RunbookError, Where
from fireline.runbook.problem import Key, UnusableRunbook, write_key
from fireline.runbook.schema import SCHEMA_VERSION, Runbook
from fireline.runbook.values import zones
from fireline.runbook.yamltext import YamlText, read_yaml


@dataclass(frozen=True)
class RunbookFile:
    """A runbook with the file it was read from, and the line of every key that is written in it."""

    path: Path
    runbook: Runbook
    lines: Mapping[Key, int]

    def line(self, *key: str | int) -> int:
        """The line of ``key``, or of the nearest key above it that is written down; else 1."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def where(self, *key: str | int) -> Where:
        """The place of ``key`` for an error message."""
        return Where(file=str(self.path), line=self.line(*key), key=write_key(key))

    def written(self, *key: str | int) -> bool:
        """Whether ``key`` itself stands in the file."""
        return key in self.lines

    @property
    def baseline_path(self) -> Path:
        """Where the frozen baseline lies: relative to the runbook."""
        return self.path.parent / self.runbook.reference.baseline


def load(path: Path | str) -> Runbook:
    """The runbook in the file at ``path``. Raises RunbookError listing every problem."""
    return read(path).runbook


def read(path: Path | str) -> RunbookFile:
    """The runbook in the file at ``path`` with its lines. Raises RunbookError listing every problem."""
    path = Path(path)
    where = Where(file=str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        todo = "let `fireline init EVENTS --service NAME --until TIME` draft one"
        raise RunbookError("there is no such runbook", where=where, todo=todo) from None
    except IsADirectoryError:
        raise RunbookError(
            "is a folder, not a runbook", where=where, todo="name the YAML file in it"
        ) from None
    except UnicodeDecodeError:
        raise RunbookError("is not text in UTF-8", where=where, todo="is this the right file?") from None
    except OSError as error:
        says = f"cannot be read: {error.strerror}"
        raise RunbookError(says, where=where, todo="check its permissions") from None
    return parse(text, path)


def parse(text: str, path: Path | str = "runbook.yaml") -> RunbookFile:
    """The runbook written in ``text``; ``path`` is what messages call it. Raises RunbookError."""
    found = read_yaml(text, str(path))
    if not found.plain and found.problems:
        raise UnusableRunbook(found.problems)
    _check_version(found)
    runbook: Runbook | None = None
    try:
        runbook = Runbook.from_plain(found.plain)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _explain(detail, found)
    if found.problems or runbook is None:
        raise UnusableRunbook(found.problems)
    return RunbookFile(Path(path), runbook, found.lines)


def _check_version(found: YamlText) -> None:
    version = found.plain.get("fireline", str(SCHEMA_VERSION))
    if isinstance(version, str) and version.isdigit():
        found.plain["fireline"] = int(version)
        if int(version) > SCHEMA_VERSION:
            says = f"is written for schema {version}; this release reads up to {SCHEMA_VERSION}"
            found.error(("fireline",), says, "update Fireline: pip install -U 'fireline[server]'")
            raise UnusableRunbook(found.problems)


def _explain(detail: ErrorDetails, found: YamlText) -> None:
    """Turn one validation error into problems a person can act on."""
    key = tuple(part for part in detail["loc"] if part != "[key]")
    of_key = len(key) < len(detail["loc"])
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind == "contradictions":
        for at, says in context["found"]:
            found.error(at, says)
    elif kind == "extra_forbidden":
        found.error(key, "no such key" + _did_you_mean(str(key[-1]), known_keys(key[:-1])))
    elif kind == "missing":
        found.error(key, f"is missing: {describe(key)}", f"add `{key[-1]}:` here")
    elif kind in ("literal_error", "enum"):
        choices = allowed_values(key[:-1] if of_key else key)
        says = f"{detail['input']!r} is none of {', '.join(choices)}" if choices else str(detail["msg"])
        found.error(key, says + _did_you_mean(str(detail["input"]), choices))
    elif kind == "unknown_timezone":
        found.error(key, detail["msg"] + _did_you_mean(str(detail["input"]), sorted(zones())))
    elif kind == "unknown_family":
        found.error(key, detail["msg"] + _did_you_mean(str(detail["input"]), context["expected"]))
    else:
        found.error(key, _wrong_type(kind, detail))


_EXPECTED = {
    "string_type": "must be text",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "tuple_type": "must be a list: `- ` lines, or [a, b]",
    "list_type": "must be a list: `- ` lines, or [a, b]",
    "dict_type": "must be `key: value` lines",
    "model_type": "must be `key: value` lines",
    "model_attributes_type": "must be `key: value` lines",
}


def _wrong_type(kind: str, detail: ErrorDetails) -> str:
    seen = detail["input"]
    got = (
        "`key: value` lines" if isinstance(seen, dict) else "a list" if isinstance(seen, list) else repr(seen)
    )
    if kind in _EXPECTED:
        return f"{_EXPECTED[kind]}, not {got}"
    if kind == "string_too_short":
        return "must not be empty"
    if kind.startswith(("greater", "less")):
        return f"{detail['msg'].replace('Input should', 'must')}, not {got}"
    return str(detail["msg"])


def _did_you_mean(word: str, choices: Any) -> str:
    by_lower = {choice.lower(): choice for choice in choices}
    close = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    if close:
        return f"; did you mean `{by_lower[close[0]]}`?"
    return f"; known here: {', '.join(choices)}" if 0 < len(by_lower) <= 12 else ""


@cache
def _json_schema() -> dict[str, Any]:
    return Runbook.model_json_schema()


def _schema_at(key: Key) -> dict[str, Any]:
    """The JSON schema of what may stand at ``key``; empty when the schema does not say."""
    at = _resolve(_json_schema())
    for part in key:
        if isinstance(part, int):
            at = at.get("items", at)
        elif part in at.get("properties", {}):
            at = at["properties"][part]
        else:
            extra = at.get("additionalProperties")
            at = extra if isinstance(extra, dict) else {}
        at = _resolve(at)
    return at


def _resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow references and optional values to the schema that has the content; keeps the description."""
    while True:
        description = schema.get("description")
        if "$ref" in schema:
            target = _json_schema()["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        elif "anyOf" in schema:
            target = next(part for part in schema["anyOf"] if part.get("type") != "null")
        else:
            return schema
        schema = {**target, **({"description": description} if description else {})}


def known_keys(key: Key) -> list[str]:
    """The keys that may stand below ``key``."""
    return list(_schema_at(key).get("properties", {}))


def allowed_values(key: Key) -> list[str]:
    """The values ``key`` may have, where the schema lists them."""
    schema = _schema_at(key)
    if "items" in schema and "enum" not in schema:
        schema = _resolve(schema["items"])
    if "propertyNames" in schema:
        schema = _resolve(schema["propertyNames"])
    return list(schema.get("enum", [schema["const"]] if "const" in schema else []))


def describe(key: Key) -> str:
    """What ``key`` means, in the schema's words."""
    return str(_schema_at(key).get("description", "it is required")).strip()
