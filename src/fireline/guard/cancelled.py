"""Whose doing a cancellation was: a deadline that passed (a failure), or a caller who left (nothing).

asyncio tells neither from the other in the coroutine that is cancelled. What can be told from outside it:
a deadline takes its cancellation back (``Task.uncancel``) once it has done its work, a caller who leaves does
not (a TaskGroup that cancels its own body is taken for a deadline too). Up to Python 3.11
``asyncio.wait_for`` runs the call in a task of its own, so there the task that waits is looked up: it was
cancelled itself when the caller left. Where nothing can be told, it was the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

_ANYIO = "Cancelled by cancel scope"
Then = Callable[[], None]


def when_cancelled(error: BaseException, timed_out: Then, left: Then) -> None:
    """Call ``timed_out`` or ``left``, now or, where only then it can be told, in the loop's next round.

    To be called in the task that ``error``, a CancelledError, passes through.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    if task is None or str(error).startswith(_ANYIO):
        left()
        return
    waiting = _who_waits(task)
    if waiting is not None:
        (left if waiting.cancelling() else timed_out)()
        return
    asked = task.cancelling()
    if not asked:
        left()
        return
    asyncio.get_running_loop().call_soon(lambda: timed_out() if task.cancelling() < asked else left())


def _who_waits(task: asyncio.Task[Any]) -> asyncio.Task[Any] | None:
    """The task that waits for ``task`` in ``asyncio.wait_for`` of Python 3.11; None elsewhere."""
    release = getattr(asyncio.tasks, "_release_waiter", None)
    if release is None:
        return None
    for waiter in _waiters(task, release):
        for callback, _ in getattr(waiter, "_callbacks", None) or ():
            owner = getattr(callback, "__self__", None)
            if isinstance(owner, asyncio.Task):
                return owner
    return None


def _waiters(task: asyncio.Task[Any], release: Any) -> list[Any]:
    callbacks = (callback for callback, _ in getattr(task, "_callbacks", None) or ())
    return [c.args[0] for c in callbacks if isinstance(c, partial) and c.func is release and c.args]
