"""The outbox: rows wait here for the sender thread. A full outbox loses rows, counted; a call never waits."""

from __future__ import annotations

import gzip
import logging
import threading
from collections import deque
from collections.abc import Callable
from random import Random
from time import monotonic
from typing import Any, Literal

from fireline.guard.forked import renew_after_fork
from fireline.guard.post import Answer, Trouble, connection, exchange
from fireline.guard.settings import new_id
from fireline.ids import stable_id

log = logging.getLogger("fireline.guard")
Headers = Callable[[], dict[str, str]]


class Outbox:
    """Sends rows to ``url`` in batches of at most ``batch`` rows, every ``every`` seconds or sooner when
    full.

    It holds at most ``bound`` rows; when it is full the ``drop`` ones (oldest or newest) are lost and counted
    in ``dropped``. A batch is tried again, under the same idempotency key, until the server answers that it
    is taken or that it never will be; what waits meanwhile is bounded too, so memory stays flat however long
    the server is away. The thread begins with the first ``start()``.
    """

    def __init__(
        self,
        url: str,
        headers: Headers,
        line: Callable[[Any], bytes],
        *,
        bound: int = 10_000,
        drop: Literal["oldest", "newest"] = "oldest",
        batch: int = 500,
        every: float = 1.0,
        timeout: float = 10.0,
        longest_pause: float = 30.0,
        name: str = "",
    ) -> None:
        if bound < 1 or batch < 1 or every <= 0 or drop not in ("oldest", "newest"):
            raise ValueError(
                "an outbox wants bound and batch of at least 1, every above 0, drop oldest or newest"
            )
        connection(url, timeout)  # says at once when the address is none
        self.url, self._headers, self._line = url, headers, line
        self.bound, self.batch, self.every, self.timeout = bound, batch, every, timeout
        self.drop, self.longest_pause, self.name = drop, longest_pause, name
        self.dropped = self.sent = self.refused = self.quarantined = self.batches = 0
        self.trouble = ""
        self._random = Random(name)  # spreads retries; seeded by the guard's id
        self._thread: threading.Thread | None = None
        self._clear()
        renew_after_fork(self)

    def put(self, row: Any) -> None:
        """Leave ``row`` to be sent; never waits."""
        rows = self.rows
        waiting = len(rows)
        if waiting >= self.bound:
            self.dropped += 1
            if self.drop == "newest":
                return
            try:
                rows.popleft()
            except IndexError:
                self.dropped -= 1  # the sender took it in between
        rows.append(row)
        if waiting == self.batch:
            self._wake.set()

    def start(self) -> None:
        """Begin to send, unless begun."""
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="fireline-outbox", daemon=True)
                self._thread.start()

    def flush(self, timeout: float = 2.0) -> bool:
        """Send what waits now; True when it is all away within ``timeout`` seconds."""
        if not self.waiting:
            return True
        self.start()
        self._hurry.set()
        self._wake.set()
        end = monotonic() + timeout
        with self._idle:
            while self.waiting and (left := end - monotonic()) > 0:
                self._idle.wait(min(left, 0.05))
        return not self.waiting

    def close(self, timeout: float = 2.0) -> bool:
        """Flush for at most ``timeout`` seconds, then stop for good."""
        done = self.flush(timeout)
        self._stop.set()
        self._hurry.set()
        self._wake.set()
        return done

    @property
    def waiting(self) -> int:
        """Rows that are not away yet."""
        return len(self.rows) + self._held

    def status(self) -> dict[str, Any]:
        """How many rows wait, were sent, dropped, refused and quarantined, and what is wrong."""
        names = ("waiting", "sent", "dropped", "refused", "quarantined", "bound", "trouble")
        return {name: getattr(self, name) for name in names}

    def after_fork(self) -> None:
        """The child has a thread to begin, and no rows: the parent sends those it had."""
        self._clear()
        self.dropped = self.sent = self.refused = self.quarantined = 0

    def _clear(self) -> None:
        self.rows: deque[Any] = deque()
        self._held = 0
        self._lock = threading.Lock()
        self._idle = threading.Condition()
        self._own = new_id(self.url)  # of no other outbox, and the child's is another's than the parent's
        self._wake, self._stop, self._hurry = threading.Event(), threading.Event(), threading.Event()
        self._thread = None

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(self.every)
            self._wake.clear()
            while self.rows and not self._stop.is_set():
                self._send_one()
            self._hurry.clear()
            with self._idle:
                self._idle.notify_all()

    def _send_one(self) -> None:
        lines: list[bytes] = []
        while self.rows and len(lines) < self.batch:
            self._held = len(lines) + 1  # before it is taken out: whoever flushes just now must not miss it
            try:
                lines.append(self._line(self.rows.popleft()))
            except IndexError:  # a full outbox dropped it in between
                break
            except Exception:  # a row that cannot be written must not stop those behind it
                self.refused += 1
                log.warning("a row could not be written as JSON and is lost", exc_info=True)
        self._held = len(lines)
        if lines:
            self._deliver(lines)
        self._held = 0

    def _deliver(self, lines: list[bytes]) -> None:
        """Try until the server has said yes or never, or the outbox is closed."""
        self.batches += 1
        key = stable_id("batch", self._own, self.batches, size=12)
        body, tries = gzip.compress(b"".join(lines), 1), 0
        while not self._stop.is_set():
            try:
                answer = self._post(body, key)
            except Trouble as error:
                wait = None
                self._say(f"{self.url} cannot be reached: {error}", "rows wait")
            else:
                if answer.status == 413 and len(lines) > 1:
                    self._deliver(lines[: len(lines) // 2])
                    self._deliver(lines[len(lines) // 2 :])
                    return
                if self._is_settled(answer, len(lines)):
                    return
                wait = _seconds(answer.headers.get("retry-after"))
                self._say(f"{self.url} answered {answer.status}", "rows wait")
            self._pause(tries, wait)
            tries += 1
        self.dropped += len(lines)

    def _post(self, body: bytes, key: str) -> Answer:
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip", "Idempotency-Key": key}
        wire = connection(self.url, self.timeout)
        return exchange(wire, "POST", self.url, headers | self._headers(), body)

    def _is_settled(self, answer: Answer, rows: int) -> bool:
        if 200 <= answer.status < 300:
            self.sent += rows
            self.trouble = ""
            bad = answer.body.count(b'"reason"')
            if bad and not self.quarantined:
                log.warning("the server put rows aside: %s", answer.body[:500].decode(errors="replace"))
            self.quarantined += bad
            return True
        if answer.status in (408, 409, 425, 429) or answer.status >= 500:
            return False
        said = answer.body[:300].decode(errors="replace")
        self.refused += rows
        self._say(f"{self.url} refused rows for good: {answer.status} {said}", "they are lost")
        return True

    def _say(self, trouble: str, so: str) -> None:
        """Log a trouble once, not with every batch."""
        if trouble != self.trouble:
            log.warning("%s: %s (%d waiting, %d dropped)", trouble, so, self.waiting, self.dropped)
        self.trouble = trouble

    def _pause(self, tries: int, told: float | None) -> None:
        """Back off: twice as long each time, with jitter, and not less than the server asked for."""
        pause = min(self.longest_pause, 0.25 * 2 ** min(tries, 10)) * (0.5 + self._random.random() / 2)
        if told is not None:
            pause = max(min(pause, told * 1.25), min(told, 120.0))
        if self._hurry.is_set():
            self._stop.wait(min(pause, 0.2))
        else:
            self._hurry.wait(pause)


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
