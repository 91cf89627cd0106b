"""What a fork must renew: locks that another thread may have held, threads that are gone, rows that the
parent sends."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Renewed(Protocol):
    """Something that must be put right in the child of a fork."""

    def after_fork(self) -> None:
        """Called once in the child, before anything else runs there."""
        ...


_alive: WeakSet[Renewed] = WeakSet()


def renew_after_fork(thing: Renewed) -> None:
    """Have ``thing.after_fork()`` called in every child forked from this process, while it lives."""
    _alive.add(thing)


def _renew() -> None:
    for thing in list(_alive):
        thing.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_renew)
