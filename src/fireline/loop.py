"""One tick, in order, on one page: hear, understand, contain, act, verify, learn. The rules are in the steps.

Every step reads the journal and appends to it; what is due is derived from what is written. A tick that died
anywhere is only done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

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
from fireline.sheet import Bookmark, Sheet
from fireline.store import Mark, Store, Tx
from fireline.terms.alert import Alert, Finding, finding_of
from fireline.terms.incident import OVER, Incident, Mode, State
from fireline.terms.measure import IN_FLIGHT, MeasureState
from fireline.terms.timeline import Draft, Entry, EntryKind
from fireline.triage.assess import assess
from fireline.triage.case import Assessment, Case
from fireline.triage.figure import LABELLED
from fireline.triage.join import belongs_to, same_change
from fireline.triage.onset import has_moved
from fireline.verify import Signals, judge_measure, judge_obedience, judge_recovery, watch

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
    assess: Callable[[Case], Assessment] = assess
    told: dict[str, int] = field(default_factory=dict)
    phase: int = 0
    news: bool = True
    looked: datetime | None = None
    """When the last tick was, where ticks come at any instant; None where each due instant has its own."""
    also: Callable[[Tx], None] = lambda tx: None
    """What else is written with whatever a tick writes first."""
    _open: list[Incident] | None = None
    bookmark: Bookmark = field(init=False)

    def __post_init__(self) -> None:
        self.bookmark = Bookmark.found(self.store, self.runbook.service)

    @property
    def service(self) -> str:
        return self.runbook.service

    def open(self) -> list[Incident]:
        """Incidents that are not over, oldest first: with what this house wrote, and what others had written
        when it last began to read anew."""
        if self._open is None:
            found = self.store.standing(self.service, open_only=True)
            moving = self.store.measures(self.service, states=IN_FLIGHT)  # of a closed one: taken back late
            there = {incident.id for incident in found}
            late = dict.fromkeys(m.incident for m in moving if m.incident not in there)
            self._open = found + [self.store.incident(name) for name in late]
        return self._open

    def forget(self) -> None:
        """Reads the journal anew: somebody else wrote in it."""
        self._open, self.news = None, True

    def each(self, step: Callable[[House, Sheet], Iterable[Sheet]]) -> None:
        """One step for every open incident; what it says of one is one transaction, and never said again."""
        self.phase += 1
        now = self.clock.now()
        for incident in self.open():
            fresh = next((i for i in self.open() if i.id == incident.id), None)
            if fresh is None or self.bookmark.passed(now, self.phase, incident.id):
                continue
            sheet = Sheet(fresh, now)
            sheets = [sheet, *step(self, sheet)]
            self.bookmark.turn(now, self.phase, incident.id)
            self.put(sheets)

    def act(self) -> None:
        """Does what was requested; what came before is not looked at again once that begins."""
        self.phase += 1
        if self.store.claimable(self.clock.now()):
            self.bookmark.turn(self.clock.now(), self.phase)
            with self.store.begin() as tx:
                self.keep(tx)
            self.worker.work()
            self._open = None

    def put(self, sheets: Sequence[Sheet]) -> None:
        """Writes ``sheets`` in one transaction."""
        if any(sheet.drafts for sheet in sheets):
            with self.store.begin() as tx:
                for sheet in sheets:
                    for draft in sheet.drafts:
                        tx.append(sheet.incident.id, draft, sheet.now)
                self.keep(tx)

    def keep(self, tx: Tx) -> None:
        """What must be remembered with anything that is written: how far the tick is, and what was told."""
        self.bookmark.keep(tx)
        tx.put_state(f"desk:{self.service}", micros(self.clock.now()), self.desk.save())
        self.also(tx)
        self._open, self.news = None, True


def tick(house: House, findings: Sequence[Finding]) -> None:
    """Everything that is due at the clock's instant, with the ``findings`` that became known then.

    A tick that died is done again at the same instant: what is written is passed over.
    """
    house.phase = 0
    hear(house, findings)
    house.each(understand)
    house.each(contain)
    house.act()
    house.each(confirm)
    house.each(verify)
    house.each(learn)
    report(house)


# -- hear: findings become alerts, alerts become incidents ---------------------------------------------------


def hear(house: House, findings: Sequence[Finding]) -> None:
    """Each finding once: what was heard, and what the desk remembers of it, is one transaction."""
    if not findings:
        return
    now = house.clock.now()
    mark = house.store.mark(house.service)
    again = house.bookmark.now == now or (mark is not None and mark.watermark_us >= micros(now))
    if again and house.looked is None:  # where ticks come at any instant, an inbox says what was not heard
        return
    alerts = _alerts(house, findings, now)
    if not alerts:
        return  # what the desk remembers of them is kept with whatever is written next
    house.bookmark.turn(now, house.phase)
    with house.store.begin() as tx:
        still = {name: tx.incident(name) for name in tx.incidents(house.service, open_only=True)}
        # Pages first, so that a ticket of the same instant follows them; then what has a home already.
        for alert in sorted(
            alerts, key=lambda a: (a.urgency != "page", belongs_to(a, _seatless(still)) is None)
        ):
            home = belongs_to(alert, _seatless(still))
            name = home.id if home else stable_id("inc", house.service, alert.id)
            for draft in [*([] if home else _opening(house, alert)), _alerted(alert)]:
                tx.append(name, draft, now)
            for state in () if home else (State.DECLARED, State.TRIAGING):
                tx.append(name, Draft(EntryKind.MOVED, _why(state, alert), {"to": state.value}), now)
            still[name] = tx.incident(name)
        heard = max(micros(now), mark.watermark_us if mark else 0)
        tx.put_mark(Mark(house.service, mark.judged if mark else 0, heard), mark)
        house.keep(tx)


def _alerts(house: House, findings: Sequence[Finding], now: datetime) -> list[Alert]:
    """What people are told of ``findings``, in the order they were found: several instants heard at once say
    what they would have said one after another."""
    known = {key_of(finding_of(a)) for i in house.open() if i.state not in SEATED for a in i.alerts}
    alerts: list[Alert] = []
    for _, found in groupby(sorted(findings, key=lambda f: f.at), key=lambda f: f.at):
        heard = [house.desk.hear(f, known) for f in found if not house.file.is_moot(f, now)]
        fresh = [alert for alert in heard if alert is not None]
        known |= {key_of(alert.finding) for alert in fresh}
        alerts += fresh
    return alerts


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


def understand(house: House, sheet: Sheet) -> list[Sheet]:
    """Assesses what is new; one incident for one cause."""
    incident = sheet.incident
    if not incident.alerts or not is_due(incident, sheet.now):
        return []  # what a person declared before any monitor saw it has nothing to be assessed from
    found = house.assess(house.file.case([finding_of(a) for a in incident.alerts], sheet.now))
    sheet.add(_assessed(incident, found))
    others = [i for i in house.open() if i.id != incident.id and i.state not in SEATED]
    other = same_change(sheet.incident, others)
    return [] if other is None else [_merged(sheet, Sheet(other, sheet.now))]


def _assessed(incident: Incident, found: Assessment) -> list[Draft]:
    earliest, latest = found.onset
    causes = [cause.as_json() for cause in found.causes]
    data = {
        "causes": causes,
        "new_version": found.new_version,
        "equally_bad": list(found.equally_bad),
    }
    drafts = []
    if has_moved(incident.onset, found.onset):
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


def _merged(sheet: Sheet, other: Sheet) -> Sheet:
    """The younger one's alerts move to ``other``; it ends with a pointer."""
    home = other.incident
    known = {a["id"] for a in home.alerts}
    fresh = [a for a in sheet.incident.alerts if a["id"] not in known]
    other.add(Draft(EntryKind.ALERTED, a["because"], {"alert": dict(a)}) for a in fresh)
    because = f"The same change explains {home.id}, which is open: one incident for one cause."
    sheet.add([Draft(EntryKind.MOVED, because, {"to": State.MERGED.value, "into": home.id})])
    return other


# -- contain, act --------------------------------------------------------------------------------------------


def contain(house: House, sheet: Sheet) -> list[Sheet]:
    """What follows by itself, then at most one measure."""
    _settle(sheet)
    if sheet.incident.causes and sheet.incident.state in (State.TRIAGING, State.CONTAINING):
        facts = recall(sheet.incident, house.file.shares(sheet.now))
        chosen = decide(sheet.incident, facts, house.runbook, sheet.now)
        if not _waits(house, chosen):
            sheet.add(chosen)
    return []


def _waits(house: House, chosen: Sequence[Draft]) -> bool:
    """One change at a time: what another incident of the service has in flight must land first."""
    asks = any(draft.kind in (EntryKind.ASKED, EntryKind.REQUESTED) for draft in chosen)
    return asks and bool(house.store.measures(house.service, states=IN_FLIGHT))


def _settle(sheet: Sheet) -> None:
    while drafts := advance(sheet.incident, sheet.now):
        sheet.add(drafts)


def confirm(house: House, sheet: Sheet) -> list[Sheet]:
    """A simulated measure is in force at once: no traffic can say otherwise. A real one waits for traffic."""
    for measure in sheet.incident.measures:
        if measure.state is MeasureState.APPLIED and measure.simulated:
            says = "Nothing was performed: from here on the replay reckons with it."
            sheet.add([Draft(EntryKind.CONFIRMED, says, {"measure": measure.id})])
        elif measure.state is MeasureState.APPLIED:
            seen = house.file.obedience(house.store.measure(measure.id), sheet.now)
            sheet.add(judge_obedience(sheet.incident, measure, seen, sheet.now))
    _settle(sheet)
    return []


# -- verify, learn ------------------------------------------------------------------------------------------


def verify(house: House, sheet: Sheet) -> list[Sheet]:
    """Did it help, is it well by itself, does it stay so. Looked at on the incident's check times only."""
    now = sheet.now
    if not (is_check(sheet.incident, now, house.looked) or _ended(sheet.incident, house.looked)):
        return []
    for measure in sheet.incident.measures:
        if measure.state is MeasureState.CONFIRMED:
            seen = house.file.comparison(sheet.incident, measure, now)
            sheet.add(judge_measure(sheet.incident, measure, seen, house.runbook, now))
    _settle(sheet)
    sheet.add(next_step(sheet.incident))
    recoveries = house.file.recoveries(sheet.incident, now)
    sheet.add(judge_recovery(sheet.incident, recoveries, house.runbook, now))
    incident = sheet.incident
    if incident.state is State.VERIFYING:
        signals = Signals(_since_watch(incident), house.file.watched(incident, now), tuple(recoveries))
        sheet.add(watch(incident, signals, house.runbook, now))
    return []


def _ended(incident: Incident, looked: datetime | None) -> bool:
    """Whether a person has ended or kept a measure since the last look: what waited for that goes on."""
    told = (EntryKind.KEPT, EntryKind.UNDONE, EntryKind.EXPIRED)
    return looked is not None and any(e.kind in told and e.at >= looked for e in incident.timeline[-12:])


def _since_watch(incident: Incident) -> tuple[Finding, ...]:
    """What was found since the watch began, of requests since then: labels tell of the harm days after it."""
    began = next((e.at for e in reversed(incident.timeline) if e.kind is EntryKind.WATCH), incident.opened_at)
    told = [finding_of(a) for a in incident.alerts]
    return tuple(f for f in told if f.at > began and not (f.family in LABELLED and (f.since or f.at) < began))


def learn(house: House, sheet: Sheet) -> list[Sheet]:
    """A resolved incident is written up, and closed where nobody must approve."""
    while drafts := wrap_up(
        sheet.incident, house.runbook, house.file.review_facts(sheet.incident, sheet.now)
    ):
        sheet.add(drafts)
    return []


def report(house: House) -> None:
    """Tells of every entry that was written since the last time."""
    if not house.news:
        return
    house.news = False
    for incident in house.store.standing(house.service):
        for entry in incident.timeline[house.told.get(incident.id, 0) :]:
            house.tell(incident, entry)
        house.told[incident.id] = len(incident.timeline)
