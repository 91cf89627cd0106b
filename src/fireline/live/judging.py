"""Judging many services at once: one question for a tick's counts, one array for the judges, one commit for
their states."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Protocol

from fireline.detect.fleet import Asked, Fleet
from fireline.detect.judge import Judge
from fireline.detect.keeping import Part, names_of, restore, saved, standing
from fireline.live.jobs import JobWatch
from fireline.reader import Sweep
from fireline.store import Store
from fireline.store.rows import Stored
from fireline.store.sweep import get_states
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

    def by_rule(self, complete: int) -> tuple[Sequence[Finding], Sequence[str]]: ...


@dataclass(eq=False)
class Judging:
    """The judges of one process. What they found is stored with what they remember, in one transaction."""

    store: Store
    fleet: Fleet = field(default_factory=Fleet)
    services: InitVar[Collection[str]] = ()

    def __post_init__(self, services: Collection[str]) -> None:
        self._sweep = Sweep(self.store, services)

    def judge(self, due: Sequence[tuple[Judged, int]]) -> None:
        """Judges of each service every tick that ends by the time (microseconds) that stands beside it.

        When anything raises, nothing is stored, and the judges may stand anywhere: each service is to take up
        what was stored before.
        """
        found = self.find([pulse.ready(complete) for pulse, complete in due])
        by_rule = [pulse.by_rule(complete) for pulse, complete in due]
        every = {
            p.service: [*found[p.service], *more] for (p, _), (more, _) in zip(due, by_rule, strict=True)
        }
        self.keep(due, every, [told for _, told in by_rule])

    def find(self, asked: Sequence[Asked]) -> Found:
        """What every judge finds in the ticks that are complete; of longer ones what is there is read
        ahead."""
        services = {one.service for one in asked}
        if not services <= self._sweep.services:
            self._sweep = Sweep(self.store, services | self._sweep.services)
        found = self.fleet.advance(asked, self._sweep)
        for place in sorted(self.fleet.begun(max(one.until for one in asked))):
            self._sweep.ahead(*place)
        return found

    def keep(self, due: Sequence[tuple[Judged, int]], found: Found, told: Sequence[Sequence[str]]) -> None:
        """Stores what was found, and how far each judge is."""
        stands = [standing(pulse.judge) for pulse, _ in due]
        with self.store.begin() as tx:
            tx.put_states([kept for p, complete in due for kept in self._kept(p, complete, found[p.service])])
            for (pulse, _), of_jobs in zip(due, told, strict=True):
                pulse.watch.keep(tx, of_jobs)
        for (pulse, complete), stand in zip(due, stands, strict=True):
            pulse.judged, pulse.stands = complete, stand
            pulse.inbox = [*pulse.inbox, *found[pulse.service]]

    def _kept(self, pulse: Judged, complete: int, found: Sequence[Finding]) -> Iterator[Stored]:
        parts = saved(pulse.judge, pulse.stands)
        yield Stored(f"judge:{pulse.service}", complete, parts.head)
        for name, body in parts.bodies.items():
            yield Stored(_place(pulse.service, name), complete, body)
        if found:
            waiting = json.dumps([_plain(f) for f in (*pulse.inbox, *found)])
            yield Stored(f"inbox:{pulse.service}", complete, waiting.encode())


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
