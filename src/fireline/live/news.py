"""News: a counter that grows with everything new, and those who wait for it."""

from __future__ import annotations

import asyncio
import threading


class News:
    """Threads tell, coroutines wait. A wait that is told nothing ends after its time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def count(self) -> int:
        """How much was told so far."""
        return self._count

    def told(self) -> None:
        """Something new is there: whoever waits wakes."""
        with self._lock:
            self._count += 1
            waiting, self._waiting = self._waiting, set()
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def wait(self, since: int, timeout: float) -> int:
        """The count once it is above ``since``, or after ``timeout`` seconds as it is."""
        mine = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            if self._count > since:
                return self._count
            self._waiting.add(mine)
        try:
            await asyncio.wait_for(mine[1].wait(), timeout)
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiting.discard(mine)
        return self._count
