"""Counts in storage: blocks of ticks in few bytes, and stored rows added up into arrays again."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from fireline.telemetry.columns import Array
from fireline.terms.counts import CountsRow, Scope
from fireline.terms.plan import Layout

LEVEL = 1
SMALL = 256
"""Bytes up to which counts are left as they are: a tick of one scope, where taking a frame apart would cost
more than everything else that is done with it."""
FRAME = b"\x28\xb5\x2f\xfd"
"""How every zstd frame begins."""


def narrowest(counts: Array) -> type[np.generic]:
    """The smallest integer type that holds ``counts``."""
    low, high = int(counts.min(initial=0)), int(counts.max(initial=0))
    if low < 0 or high >= 2**32:
        return np.int64
    return np.uint8 if high < 2**8 else np.uint16 if high < 2**16 else np.uint32


def pack(counts: Array) -> bytes:
    """Counts [ticks, width] in the narrowest integers that hold them: their type, their size, and zstd's
    bytes, or, where they are few, the integers themselves."""
    kind = np.dtype(narrowest(counts)).newbyteorder("<")
    raw = counts.astype(kind, copy=False).tobytes()
    head = kind.char.encode() + len(raw).to_bytes(8, "little")
    if len(raw) <= SMALL and not raw.startswith(FRAME):
        return head + raw
    packed: bytes = pa.Codec("zstd", compression_level=LEVEL).compress(raw, asbytes=True)
    return head + packed


def unpack(body: bytes, ticks: int) -> Array:
    """What ``pack`` packed, int64 [ticks, width]."""
    return _narrow(body, ticks).astype(np.int64)


def _narrow(body: bytes, ticks: int) -> Array:
    kind = np.dtype(body[:1].decode()).newbyteorder("<")
    raw = Unpacker()(body)
    found: Array = np.frombuffer(raw, kind).reshape(ticks, -1)
    return found


class Unpacker:
    """Unpacks many bodies, one after another: the codec is made once."""

    def __init__(self) -> None:
        self._codec = pa.Codec("zstd")

    def __call__(self, body: bytes) -> bytes:
        """The counts ``pack`` packed, as they lie in memory: integers of the kind that ``body[0]`` names."""
        size = int.from_bytes(body[1:9], "little")
        if len(body) == 9 + size and body[9:13] != FRAME:  # what looks like a frame is one
            return body[9:]
        raw: bytes = self._codec.decompress(body[9:], size, asbytes=True)
        return raw

    def added(self, ticks: list[bytes], kind: int) -> Array:
        """Ticks of one width and one kind of integers, added up: int64 [width]."""
        counts = np.frombuffer(b"".join(ticks), _KINDS[kind]).reshape(len(ticks), -1)
        return np.asarray(counts.sum(axis=0, dtype=np.int64))


_KINDS = {ord(np.dtype(kind).char): np.dtype(kind).newbyteorder("<") for kind in (
    np.uint8, np.uint16, np.uint32, np.int64)}  # fmt: skip


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
