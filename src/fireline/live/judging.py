"""Judging many services at once: one question for a tick's counts, one array for the judges, one commit for
their states."""

from __future__ import annotations

import gc
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Protocol

from fireline.detect.fleet import Asked, Fleet
from fireline.detect.judge import Judge
from fireline.detect.keeping import Part, names_of, restore, saved, standing
from fireline.live.jobs import JobWatch
from fireline.store import Store
from fireline.store.facts import services_told
from fireline.store.rows import Stored
from fireline.store.sweep import get_states
from fireline.sweep import Sweep
from fireline.terms.alert import Alert, Finding

Stands = Mapping[Part, tuple[int, ...]]
Found = Mapping[str, Sequence[Finding]]


class Judged(Protocol):
    """A service's loop, as far as judging is concerned."""

    service: str
    judge: Judge
    judged: int
    inbox: list[Finding]
    stands: Stands

    watch: JobWatch

    def ready(self, complete: int) -> Asked: ...

    def by_rule(self, complete: int, told: bool) -> tuple[Sequence[Finding], Sequence[str]]: ...


@dataclass(eq=False)
class Judging:
    """The judges of one process. What they found is stored with what they remember, in one transaction."""

    store: Store
    fleet: Fleet = field(default_factory=Fleet)
    services: InitVar[Collection[str]] = ()

    def __post_init__(self, services: Collection[str]) -> None:
        self._sweep = Sweep(self.store, services, ())

    def judge(self, due: Sequence[tuple[Judged, int]]) -> None:
        """Judges of each service every tick that ends by the time (microseconds) that stands beside it.

        When anything raises, nothing is stored, and the judges may stand anywhere: each service is to take up
        what was stored before.
        """
        found = self.find([pulse.ready(complete) for pulse, complete in due])
        by_rule = self.by_rule(due)
        every = {
            p.service: [*found[p.service], *more] for (p, _), (more, _) in zip(due, by_rule, strict=True)
        }
        self.keep(due, every, [told for _, told in by_rule])

    def find(self, asked: Sequence[Asked]) -> Found:
        """What every judge finds in the ticks that are complete; of longer ones what is there is read
        ahead."""
        self._reach(asked)
        found = self.fleet.advance(asked, self._sweep)
        self._sweep.ahead(self.fleet.begun(max(one.until for one in asked)))
        return found

    def lay(self, asked: Sequence[Asked]) -> None:
        """What a first tick would have to do, done before it: lanes are laid, and of the ticks that have
        begun by now what is there is read."""
        self._reach(asked)
        self.fleet.lay(asked)
        self._sweep.ahead(self.fleet.begun(max((one.until for one in asked), default=0)))

    def _reach(self, asked: Sequence[Asked]) -> None:
        """Has the sweep read what these look at."""
        services = {one.service for one in asked}
        layouts = frozenset().union(*(one.judge.layouts for one in asked))
        known = self._sweep.services, self._sweep.layouts or frozenset()
        if not (services <= known[0] and layouts <= known[1]):
            self._sweep = Sweep(self.store, services | known[0], layouts | known[1])

    def by_rule(self, due: Sequence[tuple[Judged, int]]) -> list[tuple[Sequence[Finding], Sequence[str]]]:
        """What is found beside the judges; who was told of no job is not asked about any."""
        told = services_told(self.store, "job")
        return [pulse.by_rule(complete, pulse.service in told) for pulse, complete in due]

    def keep(self, due: Sequence[tuple[Judged, int]], found: Found, told: Sequence[Sequence[str]]) -> None:
        """Stores what was found, and how far each judge is."""
        stands = [standing(pulse.judge) for pulse, _ in due]
        kept = [
            one for (pulse, complete), stand in zip(due, stands, strict=True)
            for one in self._kept(pulse, complete, found[pulse.service], stand)
        ]  # fmt: skip
        with self.store.begin() as tx:
            tx.put_states(kept)
            for (pulse, _), of_jobs in zip(due, told, strict=True):
                pulse.watch.keep(tx, of_jobs)
        for (pulse, complete), stand in zip(due, stands, strict=True):
            pulse.judged, pulse.stands = complete, stand
            pulse.inbox = [*pulse.inbox, *found[pulse.service]]

    def _kept(self, pulse: Judged, complete: int, found: Sequence[Finding], now: Stands) -> Iterator[Stored]:
        parts = saved(pulse.judge, pulse.stands, now)
        yield Stored(f"judge:{pulse.service}", complete, parts.head)
        for name, body in parts.bodies.items():
            yield Stored(_place(pulse.service, name), complete, body)
        if found:
            waiting = json.dumps([_plain(f) for f in (*pulse.inbox, *found)])
            yield Stored(f"inbox:{pulse.service}", complete, waiting.encode())


def settled() -> None:
    """Has Python not look through all that was made by now whenever it looks for garbage: with a thousand
    services that takes a second, and plans, baselines and lanes live as long as the server."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def restored(store: Store, service: str, judge: Judge, head: bytes) -> bool:
    """Takes up what was stored of a judge; False, and it stays as it was, where that is of another plan."""
    names = names_of(head)
    if not names:  # one blob, as older stores have it
        return head.startswith(b"PK") and judge.restore(head)
    with store.reads() as connection:
        found = get_states(connection, [_place(service, name) for name in names])
    bodies = {name: found[_place(service, name)].body for name in names if _place(service, name) in found}
    return restore(judge, head, bodies)


def _place(service: str, part: str) -> str:
    return f"judge-part:{part}:{service}"


def _plain(found: Finding) -> dict[str, object]:
    told = Alert("", found, found.at, found.urgency, found.because).as_json()
    return told | {"evidence": found.evidence, "threshold": found.threshold}
