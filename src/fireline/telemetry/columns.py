"""Columns of a canonical batch as numpy arrays, the few forms the tally and the baseline need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Array = np.ndarray[Any, Any]

ARRIVED = "clock at arrival"
"""The column of when a row came, beside `late`: for counting only, never kept."""


def has(table: pa.Table, name: str) -> bool:
    """Whether the batch has the column at all."""
    return name in table.column_names


def numbers(table: pa.Table, name: str) -> Array:
    """Column ``name`` as float64 [n], NaN where missing."""
    column = table.column(name)
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64())
    if column.null_count:
        column = pc.fill_null(column, np.nan)  # twice as fast as to_numpy's own
    found: Array = column.to_numpy()
    return found


def unfilled(table: pa.Table, name: str) -> tuple[Array, Array | None]:
    """Column ``name`` as float64 [n] with anything where it is missing, and where it is there: bool [n], None
    for everywhere. No value is copied where the column is of floats and of one chunk."""
    column = table.column(name)
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64())
    held = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    validity, data = held.buffers()
    values = np.frombuffer(data, np.float64, len(held), held.offset * 8) if data else np.empty(0)
    if not held.null_count or validity is None:
        return values, None
    first, skip = divmod(held.offset, 8)
    bits = np.frombuffer(validity, np.uint8)[first : first + (skip + len(held) + 7) // 8]
    return values, np.unpackbits(bits, bitorder="little")[skip : skip + len(held)].view(bool)


def booleans(table: pa.Table, name: str) -> Array:
    """Column ``name`` as bool [n], missing is False."""
    column = table.column(name)
    if not pa.types.is_boolean(column.type):
        column = column.cast(pa.bool_())
    if column.null_count:
        column = pc.fill_null(column, False)
    found: Array = column.to_numpy().astype(bool, copy=False)
    return found


def times(table: pa.Table, name: str = "time") -> Array:
    """Column ``name`` as int64 microseconds since 1970 [n]."""
    column = table.column(name).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    found: Array = column.to_numpy()
    return found


def codes(table: pa.Table, name: str) -> tuple[Array, list[str]]:
    """Column ``name`` as int64 codes [n] (-1 where missing) into the list of its distinct values."""
    column = table.column(name)
    if not pa.types.is_dictionary(column.type):
        if not pa.types.is_string(column.type):
            column = column.cast(pa.string())
        column = column.dictionary_encode()
    encoded = column.combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = pa.concat_arrays(encoded.chunks) if encoded.num_chunks else pa.array([], column.type)
    if encoded.dictionary.null_count:
        encoded = encoded.cast(pa.string()).dictionary_encode()
    values = [str(value) for value in encoded.dictionary.to_pylist()]
    indices = encoded.indices
    if indices.null_count:
        indices = pc.fill_null(indices, -1)
    found: Array = indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return found, values


class Words:
    """The columns of one batch as numpy arrays, each made once, whoever asks for it."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self._coded: dict[str, tuple[Array, list[str]]] = {}
        self._numbers: dict[str, Array] = {}

    def numbers(self, name: str) -> Array:
        """Column ``name`` as ``numbers`` gives it; not to be written to."""
        if name not in self._numbers:
            self._numbers[name] = numbers(self.table, name)
        return self._numbers[name]

    def codes(self, name: str) -> tuple[Array, list[str]]:
        """Column ``name`` as ``codes`` gives it."""
        if name not in self._coded:
            self._coded[name] = codes(self.table, name)
        return self._coded[name]


def recode(found: Array, values: list[str], mapping: dict[str, int], missing: int, other: int) -> Array:
    """Codes of ``codes`` turned into cells: ``mapping`` where known, ``missing`` for -1, else ``other``."""
    table = np.array([mapping.get(value, other) for value in values] + [missing], dtype=np.int64)
    result: Array = table[found]
    return result
