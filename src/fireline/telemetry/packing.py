"""Counts in storage: blocks of ticks in few bytes, and stored rows added up into arrays again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.telemetry.columns import Array
from fireline.terms.counts import CountsRow, Scope
from fireline.terms.plan import Layout

LEVEL = 1
MIXED = "m"
"""The kind of a body whose columns are of two kinds: counts that are small, and sums that take 64 bits."""
FEW_TICKS = 8
SMALL = 256
"""Bytes up to which counts are left as they are: a tick of one scope, where taking a frame apart would cost
more than everything else that is done with it."""
FRAME = b"\x28\xb5\x2f\xfd"
"""How every zstd frame begins."""


def narrowest(counts: Array) -> type[np.generic]:
    """The smallest integer type that holds ``counts``."""
    low = int(counts.min(initial=0)) if counts.dtype.kind == "i" else 0
    high = int(counts.max(initial=0))
    if low < 0 or high >= 2**32:
        return np.int64
    return np.uint8 if high < 2**8 else np.uint16 if high < 2**16 else np.uint32


def pack(counts: Array) -> bytes:
    """Counts [ticks, width] in the narrowest integers that hold them: their type, their size, and zstd's
    bytes, or, where they are few, the integers themselves."""
    kind = np.dtype(narrowest(counts)).newbyteorder("<")
    if kind.itemsize == 8 and len(counts) >= FEW_TICKS:
        raw, char = _mixed(counts.astype(kind, copy=False)), MIXED
    else:
        raw, char = counts.astype(kind, copy=False).tobytes(), kind.char
    head = char.encode() + len(raw).to_bytes(8, "little")
    if len(raw) <= SMALL and not raw.startswith(FRAME):
        return head + raw
    packed: bytes = pa.Codec("zstd", compression_level=LEVEL).compress(raw, asbytes=True)
    return head + packed


def _mixed(counts: Array) -> bytes:
    """Ticks and width, which columns are wide, the others in 8 or 16 bits, and the wide ones."""
    low, high = counts.min(axis=0), counts.max(axis=0)
    wide = (low < 0) | (high >= 1 << 16)
    kind = np.dtype("u1" if high[~wide].max(initial=0) < 1 << 8 else "<u2")
    sizes = np.array([*counts.shape, kind.itemsize], "<u4").tobytes()
    parts = (np.packbits(wide), counts[:, ~wide].astype(kind), counts[:, wide])
    return sizes + b"".join(part.tobytes() for part in parts)


def _unmixed(raw: bytes) -> bytes:
    """What ``_mixed`` made small, as integers of 64 bits."""
    ticks, width, size = (int(n) for n in np.frombuffer(raw, "<u4", 3))
    at = 12 + -(-width // 8)
    wide = np.unpackbits(np.frombuffer(raw, np.uint8, at - 12, 12), count=width).astype(bool)
    narrow = width - int(wide.sum())
    counts = np.empty((ticks, width), "<i8")
    counts[:, ~wide] = np.frombuffer(raw, f"<u{size}", ticks * narrow, at).reshape(ticks, narrow)
    counts[:, wide] = np.frombuffer(raw, "<i8", -1, at + ticks * narrow * size).reshape(ticks, -1)
    return counts.tobytes()


def unpack(body: bytes, ticks: int) -> Array:
    """What ``pack`` packed, int64 [ticks, width]."""
    return _narrow(body, ticks).astype(np.int64)


def _narrow(body: bytes, ticks: int) -> Array:
    found: Array = np.frombuffer(Unpacker()(body), _KINDS[body[0]]).reshape(ticks, -1)
    return found


class Unpacker:
    """Unpacks many bodies, one after another: the codec is made once."""

    def __init__(self) -> None:
        self._codec = pa.Codec("zstd")

    def __call__(self, body: bytes) -> bytes:
        """The counts ``pack`` packed, as they lie in memory: integers of the kind that ``body[0]`` names."""
        size = int.from_bytes(body[1:9], "little")
        plain = len(body) == 9 + size and body[9:13] != FRAME  # what looks like a frame is one
        raw: bytes = body[9:] if plain else self._codec.decompress(body[9:], size, asbytes=True)
        return _unmixed(raw) if body[0] == ord(MIXED) else raw


def kind_of(first: int) -> np.dtype[Any]:
    """The kind of integers that a body's first byte names."""
    return _KINDS[first]


_KINDS = {ord(np.dtype(kind).char): np.dtype(kind).newbyteorder("<") for kind in (
    np.uint8, np.uint16, np.uint32, np.int64)} | {ord(MIXED): np.dtype("<i8")}  # fmt: skip


def add_up(
    rows: Iterable[CountsRow], layout: Layout, grain: int, from_tick: int, to_tick: int
) -> dict[Scope, Array]:
    """Stored rows of one layout and grain added into int64 [to_tick - from_tick, width] for each scope.

    Rows of another identity are left out: they belong to another declaration.
    """
    found: dict[Scope, Array] = {}
    for row in rows:
        if row.layout != layout.identity or row.grain != grain:
            continue
        low, high = max(row.first_tick, from_tick), min(row.first_tick + row.ticks, to_tick)
        if low >= high:
            continue
        scope = Scope.of_key(row.scope)
        if scope not in found:
            found[scope] = np.zeros((to_tick - from_tick, layout.width), np.int64)
        counts = _narrow(row.body, row.ticks)
        found[scope][low - from_tick : high - from_tick] += counts[
            low - row.first_tick : high - row.first_tick
        ]
    return found
