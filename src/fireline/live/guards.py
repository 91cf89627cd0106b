"""Guards that listen: what each said when it last asked for the switch."""

from __future__ import annotations

import threading
from datetime import timedelta

from fireline.clock import Clock
from fireline.live.views import GuardView
from fireline.verify.obey import LACKS

LISTENS = timedelta(seconds=75)
"""A guard asks anew at least every half minute; one that has not for this long is gone."""
MOST = 10_000


class Guards:
    """By service and guard id; those not heard of for long are forgotten.

    Listening goes by the real clock, whatever clock the server's events run on.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], GuardView] = {}

    def heard(self, service: str, said: str) -> None:
        """Note what a guard said of itself: ``<id>;version=<n>;stale=<0|1>;passes=<n>``."""
        parts = [part.strip() for part in said.split(";")]
        told = dict(part.split("=", 1) for part in parts[1:] if "=" in part)
        obeys, passes = _number(told.get("version", "")), _number(told.get("passes", ""))
        view = GuardView(parts[0][:100], obeys, told.get("stale") == "1", self._clock.now(), passes)
        with self._lock:
            if len(self._seen) < MOST or (service, view.id) in self._seen:
                self._seen[service, view.id] = view

    def of(self, service: str) -> tuple[GuardView, ...]:
        """The guards of ``service`` that listen now, by id."""
        now = self._clock.now()
        with self._lock:
            self._seen = {key: v for key, v in self._seen.items() if now - v.seen_at < 4 * LISTENS}
            mine = [view for (name, _), view in self._seen.items() if name == service]
        return tuple(sorted((v for v in mine if now - v.seen_at < LISTENS), key=lambda v: v.id))

    def behind(self, service: str, version: int) -> tuple[str, ...]:
        """Guards that listen and obey a switch older than ``version``, or pass a route of theirs by."""
        return tuple(
            f"{view.id}, {LACKS}" if view.passes else view.id
            for view in self.of(service)
            if view.obeys < version or view.passes
        )


def _number(said: str) -> int:
    return int(said[:18]) if said.isascii() and said.isdigit() else 0
