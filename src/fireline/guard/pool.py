"""A few daemon threads for calls that must not hold up their caller: shadow calls and time-outs.

Unlike ``concurrent.futures`` pools they never keep a process from ending, and take no more work than there is
room for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from queue import Empty, Full, Queue
from typing import Any

from fireline.guard.forked import renew_after_fork

IDLE = 10.0
Job = tuple["Future[Any]", Callable[[], Any]]


class Pool:
    """At most ``threads`` daemon threads, begun when needed, and ``room`` jobs that wait for one."""

    def __init__(self, name: str, threads: int, room: int) -> None:
        self.name, self.threads, self.room = name, threads, room
        self.turned_away = 0
        self._clear()
        renew_after_fork(self)

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any] | None:
        """Have ``fn(*args)`` done in the caller's context; None when there is no room, at once."""
        context = copy_context()
        future: Future[Any] = Future()
        try:
            self._jobs.put_nowait((future, lambda: context.run(fn, *args)))
        except Full:
            self.turned_away += 1
            return None
        with self._lock:
            self._owed += 1
            if self._alive >= min(self._owed, self.threads):
                return future
            self._alive += 1
        threading.Thread(target=self._work, name=self.name, daemon=True).start()
        return future

    def after_fork(self) -> None:
        """The threads are gone, and what they were to do is the parent's."""
        self._clear()

    def _clear(self) -> None:
        self._jobs: Queue[Job] = Queue(self.room)
        self._lock = threading.Lock()
        self._owed = self._alive = 0  # jobs not done yet, threads

    def _work(self) -> None:
        while True:
            try:
                future, job = self._jobs.get(timeout=IDLE)
            except Empty:
                with self._lock:
                    if self._alive > self._owed:
                        self._alive -= 1
                        return
                continue
            self._do(future, job)

    def _do(self, future: Future[Any], job: Callable[[], Any]) -> None:
        try:
            if future.set_running_or_notify_cancel():
                future.set_result(job())
        except BaseException as error:  # whatever the call raised belongs to who waits for it
            future.set_exception(error)
        finally:
            with self._lock:
                self._owed -= 1
