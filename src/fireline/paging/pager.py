"""The pager: one who puts into the outbox what is due, sends what waits and writes the receipt.

A page goes out at least once, and always under the same key: who is killed between sending and receipt sends
the same body again when the lease has lapsed, and the receiver knows it by the key. Each channel has a thread
of its own, so a channel that hangs delays nobody but itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fireline.channels import Channel, Pulse
from fireline.clock import Clock
from fireline.errors import ChannelError, FirelineError, StateError, StoreError
from fireline.oncall import Arrangement, Paging, due, unwanted
from fireline.paging.receipts import not_paged, paged
from fireline.runbook.schema import Runbook
from fireline.store import Store, Tx
from fireline.terms.incident import Incident
from fireline.terms.page import Page, PageKind
from fireline.terms.timeline import Draft

LOGGER = logging.getLogger("fireline.paging")
LEASE = timedelta(minutes=2)
TRIES = 5
LAST_TRIES = 12
"""That it is over is told once; nothing repeats it, so it is tried longer."""
FIRST_WAIT = timedelta(seconds=5)
"""How long the second try waits; every further one waits twice as long, up to LONGEST_WAIT."""
LONGEST_WAIT = timedelta(minutes=10)
RECEIPT_WAITS = (0.2, 1.0, 3.0)
"""Seconds of the wall between tries to write a receipt."""
STUCK = 90.0
"""Seconds of the wall after which a channel that does not come back is left behind."""


@dataclass
class _Lane:
    """A channel's thread, and the page it is at: since when by the monotonic clock.

    A page belongs to one channel and a channel has one thread, so a page that is being sent here is not sent
    here a second time, however far the clock leaps past its lease.
    """

    thread: threading.Thread
    page: int | None = None
    since: float = 0.0
    left: bool = False


@dataclass
class Pager:
    """One who pages. Pagers of one store may be many and may die at any moment.

    ``runbooks`` give each service's cadence of updates and its time zone. ``base_url`` is where people reach
    the incidents' pages, "" where they do not. ``told`` is called, from a thread of the pager's, when
    something was written into a journal.
    """

    store: Store
    channels: Mapping[str, Channel]
    settings: Paging
    clock: Clock
    base_url: str = ""
    name: str = "pager"
    runbooks: Mapping[str, Runbook] = field(default_factory=dict)
    pulse: Pulse | None = None
    lease: timedelta = LEASE
    stuck: float = STUCK
    told: Callable[[], None] | None = None
    _lanes: dict[str, _Lane] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _beaten: float | None = field(default=None, repr=False)
    _beating: threading.Thread | None = field(default=None, repr=False)

    def tick(self, incidents: Iterable[Incident] | None = None) -> int:
        """Everything that is due now; how many pages were put into the outbox. It waits for no channel.

        ``incidents`` are those that are not over, read from the store when not given. Raises StoreError when
        the store cannot be used.
        """
        put = self.plan(incidents)
        self.work()
        self.beat()
        return put

    # -- plan: what is due goes into the outbox, what is not wanted any more goes out of it ------------------

    def plan(self, incidents: Iterable[Incident] | None = None) -> int:
        """Put what is due into the outbox, all in one transaction; how many pages that were."""
        now = self.clock.now()
        if incidents is None:
            names = self.store.incidents(open_only=True)
        else:
            names = [incident.id for incident in incidents]
        names = list(dict.fromkeys([*names, *self.store.unended_pages()]))
        changing = [name for name in names if self._changes(name, now)]
        if not changing:
            return 0
        with self.store.begin() as tx:
            return sum(self._put(tx, name, now) for name in changing)

    def _changes(self, name: str, now: datetime) -> bool:
        incident, known = self.store.incident(name), self.store.pages(name)
        return bool(due(incident, self._arrangement(incident), known, now) or unwanted(incident, known))

    def _put(self, tx: Tx, name: str, now: datetime) -> int:
        incident, known = tx.incident(name), tx.pages(name)
        drafts = due(incident, self._arrangement(incident), known, now)
        put = sum(tx.put_page(draft, now) for draft in drafts)
        for page, why in unwanted(incident, tx.pages(name)):
            tx.drop_page(page.id, now, why)
        return put

    def _arrangement(self, incident: Incident) -> Arrangement:
        runbook = self.runbooks.get(incident.service)
        if runbook is None:
            return Arrangement(self.settings, self.base_url)
        return Arrangement(self.settings, self.base_url, runbook.timezone, runbook.comms.cadence)

    # -- work: a thread a channel --------------------------------------------------------------------------

    def work(self) -> None:
        """See that every channel with something to send has a thread that sends it."""
        for channel in self.store.waiting_channels(self.clock.now()):
            with self._lock:
                lane = self._lanes.get(channel)
                if lane is not None and lane.thread.is_alive() and not self._is_stuck(channel, lane):
                    continue
                thread = threading.Thread(
                    target=self._run, args=[channel], name=f"page-{channel}", daemon=True
                )
                self._lanes[channel] = _Lane(thread)
            thread.start()

    def _is_stuck(self, channel: str, lane: _Lane) -> bool:
        """Whether the thread has been at one page for so long that another must take its place. Its claim
        lapses, and should it come back after all, its receipt counts only if nobody took over."""
        if lane.page is None or time.monotonic() - lane.since < self.stuck:
            return False
        LOGGER.error("channel %s hangs: it is left behind and tried anew", channel)
        lane.left = True
        return True

    def settle(self, seconds: float = 30.0) -> bool:
        """Wait until everything that is due has been tried; whether that was so within ``seconds`` of the
        wall."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.work()
            with self._lock:
                threads = [lane.thread for lane in self._lanes.values()]
            for thread in threads:
                thread.join(max(until - time.monotonic(), 0.0))
            if not any(t.is_alive() for t in threads) and not self.store.waiting_channels(self.clock.now()):
                return True
        return False

    def _run(self, channel: str) -> None:
        lane = self._lanes[channel]
        try:
            while not lane.left and (page := self._take(channel)) is not None:
                lane.page, lane.since = page.id, time.monotonic()
                self._write(page, self._send(page))
                lane.page = None
        except (
            Exception
        ) as error:  # a store that fails must not end paging: the next tick starts a new thread
            LOGGER.error("paging by %s broke off and goes on with the next tick: %s", channel, _name(error))

    def _take(self, channel: str) -> Page | None:
        """Claim the next page of ``channel`` that is still wanted."""
        now = self.clock.now()
        for page in self.store.sendable_pages(now, channel):
            with self.store.begin() as tx:
                incident, known = tx.incident(page.incident), tx.pages(page.incident)
                why = {other.id: reason for other, reason in unwanted(incident, known)}
                if page.id in why:
                    tx.drop_page(page.id, now, why[page.id])
                    continue
                to = self.channels[channel].to if channel in self.channels else ""
                claimed = tx.claim_page(page.id, self.name, now, self.lease, to)
            if claimed is not None:
                return claimed
        return None

    def _send(self, page: Page) -> ChannelError | None:
        """None when it is sent, else what went wrong, in words without secrets."""
        if page.attempts > 2 * _tries(page):
            return ChannelError(f"it was begun {page.attempts - 1} times and never finished")
        channel = self.channels.get(page.channel)
        if channel is None:
            return ChannelError("there is no such channel any more", todo="configure it under `channels:`")
        try:
            channel.send(page.message, page.key)
        except FirelineError as error:
            return ChannelError(error.message, todo=error.todo, permanent=error.permanent)
        except (
            Exception
        ) as error:  # a stranger's fault may be gone the next time, and its words may hold a secret
            return ChannelError(f"it failed: {_name(error)}", permanent=False)
        return None

    def _write(self, page: Page, trouble: ChannelError | None) -> None:
        """Write what came of it, and be patient with a busy store: without a receipt it is sent again."""
        for wait in RECEIPT_WAITS:
            try:
                return self._note(page, trouble)
            except StoreError as error:
                if error.permanent:
                    raise
                time.sleep(wait)
        return self._note(page, trouble)

    def _note(self, page: Page, trouble: ChannelError | None) -> None:
        self._finish(page, trouble)
        if self.told is not None:
            self.told()

    def _finish(self, page: Page, trouble: ChannelError | None) -> None:
        """Write the receipt, or when it is tried again, or that it was given up."""
        now = self.clock.now()
        with self.store.begin() as tx:
            if trouble is None:
                if tx.page_sent(page, now):
                    self._tell(tx, page, paged(page, self.name), now)
                return
            given_up = trouble.permanent or page.attempts >= _tries(page)
            wait = min(FIRST_WAIT * 2 ** (page.attempts - 1), LONGEST_WAIT)
            if tx.page_failed(page, str(trouble), given_up, None if given_up else now + wait) and given_up:
                LOGGER.error("nobody was reached by %s: %s", page.channel, trouble.message)
                self._tell(tx, page, not_paged(page, trouble, self.name), now)

    def _tell(self, tx: Tx, page: Page, draft: Draft, now: datetime) -> None:
        try:
            tx.append(page.incident, draft, now)
        except StateError:  # the receipt counts in any case
            LOGGER.warning("incident %s takes no entry about its page", page.incident)

    # -- the dead-man's switch ------------------------------------------------------------------------------

    def beat(self) -> None:
        """Ask the watchdog's address when it is time by the wall clock; nobody waits for the answer."""
        every = self.settings.heartbeat.every.total_seconds() if self.settings.heartbeat else 0.0
        now = time.monotonic()
        if self.pulse is None or (self._beaten is not None and now - self._beaten < every):
            return
        if self._beating is not None and self._beating.is_alive():
            return
        self._beaten = now
        self._beating = threading.Thread(target=self._beat, args=[self.pulse], name="heartbeat", daemon=True)
        self._beating.start()

    def _beat(self, pulse: Pulse) -> None:
        try:
            pulse.beat()
        except ChannelError as error:
            LOGGER.warning("the heartbeat was not heard: %s", error.message)
        except Exception as error:  # whatever it is, the next beat must come
            LOGGER.warning("the heartbeat failed: %s", _name(error))


def _tries(page: Page) -> int:
    return LAST_TRIES if page.kind is PageKind.RESOLVED else TRIES


def _name(error: Exception) -> str:
    """What may be said of an error nobody wrote for people: a FirelineError's words, or only the kind."""
    return str(error) if isinstance(error, FirelineError) else type(error).__name__
