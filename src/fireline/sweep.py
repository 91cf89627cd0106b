"""One judged tick of many services: what was counted on time, each scope added up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fireline.store.store import Store
from fireline.store.sweep import SNAPSHOT, Connection, Row, census, newest, on_time
from fireline.telemetry.packing import Unpacker, kind_of

Array = np.ndarray[Any, Any]
Place = tuple[int, int, int]
"""A grain of seconds, and the first tick of it and the one after the last."""
Key = tuple[str, str, str]
"""Service, layout's identity, scope's key."""
TICKS_KEPT = 24
DAY = 86_400


@dataclass(eq=False)
class Slots:
    """Where the counts of each service, layout and scope lie in one long array."""

    at: dict[Key, tuple[int, int]] = field(default_factory=dict)
    size: int = 0

    def of(self, key: Key, width: int) -> int:
        """Where they begin; a place is made where there is none."""
        known = self.at.get(key)
        if known is None:
            known = self.at[key] = self.size, width
            self.size += width
        return known[0]


@dataclass(eq=False)
class Swept:
    """What was read of one tick: how many rows, the sum of their ids, the id up to which was looked, and
    their counts added up, each in its slot."""

    slots: Slots
    counts: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    rows: int = 0
    total: int = 0
    last: int = -(1 << 62)

    def add(self, at: Array, counts: Array) -> None:
        """Adds ``counts`` at the places ``at``, some of which may be the same."""
        if len(self.counts) < self.slots.size:
            self.counts = np.concatenate(
                [self.counts, np.zeros(self.slots.size - len(self.counts), np.int64)]
            )
        np.add.at(self.counts, at, counts)

    def found(self, services: Iterable[str]) -> dict[str, dict[tuple[str, str], Array]]:
        """The counts by service, and there by layout's identity and scope's key."""
        found: dict[str, dict[tuple[str, str], Array]] = {name: {} for name in services}
        counts, end = self.counts, len(self.counts)
        for (service, layout, scope), (begin, width) in self.slots.at.items():
            if begin + width <= end:
                found[service][layout, scope] = counts[begin : begin + width]
        return found


@dataclass(frozen=True)
class _Lines:
    """Ticks of rows whose integers are of one kind, end to end: ``counts`` of all, and of each tick the row's
    id, when it is, whose it is and how wide."""

    counts: Array
    ids: Array
    ticks: Array
    widths: Array
    keys: Sequence[Key]

    def put(self, into: Swept, place: Place) -> None:
        """Adds those of the place's ticks that were not looked at before."""
        _, first, stop = place
        slots = np.array(
            [into.slots.of(key, width) for key, width in zip(self.keys, self.widths.tolist(), strict=True)]
        )
        begins = np.cumsum(self.widths) - self.widths
        at = np.repeat(slots - begins, self.widths) + np.arange(len(self.counts))
        new = (self.ids > into.last) & (self.ticks >= first) & (self.ticks < stop)
        if new.all():
            into.add(at, self.counts)
        elif new.any():
            cells = np.repeat(new, self.widths)
            into.add(at[cells], self.counts[cells])


class Sweep:
    """Reads one judged tick of many services: what was counted on time, each scope added up.

    Only the rows of that tick are read, whatever else was counted that day. A tick of an hour need not be
    read all at once when it ends: ``ahead`` reads what is there of it by now, and the call that judges it
    only what was added, once it has seen that the rest is what it was. Where ``layouts`` are named, counts of
    others are not taken apart.
    """

    def __init__(
        self, store: Store, services: Collection[str], layouts: Collection[str] | None = None
    ) -> None:
        self.store, self.services = store, frozenset(services)
        self.layouts = None if layouts is None else frozenset(layouts)
        self._kept: OrderedDict[Place, Swept] = OrderedDict()
        self._slots: dict[int, Slots] = {}

    def __call__(self, grain: int, first: int, stop: int) -> dict[str, dict[tuple[str, str], Array]]:
        """Counts int64 [width] of ticks [first, stop) of ``grain`` seconds, by service and (layout's
        identity, scope's key)."""
        place = grain, first, stop
        begun = place in self._kept
        with self.store.reads(SNAPSHOT) as connection:
            kept = self._more(connection, [place])
            if begun and (kept.rows, kept.total) != census(connection, *place, self.services):
                del self._kept[place]  # some were taken away, or came in under an id of before
                kept = self._more(connection, [place])
        return kept.found(self.services)

    def ahead(self, places: Collection[Place]) -> None:
        """Reads what is there by now of ticks that are not over."""
        grains: dict[int, list[Place]] = {}
        for place in sorted(places):
            grains.setdefault(place[0], []).append(place)
        for of_grain in grains.values():
            with self.store.reads(SNAPSHOT) as connection:
                self._more(connection, of_grain)

    def _more(self, connection: Connection, places: Sequence[Place]) -> Swept:
        """Adds the rows of a grain that are new since the last look to each of ``places``; the last one's."""
        end = newest(connection)
        begun = [place for place in places if place in self._kept]
        for place in places:
            if place not in self._kept:
                self._kept[place] = Swept(self._slots_of(place))
                self._take(on_time(connection, *place, self.services), [place])
        if begun:
            grain, first, stop = places[0][0], min(p[1] for p in begun), max(p[2] for p in begun)
            after = min(self._kept[place].last for place in begun)
            self._take(on_time(connection, grain, first, stop, self.services, after), begun)
        for place in places:
            self._kept[place].last = end
            self._kept.move_to_end(place)
        while len(self._kept) > TICKS_KEPT:
            self._kept.popitem(last=False)
        return self._kept[places[-1]]

    def _slots_of(self, place: Place) -> Slots:
        """Those of the place's day: what is of no more use goes with its day."""
        day = place[0] * place[1] // DAY
        if day not in self._slots:
            self._slots = {known: slots for known, slots in self._slots.items() if day - known < 2}
            self._slots[day] = Slots()
        return self._slots[day]

    def _take(self, rows: Sequence[Row], places: Sequence[Place]) -> None:
        """Adds rows to those places whose ticks they touch."""
        if not rows:
            return
        ids, begins, ticks = (np.array([row[i] for row in rows], np.int64) for i in (0, 4, 5))
        for place in places:
            kept, (_, first, stop) = self._kept[place], place
            new = ids[(ids > kept.last) & (begins < stop) & (begins + ticks > first)]
            kept.rows, kept.total = kept.rows + len(new), kept.total + int(new.sum())
        for lines in self._lines(rows):
            for place in places:
                lines.put(self._kept[place], place)

    def _lines(self, rows: Sequence[Row]) -> Iterator[_Lines]:
        """The rows taken apart, those whose integers are of one kind together."""
        unpack, services, layouts = Unpacker(), self.services, self.layouts
        raws: dict[int, list[bytes]] = {}
        told: dict[int, list[tuple[int, int, Key]]] = {}
        for number, service, layout, scope, begin, ticks, body in rows:
            if service not in services or (layouts is not None and layout not in layouts):
                continue
            kind, raw = body[0], unpack(body)
            if kind not in raws:
                raws[kind], told[kind] = [], []
            key = service, layout, scope
            size = len(raw) // ticks
            for i in range(ticks):
                raws[kind].append(raw if ticks == 1 else raw[i * size : (i + 1) * size])
                told[kind].append((number, begin + i, key))
        for kind, lines in raws.items():
            of = kind_of(kind)
            yield _Lines(
                counts=np.frombuffer(b"".join(lines), of).astype(np.int64),
                ids=np.array([number for number, _, _ in told[kind]], np.int64),
                ticks=np.array([tick for _, tick, _ in told[kind]], np.int64),
                widths=np.array([len(line) for line in lines], np.int64) // of.itemsize,
                keys=[key for _, _, key in told[kind]],
            )
