"""Lives of a process that a real ``kill -9`` ends: forked from a process that has everything imported, so
that one costs what it does and not what Python's imports do."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from threading import Lock
from typing import Any

from fireline.store import Store
from fireline.store.watch import watch

_PARENTS = multiprocessing.get_context("forkserver")
_PARENTS.set_forkserver_preload(["tests.support.living", "fireline.live.running", "fireline.sources.pull"])


def life(what: Callable[..., object], *given: Any, seconds: float | None = None) -> int:
    """``what(*given)`` in a process of its own, killed after ``seconds`` where it still lives then; how it
    ended: 0, or minus the signal's number."""
    process = _PARENTS.Process(target=what, args=given, daemon=True)
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


class Dying:
    """Ends this very process with ``kill -9`` before or after the ``left``-th write of ``store``, once
    ``armed``; with 0 it lives, and ``met`` says how many there were."""

    def __init__(self, store: Store, left: int, armed: bool = True) -> None:
        self.left, self.armed, self.met, self._lock = left, armed, 0, Lock()
        watch(store.database, self._told)

    def _told(self, moment: str, what: str) -> None:
        if self.armed and moment in ("before", "after"):
            with self._lock:
                self.met += 1
                if self.met == self.left:
                    os.kill(os.getpid(), signal.SIGKILL)
