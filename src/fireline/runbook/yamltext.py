"""YAML with line numbers: text -> plain values, the line of every key, and everything that is wrong.

Plain scalars stay text (`version: 1.10` is "1.10", a country `NO` is not false); the schema gives them
their types. Only free parameters are resolved, by YAML 1.2's rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from fireline.runbook.problem import Key, Problem, write_key

FREE_KEYS = frozenset({"params"})
MAX_BYTES = 1_000_000
MAX_NODES = 50_000
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"^[-+]?\d+$")
_FLOAT = re.compile(r"^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$")
_STANDARD = "tag:yaml.org,2002:"
_TAGS = frozenset(
    _STANDARD + name
    for name in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp", "merge", "value")
)


@dataclass
class YamlText:
    """What was read: ``lines`` gives the 1-based line of each key path."""

    file: str
    plain: dict[str, Any] = field(default_factory=dict)
    lines: dict[Key, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0

    def line(self, key: Key) -> int:
        """The line of ``key``, or of the nearest key above it that is written down."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def error(self, key: Key, says: str, todo: str = "", line: int | None = None) -> None:
        """Note an error about ``key``."""
        at = self.line(key) if line is None else line
        self.problems.append(Problem("error", self.file, at, write_key(key), says, todo))


def read_yaml(text: str, file: str) -> YamlText:
    """Read ``text``; whatever is wrong is in ``problems``, and nothing is raised."""
    found = YamlText(file)
    if len(text) > MAX_BYTES:
        found.error((), f"is {len(text):,} characters long; a runbook is a page", "is this the right file?")
        return found
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        found.error((), *_words(error), line=_line(error.problem_mark or error.context_mark))
        return found
    except (yaml.YAMLError, RecursionError) as error:
        found.error((), f"is not YAML: {str(error).splitlines()[0]}", "is this a text file?")
        return found
    if node is None:
        found.error(
            (), "the file is empty", "let `fireline init EVENTS --service NAME --until TIME` draft it"
        )
    elif not isinstance(node, yaml.MappingNode):
        found.error(
            (), "is not a runbook: it must be `key: value` lines", "compare with what `fireline init` drafts"
        )
    else:
        built = _mapping(node, (), found, free=False)
        found.plain = built
    return found


def _line(mark: yaml.Mark | None) -> int:
    return mark.line + 1 if mark is not None else 1


def _words(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    says = f"is not YAML: {error.problem or error.context or 'cannot be read'}"
    if "\\t" in says:
        return says, "indent with spaces, not with tabs"
    if "mapping values are not allowed" in says:
        return says, "a text that contains `: ` must stand in quotes"
    return says, "check the indentation and the quotes around this line"


def _build(node: yaml.Node, key: Key, found: YamlText, free: bool) -> Any:
    found.nodes += 1
    if found.nodes > MAX_NODES:
        if found.nodes == MAX_NODES + 1:
            found.error((), "has too many values; are aliases nested in aliases?")
        return None
    if node.tag not in _TAGS:
        found.error(key, f"the tag {node.tag} means nothing here", "write the plain value")
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, key, found, free)
    if isinstance(node, yaml.SequenceNode):
        return _sequence(node, key, found, free)
    assert isinstance(node, yaml.ScalarNode)
    return _scalar(node, free)


def _mapping(node: yaml.MappingNode, key: Key, found: YamlText, free: bool) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for name_node, value_node in node.value:
        line = name_node.start_mark.line + 1
        if not isinstance(name_node, yaml.ScalarNode):
            found.error(key, "a key must be a plain word", line=line)
            continue
        name = str(name_node.value)
        path = (*key, name)
        if name in built:
            found.error(
                path, f"is written twice, first on line {found.line(path)}", "keep one of them", line=line
            )
            continue
        found.lines[path] = line
        value = _build(value_node, path, found, free or name in FREE_KEYS)
        if value is not None:
            built[name] = value
    return built


def _sequence(node: yaml.SequenceNode, key: Key, found: YamlText, free: bool) -> list[Any]:
    built = []
    for at, item in enumerate(node.value):
        found.lines[(*key, at)] = item.start_mark.line + 1
        built.append(_build(item, (*key, at), found, free))
    return built


def _scalar(node: yaml.ScalarNode, free: bool) -> Any:
    text = str(node.value)
    if node.style is not None or (node.tag == f"{_STANDARD}str" and text not in _NULL):
        return text
    if text in _NULL:
        return None
    if not free:
        return text
    if text in _BOOL:
        return _BOOL[text]
    if _INT.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text
