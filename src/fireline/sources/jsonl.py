"""JSON lines: one object a line; objects within objects become columns with dotted names."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as arrow_json

from fireline.errors import InputError, Where
from fireline.sources._lines import MAX_LINE, SOUND, Array, Block, LineReader, broken_row
from fireline.terms.piece import Piece
from fireline.terms.quarantine import BadRow, cut

suffixes = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")

INT64 = range(-(2**63), 2**63)
TRIES = 30
DEEPEST = 64
"""Arrow's reader follows nesting on its stack: a line of a few thousand brackets would end the process."""
_MARKS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_CHANGED = re.compile(
    r"Column\(([^)]+)\) changed from (?:number|string|boolean) to (?:number|string|boolean) in row"
)
_ROW = re.compile(r"in row (\d+)")


def pieces(path: Path, *, only: Container[str] | None = None, stream: Any = None) -> Iterator[Piece]:
    """The file's rows, block by block; ``only`` names the columns wanted. Bytes that came another way are
    read from ``stream``, and ``path`` is what they are called.

    A file without a single line gives no piece. Raises InputError for a file that is one JSON array.
    """
    reader = LineReader(path, stream=stream)
    file, row = str(path), 1
    words: set[str] = set()
    try:
        block = reader.read()
        if block is not None and block.data.lstrip()[:1] == b"[":
            raise InputError(
                "the file is one JSON array, not JSON lines", where=Where(file=file),
                todo=f"write one object a line, for example: jq -c '.[]' {path.name} > {path.stem}.jsonl",
            )  # fmt: skip
        while block is not None:
            piece, records = _piece(block, file, row, only, words)
            row += records
            yield piece
            block = reader.read()
        if bad := broken_row(reader, file, row):
            yield Piece(pa.table({}), file, np.empty(0, np.int64), (), bad=bad)
    finally:
        reader.close()


def _piece(
    block: Block, file: str, row: int, only: Container[str] | None, words: set[str]
) -> tuple[Piece, int]:
    lines = np.flatnonzero(~block.blank)
    sound = block.flaws[lines] == SOUND
    rows = row + np.arange(len(lines), dtype=np.int64)
    bad = [block.bad_row(int(lines[i]), file, int(rows[i])) for i in np.flatnonzero(~sound)]
    deep = np.zeros(len(lines), bool)
    deep[sound] = _too_deep(block, lines[sound])
    bad += [_deep_row(block, int(lines[i]), file, int(rows[i])) for i in np.flatnonzero(deep)]
    kept, kept_rows = lines[sound & ~deep], rows[sound & ~deep]
    table, good = _read(block, kept, words)
    for i in np.flatnonzero(~good):
        bad.append(_bad_row(block, int(kept[i]), file, int(kept_rows[i])))
    kept, kept_rows = kept[good], kept_rows[good]
    columns = tuple(table.column_names)
    if only is not None and any(name in only for name in columns):
        table = table.select([name for name in columns if name in only])

    def text(i: int) -> str:
        return block.text(int(kept[i]))

    numbers = block.numbers[kept]
    return Piece(table, file, kept_rows, columns, numbers, text, tuple(bad), fixed=False), len(lines)


def _bad_row(block: Block, line: int, file: str, row: int) -> BadRow:
    todo = 'write one JSON object a line: {"name": value, ...}'
    reason = cut(_flaw(_bytes(block, line)), 300)
    return BadRow(
        file, "bad_json", reason, todo, row=row, line=int(block.numbers[line]), raw=block.text(line)
    )


def _deep_row(block: Block, line: int, file: str, row: int) -> BadRow:
    return BadRow(
        file, "bad_json", f"it is nested more than {DEEPEST} levels deep", "write flat objects", row=row,
        line=int(block.numbers[line]), raw=block.text(line),
    )  # fmt: skip


def _too_deep(block: Block, lines: Array) -> Array:
    """Which of the lines [n] are nested deeper than any reader of JSON should follow, bool [n]."""
    found = np.zeros(len(lines), bool)
    if block.data.count(b"{") + block.data.count(b"[") <= len(lines) + DEEPEST - 1:
        return found
    raw = np.frombuffer(block.data, np.uint8)
    opened = np.concatenate([[0], np.cumsum((raw == ord("{")) | (raw == ord("[")))])
    many = opened[block.ends[lines]] - opened[block.starts[lines]] > DEEPEST
    for i in np.flatnonzero(many):
        found[i] = _depth(_bytes(block, int(lines[i]))) > DEEPEST
    return found


def _depth(line: bytes) -> int:
    """How many brackets are open at once, outside strings."""
    depth = most = 0
    for mark in _MARKS.finditer(line):
        sign = line[mark.start()]
        if sign in b"[{":
            depth += 1
            most = max(most, depth)
        elif sign in b"]}":
            depth -= 1
    return most


def _bytes(block: Block, line: int) -> bytes:
    return block.data[block.starts[line] : block.ends[line]]


def _flaw(line: bytes) -> str:
    """Why a line is no object; empty where it is one."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    return "" if isinstance(value, dict) else f"the line holds {_kind(value)}, not an object"


def _read(block: Block, lines: Array, words: set[str]) -> tuple[pa.Table, Array]:
    """The objects on ``lines`` [n] as a table, and which of the lines hold one, bool [n].

    Three ways, each slower than the one before: all at once, all but what Arrow's reader finds amiss, one by
    one.
    """
    good = np.ones(len(lines), bool)
    if not len(lines):
        return pa.table({}), good
    begins = np.frombuffer(block.data, np.uint8)[block.starts[lines]]
    table: pa.Table | None = None
    if (begins == ord("{")).all():  # Arrow's reader ends the process where a block begins with null
        found = _parse(_joined(block, lines), len(lines), words, 4 * MAX_LINE)
        table = None if isinstance(found, str) else found
    if table is None:
        table, good = _mended(block, lines, words)
    if table is not None:
        table = _flat(table)
        if len(set(table.column_names)) == table.num_columns:
            return table, good
    return _one_by_one(block, lines)


def _joined(block: Block, lines: Array) -> bytes:
    keep = np.zeros(len(block), bool)
    keep[lines] = True
    return block.joined(keep | block.blank)


def _parse(data: bytes, expected: int, words: set[str], size: int) -> pa.Table | str:
    """The objects by Arrow's reader, or why it cannot.

    It reads text that looks like a time as a time: such columns (``words`` remembers them) are read again as
    text, so that a category such as "2013-03" stays what it is.
    """
    options = arrow_json.ReadOptions(block_size=size)
    while True:
        schema = pa.schema([(name, pa.string()) for name in sorted(words)]) if words else None
        parse = arrow_json.ParseOptions(explicit_schema=schema)
        try:
            found = arrow_json.read_json(pa.BufferReader(data), read_options=options, parse_options=parse)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError) as error:
            return str(error)
        if found.num_rows != expected:
            return f"{found.num_rows} objects on {expected} lines"
        times = {field.name for field in found.schema if pa.types.is_temporal(field.type)}
        if not times:
            return found
        words |= times


def _mended(block: Block, lines: Array, words: set[str]) -> tuple[pa.Table | None, Array]:
    """The same without lines that are no objects, and with columns of several types as text.

    Arrow's reader names the row or the column at which it stops; after too many of them it is given up.
    """
    raw = np.frombuffer(block.data, np.uint8)
    good = (raw[block.starts[lines]] == ord("{")) & (raw[block.ends[lines] - 1] == ord("}"))
    odd = np.flatnonzero(~good)
    if len(odd) > len(lines) // 20 + 1:
        return None, good
    for i in odd:
        good[i] = not _flaw(_bytes(block, int(lines[i])))
    mixed: set[str] = set()
    for _ in range(TRIES):
        data = _quoted(_joined(block, lines[good]), mixed)
        found = _parse(data, int(good.sum()), words, len(data) + 1)
        if not isinstance(found, str):
            return found, good
        changed, stopped = _CHANGED.search(found), _ROW.search(found)
        name = changed[1].rsplit("/", 1)[-1] if changed else ""
        if name and name not in mixed:
            mixed.add(name)
            continue
        at = int(np.flatnonzero(good)[int(stopped[1])]) if stopped else -1
        if at < 0 or not _flaw(_bytes(block, int(lines[at]))):
            return None, good
        good[at] = False
    return None, good


def _quoted(data: bytes, names: set[str]) -> bytes:
    """Numbers and truth values under ``names`` as text. A key stands after a quote that is not escaped."""
    for name in sorted(names):
        key = re.escape(json.dumps(name, ensure_ascii=False).encode())
        data = re.sub(rb"(" + key + rb"\s*:\s*)(-?\d[^,}\]\s]*|true|false)", rb'\1"\2"', data)
    return data


def _one_by_one(block: Block, lines: Array) -> tuple[pa.Table, Array]:
    objects: list[dict[str, Any]] = []
    good = np.zeros(len(lines), bool)
    for i, line in enumerate(lines.tolist()):
        try:
            value = json.loads(_bytes(block, line))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            objects.append(_dotted(value))
            good[i] = True
    return _columns(objects), good


def _kind(value: Any) -> str:
    return {list: "an array", str: "a string", bool: "a truth value", type(None): "null"}.get(
        type(value), "a number"
    )


def table_of(objects: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Objects as a table, like those in a file: dotted names for objects within objects, one type a column;
    times as ISO 8601.

    >>> table_of([{"a": 1, "b": {"c": "x"}}, {"a": 2.5}]).to_pydict()
    {'a': [1.0, 2.5], 'b.c': ['x', None]}
    """
    return _columns([{name: _told(inner) for name, inner in _dotted(one).items()} for one in objects])


def _told(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    plain = value is None or isinstance(value, (bool, int, float, str))
    return value if plain else json.dumps(value, sort_keys=True, default=str)


def _dotted(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict) and inner:
            found.update(_dotted(inner, f"{prefix}{name}."))
        else:
            found[prefix + name] = inner
    return found


def _columns(objects: Sequence[Mapping[str, Any]]) -> pa.Table:
    names = dict.fromkeys(name for one in objects for name in one)
    return pa.table({_clean(name): _column([one.get(name) for one in objects]) for name in names})


def _column(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {bool}:
        return pa.array(values, pa.bool_() if kinds else pa.null())
    if kinds <= {int} and all(value in INT64 for value in values if value is not None):
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if value is None else _float(value) for value in values], pa.float64())
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return _clean(text)


def _clean(text: str) -> str:
    """Text without lone surrogates, which JSON can write and UTF-8 cannot."""
    return text.encode(errors="replace").decode()


def _flat(table: pa.Table) -> pa.Table:
    """Structs as columns with dotted names, lists as JSON text."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    for i, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            texts = [None if value is None else json.dumps(value) for value in table.column(i).to_pylist()]
            table = table.set_column(i, field.name, pa.array(texts, pa.string()))
    return table
