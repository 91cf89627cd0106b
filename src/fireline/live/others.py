"""What other servers on the same store counted meanwhile, so that what reaches two of them counts once.

A sender whose server died before it answered sends the same again, to another one. Each server remembers the
keys of what it counted; here it hears of the others': a turn for each service grows with every batch that
added keys, and names the newest of them. Whoever commits holds the turn, and commits only where it is the one
heard of last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fireline.store import Store, Tx
from fireline.store.glance import TURN, tell
from fireline.store.rows import Keys, Stored

NAMED = 48
"""Batches that a turn names: who missed more reads all keys anew."""


class Moved(Exception):
    """Others counted something, or put another baseline in force: look again before you count."""


@dataclass(eq=False)
class Others:
    """The turns of one service as this process last heard of them. ``looked`` is the turn of the baselines
    under which the plan at hand was looked up, None where nobody looks."""

    store: Store
    service: str
    looked: int | None = None
    _heard: int = 0
    _names: list[str] = field(default_factory=list)

    @property
    def _name(self) -> str:
        return f"counted:{self.service}"

    def take_up(self) -> None:
        """Before all keys are read anew: what is committed from now on is new."""
        self._heard, self._names = _told(self.store.get_state(self._name))

    def look(self, turn: int | None = None) -> bool:
        """Before it is looked up which baseline is in force: at ``turn``, where somebody knows it. Whether
        that is another than at the last look."""
        before = self.looked
        if turn is None:
            kept = self.store.get_state(TURN)
            turn = kept.tick if kept else 0
        self.looked = turn
        return turn != before

    def hear(self) -> Sequence[Keys] | None:
        """The keys that others added since; None where too many did, and all are to be read anew."""
        before = self._heard
        self.take_up()
        missed = self._heard - before
        if missed > len(self._names):
            return None
        return self.store.keys_of(self._names[len(self._names) - missed :])

    def hold(self, tx: Tx) -> None:
        """Be the only one who counts this service until ``tx`` ends. Raises Moved."""
        tx.alone("counted", self.service)
        if _told(tx.get_state(self._name))[0] != self._heard or self.is_another(tx.get_state(TURN)):
            raise Moved

    def is_another(self, kept: Stored | None) -> bool:
        """Whether another baseline may be in force than the one that was looked up."""
        return self.looked is not None and self.looked != (kept.tick if kept else 0)

    def add(self, tx: Tx, batch: str) -> None:
        """Say that ``batch`` added keys; ``added`` once it is committed."""
        body = json.dumps([*self._names, batch][-NAMED:]).encode()
        tx.put_state(self._name, self._heard + 1, body)

    def added(self, batch: str) -> None:
        """``batch`` is committed."""
        self._heard, self._names = self._heard + 1, [*self._names, batch][-NAMED:]


def versions_of(store: Store | Tx, service: str) -> dict[str, int]:
    """The versions of ``service`` that any server met, and when each was first seen (microseconds)."""
    kept = store.get_state(_versions(service))
    return dict(json.loads(kept.body)) if kept is not None else {}


def keep_versions(tx: Tx, service: str, met: Mapping[str, int]) -> dict[str, int]:
    """Add those that were ``met`` now, and tell the other servers; what all of them met. Last in ``tx``."""
    versions = earliest([met, versions_of(tx, service)])
    tx.put_state(_versions(service), 0, json.dumps(versions, sort_keys=True).encode())
    tell(tx)
    return versions


def earliest(found: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """When each version was seen first, of what several say."""
    first: dict[str, int] = {}
    for versions in found:
        for name, at in versions.items():
            first[name] = min(first.get(name, at), at)
    return first


def _versions(service: str) -> str:
    return f"versions:{service}"


def _told(kept: Stored | None) -> tuple[int, list[str]]:
    return (kept.tick, list(json.loads(kept.body))) if kept is not None else (0, [])
