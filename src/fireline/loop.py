"""One tick, in order, on one page: hear, understand, contain, act, verify, learn. The rules are in the steps.

Every step reads the journal and appends to it; what is due is derived from what is written. A tick that died
anywhere is only done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fireline.act import Worker
from fireline.casefile import CaseFile
from fireline.clock import Clock, iso, micros
from fireline.contain.advance import advance
from fireline.contain.decide import decide
from fireline.contain.recall import recall
from fireline.detect.grouping import Desk, key_of
from fireline.ids import stable_id
from fireline.learn import wrap_up
from fireline.recover import next_step
from fireline.runbook.schema import Runbook
from fireline.schedule import is_check, is_due
from fireline.store import Mark, Store
from fireline.terms.alert import Alert, Finding, finding_of
from fireline.terms.incident import OVER, Incident, Mode, State
from fireline.terms.measure import MeasureState
from fireline.terms.timeline import Draft, Entry, EntryKind
from fireline.triage.assess import assess
from fireline.triage.case import Assessment
from fireline.triage.join import belongs_to, same_change
from fireline.verify import Signals, judge_measure, judge_recovery, watch

Tell = Callable[[Incident, Entry], None]
SEATED = frozenset({State.RESOLVED, State.LEARNING}) | OVER


@dataclass
class House:
    """All that a tick needs. ``tell`` hears every entry once it is written."""

    store: Store
    runbook: Runbook
    desk: Desk
    file: CaseFile
    worker: Worker
    clock: Clock
    mode: Mode
    tell: Tell
    told: dict[str, int] = field(default_factory=dict)

    @property
    def service(self) -> str:
        return self.runbook.service

    def open(self) -> list[Incident]:
        """Incidents that are not over, oldest first."""
        return [self.store.incident(name) for name in self.store.incidents(self.service, open_only=True)]

    def write(self, incident: str, drafts: Iterable[Draft]) -> None:
        """Appends ``drafts`` in one transaction."""
        found = list(drafts)
        if found:
            with self.store.begin() as tx:
                for draft in found:
                    tx.append(incident, draft, self.clock.now())


def tick(house: House, findings: Sequence[Finding]) -> None:
    """Everything that is due at the clock's instant, with the ``findings`` that became known then."""
    hear(house, findings)
    for incident in house.open():
        understand(house, incident)
    for incident in house.open():
        contain(house, incident)
    house.worker.work()
    for incident in house.open():
        confirm(house, incident)
    for incident in house.open():
        verify(house, incident)
    for incident in house.open():
        learn(house, incident)
    report(house)


# -- hear: findings become alerts, alerts become incidents ---------------------------------------------------


def hear(house: House, findings: Sequence[Finding]) -> None:
    """Each finding once: what was heard, and what the desk remembers of it, is one transaction."""
    now = house.clock.now()
    mark = house.store.mark(house.service)
    if not findings or (mark is not None and mark.watermark_us >= micros(now)):
        return
    known = {key_of(finding_of(a)) for i in house.open() if i.state not in SEATED for a in i.alerts}
    alerts = [
        a for f in findings if not house.file.is_moot(f, now) and (a := house.desk.hear(f, known)) is not None
    ]
    with house.store.begin() as tx:
        still = {name: tx.incident(name) for name in tx.incidents(house.service, open_only=True)}
        for alert in sorted(alerts, key=lambda a: belongs_to(a, _seatless(still)) is None):  # the known first
            home = belongs_to(alert, _seatless(still))
            name = home.id if home else stable_id("inc", house.service, alert.id)
            for draft in [*([] if home else _opening(house, alert)), _alerted(alert)]:
                tx.append(name, draft, now)
            for state in () if home else (State.DECLARED, State.TRIAGING):
                tx.append(name, Draft(EntryKind.MOVED, _why(state, alert), {"to": state.value}), now)
            still[name] = tx.incident(name)
        tx.put_state(f"desk:{house.service}", micros(now), house.desk.save())
        tx.put_mark(Mark(house.service, mark.judged if mark else 0, micros(now)), mark)


def _seatless(incidents: Mapping[str, Incident]) -> list[Incident]:
    """Those that still take alerts."""
    return [i for i in incidents.values() if i.state not in SEATED]


def _opening(house: House, alert: Alert) -> list[Draft]:
    data = {"service": house.service, "mode": house.mode, "title": alert.finding.because}
    return [Draft(EntryKind.OPENED, alert.because, data)]


def _alerted(alert: Alert) -> Draft:
    return Draft(EntryKind.ALERTED, alert.because, {"alert": alert.as_json()})


def _why(state: State, alert: Alert) -> str:
    if state is State.DECLARED:
        return (
            "A page declares an incident."
            if alert.urgency == "page"
            else "A ticket to look into; it pages nobody."
        )
    return "What it is, since when and why is worked out next."


# -- understand: triage --------------------------------------------------------------------------------------


def understand(house: House, incident: Incident) -> None:
    """Assesses what is new; one incident for one cause."""
    now = house.clock.now()
    if not is_due(incident, now):
        return
    found = assess(house.file.case([finding_of(a) for a in incident.alerts], now))
    house.write(incident.id, _assessed(incident, found))
    fresh = house.store.incident(incident.id)
    other = same_change(fresh, [i for i in house.open() if i.id != incident.id and i.state not in SEATED])
    if other is not None:
        _merge(house, fresh, other)


def _assessed(incident: Incident, found: Assessment) -> list[Draft]:
    earliest, latest = found.onset
    causes = [cause.as_json() for cause in found.causes]
    data = {
        "causes": causes,
        "new_version": found.new_version,
        "equally_bad": list(found.equally_bad),
    }
    drafts = []
    if incident.onset != found.onset:
        span = {"earliest": iso(earliest), "latest": iso(latest)}
        drafts.append(Draft(EntryKind.ONSET, found.onset_because or "Told from the monitors' traces.", span))
    if incident.severity is not found.severity:
        said = {"severity": found.severity.value, "title": found.title}
        drafts.append(Draft(EntryKind.SEVERITY, found.severity_because, said))
    if found.slice != incident.slice:
        drafts.append(
            Draft(EntryKind.SLICE, found.slice_because or "Told from raw events.", {"slice": found.slice})
        )
    because = found.causes[0].because if found.causes else "No cause stands out."
    drafts.append(Draft(EntryKind.CAUSES, because, {**data, "title": found.title}))
    if found.evidence:
        kept = [exhibit.as_json() for exhibit in found.evidence]
        drafts.append(Draft(EntryKind.EVIDENCE, "Kept before anything is touched.", {"evidence": kept}))
    if found.checks and found.checks != incident.checks:
        drafts.append(Draft(EntryKind.NEXT, found.checks[0], {"checks": list(found.checks)}))
    return drafts


def _merge(house: House, incident: Incident, other: Incident) -> None:
    """The younger one's alerts move to ``other``; it ends with a pointer."""
    known = {a["id"] for a in other.alerts}
    house.write(
        other.id,
        [
            Draft(EntryKind.ALERTED, a["because"], {"alert": dict(a)})
            for a in incident.alerts
            if a["id"] not in known
        ],
    )
    because = f"The same change explains {other.id}, which is open: one incident for one cause."
    house.write(incident.id, [Draft(EntryKind.MOVED, because, {"to": State.MERGED.value, "into": other.id})])


# -- contain, act --------------------------------------------------------------------------------------------


def contain(house: House, incident: Incident) -> None:
    """What follows by itself, then at most one measure."""
    now = house.clock.now()
    _settle(house, incident.id)
    incident = house.store.incident(incident.id)
    if incident.causes and incident.state in (State.TRIAGING, State.CONTAINING):
        house.write(
            incident.id, decide(incident, recall(incident, house.file.shares(now)), house.runbook, now)
        )


def _settle(house: House, name: str) -> None:
    while drafts := advance(house.store.incident(name), house.clock.now()):
        house.write(name, drafts)


def confirm(house: House, incident: Incident) -> None:
    """A simulated measure is in force at once: no traffic can say otherwise. A real one waits for live
    traffic."""
    for measure in incident.measures:
        if measure.state is MeasureState.APPLIED and measure.simulated:
            says = "Nothing was performed: from here on the replay reckons with it."
            house.write(incident.id, [Draft(EntryKind.CONFIRMED, says, {"measure": measure.id})])
    _settle(house, incident.id)


# -- verify, learn -------------------------------------------------------------------------------------------


def verify(house: House, incident: Incident) -> None:
    """Did it help, is it well by itself, does it stay so. Looked at on the incident's check times only."""
    now = house.clock.now()
    if not is_check(incident, now):
        return
    for measure in incident.measures:
        if measure.state is MeasureState.CONFIRMED:
            seen = house.file.comparison(incident, measure, now)
            house.write(
                incident.id,
                judge_measure(house.store.incident(incident.id), measure, seen, house.runbook, now),
            )
    _settle(house, incident.id)
    house.write(incident.id, next_step(house.store.incident(incident.id)))
    incident = house.store.incident(incident.id)
    recoveries = house.file.recoveries(incident, now)
    house.write(incident.id, judge_recovery(incident, recoveries, house.runbook, now))
    incident = house.store.incident(incident.id)
    if incident.state is State.VERIFYING:
        signals = Signals(_since_watch(incident), house.file.watched(incident, now), tuple(recoveries))
        house.write(incident.id, watch(incident, signals, house.runbook, now))


def _since_watch(incident: Incident) -> tuple[Finding, ...]:
    began = next((e.at for e in reversed(incident.timeline) if e.kind is EntryKind.WATCH), incident.opened_at)
    return tuple(f for a in incident.alerts if (f := finding_of(a)).at > began)


def learn(house: House, incident: Incident) -> None:
    """A resolved incident is written up, and closed where nobody must approve."""
    while drafts := wrap_up(incident, house.runbook, house.file.review_facts(incident, house.clock.now())):
        house.write(incident.id, drafts)
        incident = house.store.incident(incident.id)


def report(house: House) -> None:
    """Tells of every entry that was written since the last tick."""
    for name in house.store.incidents(house.service):
        known = house.told.get(name, 0)
        incident = house.store.incident(name)
        for entry in incident.timeline[known:]:
            house.tell(incident, entry)
        house.told[name] = len(incident.timeline)
