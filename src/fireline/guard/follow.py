"""The follower: waits for switches, verifies them, keeps them, and knows how long it heard nothing."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from random import Random
from time import monotonic
from typing import Any
from urllib.parse import quote

from fireline.guard.forked import renew_after_fork
from fireline.guard.kept import ForgedSwitch, Kept, OldSwitch, verified
from fireline.guard.post import Answer, Trouble, connection, exchange
from fireline.terms.switch import Switch

log = logging.getLogger("fireline.guard")
LONGEST_PAUSE = 5.0
AT_ONCE = 0.5
"""An answer sooner than this that brings nothing new is no long poll: the next one is put off."""


class Follower:
    """Long-polls ``url`` for the switches of ``service`` and hands each newer, rightly signed one to
    ``obey``.

    A forged or older one is counted in ``forged`` or ``old`` and not obeyed. The last good one is kept by
    ``kept`` and obeyed from there at the next start. ``stale`` is True when nothing was heard for
    ``stale_after`` seconds; the guard then goes on with what it knows. ``hear`` is told the server's clock,
    which only a server in a drill sends.
    """

    def __init__(
        self,
        url: str,
        service: str,
        token: str,
        key: bytes,
        obey: Callable[[Switch], None],
        *,
        who: str,
        kept: Kept,
        stale_after: float = 60.0,
        wait: float = 25.0,
        hear: Callable[[str], None] | None = None,
    ) -> None:
        connection(url, wait)  # says at once when the address is none
        self.address = f"{url.rstrip('/')}/v1/switches/{quote(service, safe='')}"
        self.service, self.token, self.key, self.who = service, token, key, who
        self.stale_after, self.wait = stale_after, wait
        self.version = self.forged = self.old = 0
        self.passes = 0
        self.trouble = ""
        self._obey, self._kept, self._hear = obey, kept, hear
        self._random = Random(who)  # spreads reconnects; seeded by the guard's id
        self._thread: threading.Thread | None = None
        self._clear()
        self._recall()
        renew_after_fork(self)

    def start(self) -> None:
        """Begin to follow, unless begun."""
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="fireline-follower", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop for good, at once: a poll that waits is cut off."""
        self._stop.set()
        wire = self._wire
        if wire is not None and wire.sock is not None:
            try:
                wire.sock.shutdown(2)
            except OSError:
                log.debug("the poll had ended already")

    def heard_once(self, timeout: float) -> bool:
        """Wait until the server has been heard, ``timeout`` seconds at most; whether it has."""
        return self._heard_once.wait(timeout)

    @property
    def silent_for(self) -> float:
        """Seconds since the server was last heard, or since the guard began."""
        return monotonic() - self._heard

    @property
    def stale(self) -> bool:
        """Whether what the guard obeys may be out of date."""
        return self.silent_for > self.stale_after

    def says(self) -> str:
        """The Fireline-Guard header: who listens, which version it obeys, whether it is stale, and how many
        routes it passes by since it has no such version or rung."""
        return f"{self.who};version={self.version};passes={self.passes};stale={int(self.stale)}"

    def take(self, text: str, signature: str) -> bool:
        """Obey the signed ``text`` if it is newer; whether it was. Raises ForgedSwitch or OldSwitch.

        It is obeyed at once and then kept, so that a disk that hangs holds up no containment; the server
        hears of it with the next poll, when it is on the disk.
        """
        switch = verified(text, signature, self.key, self.service)
        if switch.version < max(self.version, self._floor):
            raise OldSwitch(
                f"version {switch.version} came after {max(self.version, self._floor)}",
                todo="if the server was set back on purpose, remove the guard's state folder",
            )
        if switch.version == self.version:
            return False
        self._obey(switch)
        self.version = switch.version
        try:
            self._kept.keep(text, signature, switch.version)
        except OSError as error:
            self.trouble = f"the switch is obeyed but cannot be kept over a restart: {error}"
            log.warning("%s", self.trouble)
        return True

    def status(self) -> dict[str, Any]:
        """Which version is obeyed, how long nothing was heard, and what was refused."""
        return {
            "version": self.version, "stale": self.stale, "silent_for": round(self.silent_for, 3),
            "forged": self.forged, "old": self.old, "kept_in": str(self._kept.file), "trouble": self.trouble,
        }  # fmt: skip

    def after_fork(self) -> None:
        """The child follows by a thread of its own, once it is used."""
        self._clear()

    def _clear(self) -> None:
        self._lock = threading.Lock()
        self._stop, self._heard_once = threading.Event(), threading.Event()
        self._thread = None
        self._wire: HTTPConnection | None = None
        self._heard = monotonic()
        self._said_stale = False

    def _recall(self) -> None:
        """Obey what was kept before the restart."""
        self._floor = self._kept.floor()
        try:
            switch = self._kept.load()
        except ForgedSwitch as error:
            self._refuse(error)
        except OldSwitch as error:
            self._refuse(error)
        except OSError as error:
            self.trouble = f"the kept switch cannot be read: {error}"
            log.warning("%s", self.trouble)
        else:
            if switch is not None:
                self._obey(switch)
                self.version = switch.version

    def _run(self) -> None:
        fails, eager = 0, True  # at first, and after any trouble, an answer is wanted at once
        while not self._stop.is_set():
            began = monotonic()
            try:
                news = self._poll(0.0 if eager else self.wait)
                waited = news or eager or monotonic() - began > AT_ONCE
                fails, eager = 0 if waited else fails + 1, False
            except (ForgedSwitch, OldSwitch) as error:
                self._refuse(error)
                fails, eager = fails + 1, True
            except Trouble as error:
                if self._stop.is_set():
                    return
                self.trouble = f"the server cannot be reached: {error}"
                fails, eager = fails + 1, True
            except Exception as error:  # the follower must outlive whatever the server sends
                self.trouble = f"an answer made no sense: {error!r}"
                fails, eager = fails + 1, True
            self._say_when_stale()
            if fails:
                self._stop.wait(self._pause(fails))

    def _poll(self, wait: float) -> bool:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "If-None-Match": f'"{self.version}"',
            "Fireline-Guard": self.says(),
        }
        self._wire = connection(self.address, wait + 10.0)
        answer = exchange(self._wire, "GET", f"{self.address}?wait={wait:g}", headers)
        if self._hear is not None and "fireline-clock" in answer.headers:
            self._hear(answer.headers["fireline-clock"])
        if answer.status == 304:
            self._was_heard()
            return False
        if answer.status != 200:
            raise ValueError(f"it answered {answer.status} {_short(answer)}")
        envelope = json.loads(answer.body)
        if not isinstance(envelope, dict) or not {"switch", "signature"} <= envelope.keys():
            raise ForgedSwitch(
                "an answer held no signed switch", todo="look whether the address is a Fireline server's"
            )
        news = self.take(str(envelope["switch"]), str(envelope["signature"]))
        self._was_heard()
        return news

    def _was_heard(self) -> None:
        self._heard = monotonic()
        self._heard_once.set()
        self.trouble = "" if "kept over a restart" not in self.trouble else self.trouble
        if self._said_stale:
            self._said_stale = False
            log.warning("the guard of %s hears the server again", self.service)

    def _refuse(self, error: ForgedSwitch | OldSwitch) -> None:
        if str(error) != self.trouble:
            log.error("a switch was refused: %s", error)
        self.trouble = str(error)
        if isinstance(error, ForgedSwitch):  # counted last: whoever sees the count finds the reason beside it
            self.forged += 1
        else:
            self.old += 1

    def _say_when_stale(self) -> None:
        if self.stale and not self._said_stale:
            self._said_stale = True
            log.warning(
                "STALE: the guard of %s has heard nothing for %.0f s and goes on with switch %d (%s)",
                self.service, self.silent_for, self.version, self.trouble,
            )  # fmt: skip

    def _pause(self, fails: int) -> float:
        longest: float = min(LONGEST_PAUSE, 0.1 * 2 ** min(fails, 6))
        return longest * (0.5 + self._random.random() / 2)


def _short(answer: Answer) -> str:
    return answer.body[:200].decode(errors="replace")
