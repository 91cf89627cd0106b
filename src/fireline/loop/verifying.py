"""Verify and learn: whether it helped, whether it stays well, and what is written up when it is over."""

from __future__ import annotations

from datetime import datetime

from fireline.learn import wrap_up
from fireline.loop.containing import settle
from fireline.loop.house import House
from fireline.recover import next_step
from fireline.schedule import is_check
from fireline.sheet import Sheet
from fireline.terms.alert import Finding, finding_of
from fireline.terms.incident import Incident, State
from fireline.terms.measure import MeasureState
from fireline.terms.timeline import EntryKind
from fireline.triage.figure import LABELLED
from fireline.verify import Signals, judge_measure, judge_recovery, watch


def verify(house: House, sheet: Sheet) -> list[Sheet]:
    """Did it help, is it well by itself, does it stay so. Looked at on the incident's check times only."""
    now = sheet.now
    if not (is_check(sheet.incident, now, house.looked) or _ended(sheet.incident, house.looked)):
        return []
    for measure in sheet.incident.measures:
        if measure.state is MeasureState.CONFIRMED:
            seen = house.file.comparison(sheet.incident, measure, now)
            sheet.add(judge_measure(sheet.incident, measure, seen, house.runbook, now))
    settle(sheet)
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
