"""What must be true after every run, whatever was stopped where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

from fireline.clock import parse_time
from fireline.drill.simulation.scene import GRAIN, LOG, SERVICES, TICKS, Scene, totals
from fireline.errors import StateError
from fireline.store import Store
from fireline.terms.fold import apply
from fireline.terms.guards import allowed
from fireline.terms.incident import Incident
from fireline.terms.measure import IN_FLIGHT, MeasureState
from fireline.terms.timeline import Draft, Entry, EntryKind

Invariant = Callable[[Scene, Store], Iterator[str]]
FROM, TO = 0, 10**15


def no_batch_is_lost(scene: Scene, store: Store) -> Iterator[str]:
    """What was acknowledged is there, and everything that was sent is in the end."""
    for name in scene.outbox.acknowledged:
        if not store.has_batch(name):
            yield f"{name} was acknowledged and is not in the store"
    for name in scene.outbox.waiting:
        yield f"{name} was never taken"
    if int(store.cursor(LOG) or 0) != len(scene.log.lines):
        yield f"the log was taken up to {store.cursor(LOG)} of {len(scene.log.lines)} lines"


def counts_are_those_of_an_uninterrupted_run(scene: Scene, store: Store) -> Iterator[str]:
    """Each row counted once, each key kept once, each file that is listed there."""
    found: Counter[tuple[str, int, str, str]] = Counter()
    for service in SERVICES:
        for (tick, family, what), count in totals(store.counts(GRAIN, 0, TICKS, service=service)).items():
            found[service, tick, family, what] += count
    wanted = scene.expected()
    for key in sorted(wanted.keys() | found.keys()):
        if found[key] != wanted[key]:
            yield f"{key}: counted {found[key]}, and {wanted[key]} were sent"
    keys = Counter(key.body.decode() for key in store.keys(FROM))
    if keys != Counter(sent.name for sent in scene.sent):
        yield f"dedup keys were kept otherwise than once per batch: {keys}"
    for file in store.lake_files("events", FROM, TO):
        if file.file not in scene.lake.files:
            yield f"lake file {file.file} is listed and does not exist"


def every_tick_is_judged_once(scene: Scene, store: Store) -> Iterator[str]:
    """One alert for each bad tick, none twice; and the judge's memory is of all rows."""
    alerted = Counter(
        entry.data["alert"]["id"]
        for name in store.incidents()
        for entry in store.entries(name)
        if entry.kind is EntryKind.ALERTED
    )
    wanted = Counter(f"{service}/{family}@{tick}" for service, tick, family in scene.bad_ticks())
    if alerted != wanted:
        yield f"alerts differ from those of an uninterrupted run: {alerted - wanted or wanted - alerted}"
    for service in SERVICES:
        state = store.get_state(f"judge:{service}")
        rows = sum(n for key, n in scene.expected().items() if key[0] == service and key[3] == "rows")
        if state is None or int(state.body) != rows:
            yield f"the judge of {service} remembers {state}, and {rows} rows were sent"


def projections_equal_the_journal(scene: Scene, store: Store) -> Iterator[str]:
    """fold(entries) == projection, for incidents and measures, and no gap in any journal."""
    yield from store.verify_projection()


def nothing_is_done_twice(scene: Scene, store: Store) -> Iterator[str]:
    """Production changed once for each measure that was applied, never for one that never was claimed."""
    effects = scene.plane.effects()
    versions: dict[str, int] = {}
    for obeyed in scene.plane.obeyed:
        service = obeyed.switch.service
        if obeyed.switch.version <= versions.get(service, 0):
            yield f"switch {obeyed.switch.version} of {service} was obeyed after {versions[service]}"
        versions[service] = obeyed.switch.version
    measures = {measure.id: measure for measure in store.measures()}
    for measure in measures.values():
        count = effects.pop(measure.id, 0)
        if measure.applied_at is not None and count != 1:
            yield f"measure {measure.id} was applied, and production changed {count} times for it"
        if measure.state in (MeasureState.DENIED, MeasureState.REQUESTED) and count:
            yield f"measure {measure.id} is {measure.state.value}, and production changed for it"
        if count > 1:
            yield f"measure {measure.id} was done {count} times"
    for key, count in sorted(effects.items()):
        yield f"production changed {count} times under the key {key}, which is no measure's"


def everybody_is_paged_once(scene: Scene, store: Store) -> Iterator[str]:
    """One ring for each incident."""
    for name in store.incidents():
        if scene.pager.rang[name] != 1:
            yield f"for incident {name} the pager rang {scene.pager.rang[name]} times"


def the_journal_is_lawful(scene: Scene, store: Store) -> Iterator[str]:
    """Every entry would pass the gate at its place, and nobody claimed what another held."""
    for name in store.incidents():
        entries = store.entries(name)
        leases: dict[str, datetime] = {}
        incident: Incident | None = None
        for entry in entries:
            try:
                allowed(incident, Draft(entry.kind, entry.because, entry.data, entry.by))
            except StateError as error:
                yield f"{name}: entry {entry.seq} ({entry.kind.value}) stands where it may not: {error}"
            yield from _claimed_too_early(entry, leases)
            incident = apply(incident, entry)


def _claimed_too_early(entry: Entry, leases: dict[str, datetime]) -> Iterator[str]:
    measure = entry.data.get("measure")
    if not isinstance(measure, str):
        return
    if entry.kind is EntryKind.CLAIMED:
        if measure in leases and entry.at < leases[measure]:
            yield f"measure {measure} was claimed by {entry.by} while another held it"
        leases[measure] = parse_time(entry.data["until"])
    else:
        leases.pop(measure, None)


def one_measure_in_flight(scene: Scene, store: Store) -> Iterator[str]:
    """At the end as at every moment (the play looks after each commit)."""
    flying = Counter(measure.service for measure in store.measures(states=IN_FLIGHT))
    for service, count in sorted(flying.items()):
        if count > 1:
            yield f"{count} measures are in flight for {service}"


INVARIANTS: tuple[Invariant, ...] = (
    no_batch_is_lost,
    counts_are_those_of_an_uninterrupted_run,
    every_tick_is_judged_once,
    projections_equal_the_journal,
    nothing_is_done_twice,
    everybody_is_paged_once,
    the_journal_is_lawful,
    one_measure_in_flight,
)
