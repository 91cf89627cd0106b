"""The guard's line to its server: rows and labels out, switches in. Without a server it is silent."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fireline.clock import iso
from fireline.guard.follow import Follower
from fireline.guard.kept import Kept
from fireline.guard.outbox import Outbox
from fireline.guard.rows import Row, as_event, line
from fireline.guard.settings import Settings, new_id
from fireline.terms.switch import Switch

log = logging.getLogger("fireline.guard")
Sink = Callable[[dict[str, Any]], None]


class Wire:
    """What ``service``'s guard sends and hears.

    ``sink`` gets each event as a dict instead of the server, in the calling thread: for tests, and for
    services that carry their events themselves. ``age`` says that an event's time is its begin plus its
    latency.
    """

    def __init__(
        self,
        service: str,
        given: Settings,
        obey: Callable[[Switch], None],
        *,
        sink: Sink | None,
        age: bool,
        stale_after: float,
        wait: float,
        outbox: Mapping[str, Any],
        hear: Callable[[str], None] | None,
    ) -> None:
        self.service, self.host = service, socket.gethostname()
        self.who = new_id(service)
        self.lost = 0
        self._given, self._age = given, age
        self.outbox = self.labels = None
        self.follower: Follower | None = None
        self.put: Callable[[Any], None] = _nowhere
        if sink is not None:
            self._sink = sink
            self.put = self._hand_over
        elif given.url:
            self.outbox = self._outbox("events", self._line, outbox)
            self.labels = self._outbox("labels", line, outbox)
            self.put = self.outbox.put
        if given.url and given.key:
            kept = Kept(given.folder, service, given.key)
            self.follower = Follower(
                given.url, service, given.token, given.key, obey,
                who=self.who, kept=kept, stale_after=stale_after, wait=wait, hear=hear,
            )  # fmt: skip

    def start(self, timeout: float | None = None) -> bool:
        """Begin to send and to follow; with ``timeout`` wait for the server. Whether it has been heard."""
        if self.outbox is not None:
            self.outbox.start()
        if self.follower is None:
            return False
        self.follower.start()
        return self.follower.heard_once(timeout or 0.0)

    def label(self, request_id: str, label: Any, at: datetime) -> None:
        """Send what turned out to be true of ``request_id``, known since ``at``."""
        if self.labels is not None:
            self.labels.start()
            self.labels.put({"request_id": request_id, "label": label, "label_time": iso(at)})

    def flush(self, timeout: float) -> bool:
        """Send what waits; whether all is away within ``timeout`` seconds."""
        done = [box.flush(timeout) for box in (self.outbox, self.labels) if box is not None]
        return all(done)

    def close(self, timeout: float) -> bool:
        """Flush, and stop for good."""
        if self.follower is not None:
            self.follower.close()
        done = [box.close(timeout) for box in (self.outbox, self.labels) if box is not None]
        return all(done)

    def renamed(self) -> None:
        """The child of a fork is a guard of its own."""
        self.who = new_id(self.service)
        for part in (self.outbox, self.labels):
            if part is not None:
                part.name = self.who
        if self.follower is not None:
            self.follower.who = self.who

    def event(self, row: Row) -> dict[str, Any]:
        """``row`` as the server reads it."""
        return as_event(row, self.who, self.host, self._age)

    def status(self) -> dict[str, Any]:
        """The server's address, the follower and the outboxes, as plain data."""
        parts = {"switch": self.follower, "outbox": self.outbox, "labels": self.labels}
        return {"url": self._given.url} | {
            name: part.status() if part else None for name, part in parts.items()
        }

    def _hand_over(self, row: Row) -> None:
        try:
            self._sink(self.event(row))
        except Exception:  # whoever takes the events, it must not cost an answer
            self.lost += 1
            if self.lost == 1:
                log.warning("the sink failed: its events are lost", exc_info=True)

    def _line(self, row: Row) -> bytes:
        return line(self.event(row))

    def _outbox(self, what: str, write: Callable[[Any], bytes], options: Mapping[str, Any]) -> Outbox:
        url = f"{self._given.url}/v1/{what}?service={quote(self.service, safe='')}"
        return Outbox(url, self._headers, write, name=self.who, **options)

    def _headers(self) -> dict[str, str]:
        says = self.follower.says() if self.follower else f"{self.who};version=0;stale=0"
        dropped = self.outbox.dropped if self.outbox else 0
        return {"Authorization": f"Bearer {self._given.token}", "Fireline-Guard": f"{says};dropped={dropped}"}


def _nowhere(row: Any) -> None:
    """Guards without a server keep nothing."""
