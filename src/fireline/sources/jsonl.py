"""JSON lines: one object a line; objects within objects become columns with dotted names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
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


def pieces(path: Path, *, only: frozenset[str] | None = None) -> Iterator[Piece]:
    """The file's rows, block by block; ``only`` names the columns wanted.

    A file without a single line gives no piece. Raises InputError for a file that is one JSON array.
    """
    reader = LineReader(path)
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
    block: Block, file: str, row: int, only: frozenset[str] | None, words: set[str]
) -> tuple[Piece, int]:
    lines = np.flatnonzero(~block.blank)
    sound = block.flaws[lines] == SOUND
    rows = row + np.arange(len(lines), dtype=np.int64)
    bad = [block.bad_row(int(lines[i]), file, int(rows[i])) for i in np.flatnonzero(~sound)]
    kept, kept_rows = lines[sound], rows[sound]
    table = _fast(block.joined(block.flaws == SOUND), len(kept), words) if len(kept) else pa.table({})
    table = _flat(table) if table is not None else None
    if table is None or len(set(table.column_names)) < table.num_columns:
        table, good, more = _slow(block, file, kept, kept_rows)
        kept, kept_rows, bad = kept[good], kept_rows[good], bad + more
    columns = tuple(table.column_names)
    if only is not None and only.intersection(columns):
        table = table.select([name for name in columns if name in only])
    piece = Piece(
        table, file, kept_rows, columns, block.numbers[kept], lambda i: block.text(int(kept[i])), tuple(bad)
    )
    return piece, len(lines)


def _fast(data: bytes, expected: int, words: set[str]) -> pa.Table | None:
    """The objects by Arrow's reader; None where a line is no object or a column has values of several types.

    Arrow reads text that looks like a time as a time: such columns (``words`` remembers them) are read again as
    text, so that a category such as "2013-03" stays what it is.
    """
    options = arrow_json.ReadOptions(block_size=4 * MAX_LINE)
    while True:
        schema = pa.schema([(name, pa.string()) for name in sorted(words)]) if words else None
        parse = arrow_json.ParseOptions(explicit_schema=schema)
        try:
            found = arrow_json.read_json(pa.BufferReader(data), read_options=options, parse_options=parse)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
            return None
        if found.num_rows != expected:
            return None
        times = {field.name for field in found.schema if pa.types.is_temporal(field.type)}
        if not times:
            return found
        words |= times


def _slow(block: Block, file: str, lines: Array, rows: Array) -> tuple[pa.Table, Array, list[BadRow]]:
    """The same line by line: the objects, which of ``lines`` they are, and the lines put aside."""
    objects: list[dict[str, Any]] = []
    good, bad = np.zeros(len(lines), bool), []
    for i, line in enumerate(lines.tolist()):
        try:
            value = json.loads(block.data[block.starts[line] : block.ends[line]])
            reason = "" if isinstance(value, dict) else f"the line holds {_kind(value)}, not an object"
        except (ValueError, RecursionError) as error:
            value, reason = None, f"not JSON: {error}"
        if reason:
            number, raw = int(block.numbers[line]), block.text(line)
            todo = 'write one JSON object a line: {"name": value, ...}'
            bad.append(
                BadRow(file, "bad_json", cut(reason, 300), todo, row=int(rows[i]), line=number, raw=raw)
            )
        else:
            objects.append(_dotted(value))
            good[i] = True
    return _columns(objects), good, bad


def _kind(value: Any) -> str:
    return {list: "an array", str: "a string", bool: "a truth value", type(None): "null"}.get(
        type(value), "a number"
    )


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
