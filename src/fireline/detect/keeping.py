"""A judge's state in parts: a head, and for each length of tick a body that is written once its ticks were
judged.

Numbers are as they are, to the last bit, and nothing is squeezed. What cannot be otherwise is left out: where
a CUSUM is 0 its sums are 0 and it dates from the next tick.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fireline.detect.judge import Judge
from fireline.detect.kinds import Array
from fireline.detect.track import Track

FORM = "parts-1"
_SHAPE = struct.Struct("<IIIIIq")  # channels, branches, monitors, moving entries, latched monitors, next tick
Key = tuple[bool, int, int]
Part = tuple[bool, int]
State = tuple[int, dict[str, Array]]
"""The next tick, and the track's arrays by name."""


@dataclass(frozen=True)
class Parts:
    """``head`` names what it belongs to; ``bodies`` by the part's name."""

    head: bytes
    bodies: Mapping[str, bytes]


def part_name(part: Part) -> str:
    """``900`` for the rounds of a quarter of an hour, ``3600-aged`` for those that wait for labels."""
    return f"{part[1]}-aged" if part[0] else str(part[1])


def parts_of(judge: Judge) -> dict[Part, list[Key]]:
    """The rounds of each part, in order."""
    found: dict[Part, list[Key]] = {}
    for key in sorted(judge.rounds):
        found.setdefault(key[:2], []).append(key)
    return found


def standing(judge: Judge) -> dict[Part, tuple[int, ...]]:
    """What changes of a part whenever its body does: ticks and channels."""
    return {
        part: tuple(
            number
            for key in keys
            for number in (judge.rounds[key].track.next_tick, len(judge.rounds[key].track.r))
        )
        for part, keys in parts_of(judge).items()
    }


def saved(
    judge: Judge,
    since: Mapping[Part, tuple[int, ...]],
    now: Mapping[Part, tuple[int, ...]] | None = None,
) -> Parts:
    """The head, and the bodies of those parts that stand otherwise than ``since``; ``now`` is how the judge
    stands, where that is known."""
    now = standing(judge) if now is None else now
    parts = parts_of(judge)
    bodies = {
        part_name(part): b"".join([_packed(judge.rounds[key].track) for key in parts[part]])
        for part in now
        if since.get(part) != now[part]
    }
    head = {
        "form": FORM, "plan": _plan(judge), "versions": judge.versions, "fixed": judge.fixed.starts,
        "parts": {part_name(part): stand for part, stand in now.items()},
    }  # fmt: skip
    return Parts(json.dumps(head).encode(), bodies)


def restore(judge: Judge, head: bytes, bodies: Mapping[str, bytes]) -> bool:
    """Takes up what ``saved`` gave, every part with the last of its bodies.

    A state of another plan, or one whose parts do not belong together, is not mixed in: the judge stays cold,
    and False is answered.
    """
    told = _head(head)
    if told is None or told["plan"] != _plan(judge):
        return False
    for version in told["versions"]:
        judge.meet(version)
    names = {part_name(part): keys for part, keys in parts_of(judge).items()}
    if names.keys() != told["parts"].keys():
        return False
    read: dict[Key, State] = {}
    for name, keys in names.items():
        found = _unpacked(bodies.get(name, b""), [judge.rounds[key].track for key in keys])
        if (
            found is None
            or [n for tick, kept in found for n in (tick, len(kept["r"]))] != told["parts"][name]
        ):
            return False
        read |= dict(zip(keys, found, strict=True))
    for key, (tick, kept) in read.items():
        track = judge.rounds[key].track
        track.next_tick = tick
        for name, value in kept.items():
            setattr(track, name, value)
    judge.fixed.starts = list(told["fixed"])
    return True


def names_of(head: bytes) -> tuple[str, ...]:
    """The names of the parts a head speaks of; none where it is no such head."""
    told = _head(head)
    return tuple(told["parts"]) if told is not None else ()


def _head(head: bytes) -> dict[str, Any] | None:
    if not head.startswith(b"{"):
        return None
    told = json.loads(head)
    return told if told.get("form") == FORM else None


def _plan(judge: Judge) -> str:
    return judge.plan_id


def _packed(track: Track) -> bytes:
    moving = track.w > 0
    latched = np.flatnonzero(track.latched)
    shape = _SHAPE.pack(*track.r.shape, len(track.sizes), int(moving.sum()), len(latched), track.next_tick)
    return b"".join((
        shape, track.r.tobytes(), np.packbits(moving).tobytes(), track.w[moving].tobytes(),
        track.since[moving].tobytes(), track.sums[:, moving].tobytes(),
        latched.astype(np.int64).tobytes(), track.latched[latched].tobytes(),
    ))  # fmt: skip


def _unpacked(body: bytes, tracks: list[Track]) -> list[State] | None:
    """The states of ``tracks``, or None when the body is of others."""
    found, at = [], 0
    for track in tracks:
        if len(body) < at + _SHAPE.size:
            return None
        channels, branches, groups, moving, latched, tick = _SHAPE.unpack_from(body, at)
        bits = -(-channels * branches // 8)
        size = 8 * (channels * branches + 5 * moving + 2 * latched) + bits
        if (channels, branches) != track.r.shape or groups != len(track.sizes):
            return None
        at += _SHAPE.size
        if len(body) < at + size:
            return None
        found.append(
            _state(memoryview(body)[at : at + size], channels, branches, groups, moving, latched, tick)
        )
        at += size
    return found if at == len(body) else None


def _state(
    body: memoryview, channels: int, branches: int, groups: int, moving: int, latched: int, tick: int
) -> State:
    cells, shape = channels * branches, (channels, branches)
    bits = -(-cells // 8)
    r = np.frombuffer(body, np.float64, cells).reshape(shape).copy()
    mask = (
        np.unpackbits(np.frombuffer(body, np.uint8, bits, 8 * cells), count=cells).astype(bool).reshape(shape)
    )
    rest = bytes(body[8 * cells + bits :])
    w, since, sums = np.zeros(shape), np.full(shape, tick, np.int64), np.zeros((3, *shape))
    w[mask] = np.frombuffer(rest, np.float64, moving)
    since[mask] = np.frombuffer(rest, np.int64, moving, 8 * moving)
    sums[:, mask] = np.frombuffer(rest, np.float64, 3 * moving, 16 * moving).reshape(3, moving)
    lit = np.zeros(groups, np.int64)
    lit[np.frombuffer(rest, np.int64, latched, 40 * moving)] = np.frombuffer(
        rest, np.int64, latched, 40 * moving + 8 * latched
    )
    return tick, {"r": r, "w": w, "since": since, "sums": sums, "latched": lit}
