"""Hear: findings become alerts, and each alert joins the open incident it belongs to, or opens one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby

from fireline.clock import micros
from fireline.detect.grouping import key_of
from fireline.ids import stable_id
from fireline.loop.house import SEATED, House
from fireline.store import Mark
from fireline.terms.alert import Alert, Finding, finding_of
from fireline.terms.incident import Incident, State
from fireline.terms.timeline import Draft, EntryKind
from fireline.triage.join import belongs_to


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
