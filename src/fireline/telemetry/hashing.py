"""Stable 64-bit hashes of text columns, vectorised: the same text has the same hash on every machine and
day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Array = np.ndarray[Any, Any]

_C1, _C2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
_M1, _M2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_ADD, _FIVE = np.uint64(0x52DCE729), np.uint64(5)
_SEED = np.uint64(0x9E3779B97F4A7C15)
TABLE = 1 << 13  # hashes that stay in the processor's cache


def hash_text(column: Any) -> Array:
    """Hashes of a string column [n] as uint64 [n]; missing text hashes like the empty one.

    Each string is taken eight bytes at a time and mixed as in MurmurHash3.

    >>> [hex(h) for h in hash_text(pa.array(["a", "a longer text"])).tolist()]
    ['0x49603088011f1b2', '0xa0b42aac9f5aab7b']
    """
    text = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(text, pa.ChunkedArray):
        text = pa.concat_arrays(text.chunks) if text.num_chunks else pa.array([], pa.string())
    if not pa.types.is_string(text.type):
        text = text.cast(pa.string())
    if text.null_count:
        text = pc.fill_null(text, "")
    return _hash(text)


def _hash(text: pa.StringArray) -> Array:
    n = len(text)
    _, offsets_buffer, data_buffer = text.buffers()
    if n == 0:
        return np.empty(0, np.uint64)
    offsets = np.frombuffer(offsets_buffer, np.int32)[text.offset : text.offset + n + 1].astype(np.int64)
    starts, sizes = offsets[:-1], np.diff(offsets)
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.empty(0, np.uint8)
    data = np.concatenate([data[offsets[0] : offsets[-1]], np.zeros(8, np.uint8)])
    starts = starts - offsets[0]
    hashes = np.full(n, _SEED, np.uint64)
    todo = np.flatnonzero(sizes > 0)
    at = 0
    while todo.size:
        left = sizes[todo] - at
        words = _words(data, starts[todo] + at, np.minimum(left, 8))
        hashes[todo] = _stir(hashes[todo], words)
        at += 8
        todo = todo[left > 8]
    return _finish(hashes ^ sizes.astype(np.uint64))


def _words(data: Array, starts: Array, sizes: Array) -> Array:
    """Up to eight bytes from each of ``starts`` as little-endian uint64, the rest zero."""
    rows = data[starts[:, None] + np.arange(8)]
    words = np.ascontiguousarray(rows).view("<u8").ravel().astype(np.uint64)
    shift = ((8 - sizes) * 8).astype(np.uint64)
    return np.asarray((words << shift) >> shift)


def mix(*hashes: Array) -> Array:
    """Several hashes [n] each into one [n]; their order matters."""
    mixed = np.full(len(hashes[0]), _SEED, np.uint64)
    for one in hashes:
        mixed = _stir(mixed, one)
    return _finish(mixed)


def mix_small(cells: Sequence[Array]) -> Array:
    """What ``mix`` gives for arrays [n] of small numbers from 0 on: looked up, as far as a table goes.

    >>> cells = [np.array([3, 0, 3]), np.array([1, 7, 1])]
    >>> bool((mix_small(cells) == mix(*(c.astype(np.uint64) for c in cells))).all())
    True
    """
    if not len(cells[0]):
        return np.empty(0, np.uint64)
    table, at = np.full(1, _SEED, np.uint64), np.zeros(1, np.int64)
    mixed = None
    for one in cells:
        numbers = np.arange(int(one.max()) + 1, dtype=np.uint64)
        if mixed is None and len(table) * len(numbers) <= TABLE:
            table = _stir(np.repeat(table, len(numbers)), np.tile(numbers, len(table)))
            at = at * len(numbers) + one
            continue
        mixed = table[at] if mixed is None else mixed
        mixed = _blend(mixed, _worded(numbers)[one])
    return _finish(table[at] if mixed is None else mixed)


def _stir(hashes: Array, words: Array) -> Array:
    return _blend(hashes, _worded(words))


def _worded(words: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(_turn(words * _C1, 31) * _C2)


def _blend(hashes: Array, worded: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(_turn(hashes ^ worded, 27) * _FIVE + _ADD)


def _turn(words: Array, bits: int) -> Array:
    return np.asarray((words << np.uint64(bits)) | (words >> np.uint64(64 - bits)))


def _finish(hashes: Array) -> Array:
    with np.errstate(over="ignore"):
        hashes = (hashes ^ (hashes >> np.uint64(33))) * _M1
        hashes = (hashes ^ (hashes >> np.uint64(33))) * _M2
    return np.asarray(hashes ^ (hashes >> np.uint64(33)))
