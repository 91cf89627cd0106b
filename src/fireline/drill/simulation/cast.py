"""The cast: small processes that use the store and act as the real ones do, so that both can be tried without
them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fireline.act import Worker, undoing
from fireline.clock import MICROS, iso
from fireline.drill.fakes import FakeDataPlane, FakeLake, FakePager
from fireline.drill.simulation.scene import FAMILIES, GRAIN, LOG, SERVICES, TICKS, Life, totals
from fireline.errors import MeasureInFlight, StateError, StoreError
from fireline.ids import stable_id
from fireline.store import Mark, Store, Tx
from fireline.terms.incident import Incident
from fireline.terms.measure import LIVE, Measure, MeasureState
from fireline.terms.timeline import Draft, Entry, EntryKind

S = MeasureState
MOST_MEASURES = 2
GAVE_UP = frozenset({S.DENIED, S.FREED, S.FAILED, S.EXPIRED})
SHORT, LONG = timedelta(seconds=90), timedelta(days=1)
PAGED = "paged"


@dataclass(frozen=True)
class Part:
    """A process: its name, and what it does from its first memory on, for ever. A ``spare`` one is not in
    every run."""

    name: str
    live: Callable[[Life], None]
    spare: bool = False


# -- rows come in --------------------------------------------------------------------------------------------


def receiver(life: Life) -> None:
    """Takes what senders push: a batch is acknowledged when it is committed, and not before."""
    store, outbox, lake = life.store(), life.hand("outbox"), life.hand("lake")
    while True:
        for name, _ in outbox.offered():
            take(life, store, lake, name)
            outbox.acknowledge(name)
        life.rest()


def take(life: Life, store: Store, lake: FakeLake, name: str) -> None:
    """One pushed batch: its file first, then everything about it in one transaction."""
    sent = life.scene.pushed[name]
    if store.has_batch(name):
        return
    file = sent.lake_file()
    lake.write(file.file, b"rows")
    with store.begin() as tx:
        tx.commit_batch(name, at=life.now, lake_file=file, counts=sent.counts(), keys=name.encode())


def tailer(life: Life) -> None:
    """Reads a growing log from where the cursor stands, as many lines at a time as it likes."""
    store, log, lake = life.store(), life.hand("log"), life.hand("lake")
    while True:
        was = store.cursor(LOG)
        position = int(was or 0)
        lines = log.read(position, life.rng.randrange(1, 4))
        for line in lines:
            lake.write(line.lake_file().file, b"rows")
        if lines:
            follow(life, store, was, position, len(lines))
        life.rest()


def follow(life: Life, store: Store, was: str | None, position: int, count: int) -> None:
    """Commit ``count`` lines from ``position`` on; who finds the cursor moved begins again from where it
    is."""
    with store.begin() as tx:
        for at in range(position, position + count):
            line = life.scene.log.lines[at]
            stands = was if at == position else str(at)
            try:
                tx.commit_batch(
                    f"{LOG}:{position}+{at - position}/{count}",
                    at=life.now,
                    lake_file=line.lake_file(),
                    counts=line.counts(),
                    keys=line.name.encode(),
                    cursor=(LOG, str(at + 1)),
                    cursor_was=stands,
                )
            except StoreError as error:
                if error.permanent:
                    raise
                return


# -- ticks are judged, incidents open and close --------------------------------------------------------------


def judge(life: Life) -> None:
    """Judges complete ticks once, opens incidents, pages, asks for measures, and sees them through."""
    store, plane, pager = life.store(), life.hand("plane"), life.hand("pager")
    left = list(SERVICES)
    while True:
        taken = int(store.cursor(LOG) or 0) if left else 0
        for service in tuple(left):
            if next_tick(life, store, service, taken) >= TICKS:
                left.remove(service)
        for name in store.incidents(open_only=True):
            incident = store.incident(name)
            page(life, store, pager, incident)
            contain(life, store, plane, incident)
        life.rest()


def next_tick(life: Life, store: Store, service: str, taken: int) -> int:
    """Judge one tick, if it is complete now that ``taken`` lines of the log are in.

    The mark, the judge's memory and the alerts are one transaction. Which tick it was.
    """
    mark = store.mark(service)
    tick = mark.judged if mark else 0
    if tick >= TICKS or not life.scene.complete(tick, taken):
        return tick
    seen = totals(store.counts(GRAIN, tick, tick + 1, service=service))
    memory = store.get_state(f"judge:{service}")
    rows = sum(count for key, count in seen.items() if key[2] == "rows") + int(memory.body if memory else 0)
    try:
        with store.begin() as tx:
            tx.put_mark(Mark(service, tick + 1, (tick + 1) * GRAIN * MICROS), was=mark)
            tx.put_state(f"judge:{service}", tick, str(rows).encode())
            for family in FAMILIES:
                if seen[tick, family, "bad"]:
                    alert(life, tx, service, family, tick)
    except StoreError as error:
        if error.permanent:
            raise
    return tick


def alert(life: Life, tx: Tx, service: str, family: str, tick: int) -> None:
    """Into the open incident of that family, or into a new one."""
    about = f"{service}/{family}/"
    known = [name for name in tx.incidents(service, open_only=True) if name.startswith(about)]
    name = known[0] if known else f"{about}{tick}"
    body = {"id": f"{service}/{family}@{tick}", "urgency": "page", "family": family}
    drafts = [Draft(EntryKind.ALERTED, "too many were bad", {"alert": body})]
    if not known:
        data = {"service": service, "mode": "real", "title": f"{family} of {service}"}
        moves = [Draft(EntryKind.MOVED, "at once", {"to": to}) for to in ("declared", "triaging")]
        drafts = [Draft(EntryKind.OPENED, "an alert", data), *drafts, *moves]
    for draft in drafts:
        tx.append(name, draft, life.now)


def page(life: Life, store: Store, pager: FakePager, incident: Incident) -> None:
    """Ring first, write it down second: who dies in between rings again, and the pager knows the key."""
    if was_paged(incident.timeline):
        return
    pager.ring(incident.id, incident.title)
    with store.begin() as tx:
        if not was_paged(tx.entries(incident.id)):
            tx.append(incident.id, Draft(EntryKind.NOTE, "somebody was paged", {"text": PAGED}), life.now)


def was_paged(entries: Sequence[Entry]) -> bool:
    """Whether the journal says that somebody was paged."""
    return any(entry.data.get("text") == PAGED for entry in entries)


def contain(life: Life, store: Store, plane: FakeDataPlane, incident: Incident) -> None:
    """One step: confirm a measure, take it back, ask for one, or close; whoever else was faster has done
    it."""
    live = [m for m in incident.measures if m.state in LIVE]
    flying = [m for m in live if m.in_flight]
    held = [m for m in live if m.state is S.CONFIRMED and m.temporary]
    tried = [m for m in incident.measures if m.action != "restore"]
    try:
        if flying:
            see_through(life, store, plane, flying[0])
        elif held:
            take_back(life, store, held[0])
        elif len(tried) < MOST_MEASURES and all(m.state in GAVE_UP for m in tried):
            ask(life, store, incident, len(tried))
        elif was_paged(incident.timeline):
            write(life, store, incident.id, Draft(EntryKind.MOVED, "it is over", {"to": "cancelled"}))
    except (StateError, MeasureInFlight):
        return


def see_through(life: Life, store: Store, plane: FakeDataPlane, measure: Measure) -> None:
    """A measure that was applied is confirmed in the traffic, or has run out."""
    if measure.state is not S.APPLIED:
        return
    data = {"measure": measure.id}
    if obeyed(plane, measure):
        write(life, store, measure.incident, Draft(EntryKind.CONFIRMED, "seen in traffic", data))
    elif measure.expires_at is not None and measure.expires_at <= life.now:
        write(life, store, measure.incident, Draft(EntryKind.EXPIRED, "it was over too soon", data))


def write(life: Life, store: Store, incident: str, draft: Draft) -> None:
    """One entry, in a transaction of its own."""
    with store.begin() as tx:
        tx.append(incident, draft, life.now)


def obeyed(plane: FakeDataPlane, measure: Measure) -> bool:
    """Whether the data plane does what the measure asked for."""
    switch = plane.current(measure.service)
    routes = {route.measure for route in switch.routes} if switch else set()
    if measure.action == "restore":
        return measure.params["measure"] not in routes
    return measure.id in routes


def ask(life: Life, store: Store, incident: Incident, number: int) -> None:
    """Request the incident's next measure, or ask a person about it."""
    asked = "latency" in incident.id
    measure = Measure(
        id=stable_id("msr", incident.id, number),
        incident=incident.id,
        service=incident.service,
        action="fallback" if number else "rollback",
        params={"rung": "rules"} if number else {"to": "A"},
        because="the table says so",
        authority="ask" if asked else "auto",
        state=S.ASKED if asked else S.REQUESTED,
        requested_at=life.now,
        simulated=False,
        expires_at=life.now + (SHORT if life.rng.random() < 0.2 else LONG),
    )
    kind = EntryKind.ASKED if asked else EntryKind.REQUESTED
    data = {"measure": measure.as_json(), "default": "leave", "due": iso(life.now)}
    write(life, store, incident.id, Draft(kind, "the table says so", data))


def take_back(life: Life, store: Store, measure: Measure) -> None:
    """Request the measure that takes ``measure`` back."""
    undo = undoing(measure, "it is over", life.now)
    with store.begin() as tx:
        if tx.measure(measure.id).state is S.CONFIRMED:
            tx.append(
                measure.incident,
                Draft(EntryKind.REQUESTED, "take it back", {"measure": undo.as_json()}),
                life.now,
            )


# -- measures are done, people answer ------------------------------------------------------------------------


def worker(life: Life, kind: type[Worker] = Worker) -> None:
    """Does what was requested."""
    hands = kind(life.store(), life.hand("plane"), life.clock, f"{life.name}-{life.born}")
    while True:
        hands.work()
        life.rest()


def person(life: Life) -> None:
    """Answers what is asked, frees what hangs, and notes things down, when it suits her."""
    store = life.store()
    while True:
        for measure in store.measures(states={S.ASKED, S.CLAIMED}):
            draft = answer(life, measure)
            if draft is None:
                continue
            try:
                with store.begin() as tx:
                    tx.append(measure.incident, draft, life.now)
            except StateError:
                continue  # somebody was faster
        life.rest()


def answer(life: Life, measure: Measure) -> Draft | None:
    """What she says to one measure, or nothing."""
    data, luck = {"measure": measure.id}, life.rng.random()
    if measure.state is S.ASKED:
        kind = EntryKind.APPROVED if luck < 0.7 else EntryKind.DENIED
        return Draft(kind, "she looked at it", data, by="ada")
    if luck < life.scene.fate.impatience and not life.scene.fate.calm:
        return Draft(EntryKind.FREED, "it hangs", data, by="ada")
    return None


CAST = (
    Part("receiver-1", receiver),
    Part("receiver-2", receiver, spare=True),
    Part("tailer-1", tailer),
    Part("tailer-2", tailer, spare=True),
    Part("judge-1", judge),
    Part("judge-2", judge, spare=True),
    Part("worker-1", worker),
    Part("worker-2", worker, spare=True),
    Part("person", person),
)
