"""One incident for one cause: which incident an alert belongs to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fireline.terms.alert import Alert, Finding, Urgency
from fireline.terms.incident import Incident, State
from fireline.triage.join import belongs_to, same_change

T0 = datetime(2026, 2, 4, 18, tzinfo=UTC)


def alert(
    family: str, after: float = 0.0, urgency: Urgency = "page", since: float | None = None, **more: Any
) -> Alert:
    at = T0 + timedelta(hours=after)
    began = T0 + timedelta(hours=since) if since is not None else at - timedelta(hours=1)
    kept: dict[str, Any] = {"monitor": family, "family": family, "series": family, **more}
    finding = Finding(at=at, urgency=urgency, evidence=5.0, threshold=4.0, since=began, **kept)
    return Alert(f"{family}-{after}", finding, at, urgency, "because")


def incident(*alerts: Alert) -> Incident:
    return Incident(
        id="inc-1",
        service="s",
        mode="replay",
        title="",
        state=State.TRIAGING,
        opened_at=alerts[0].fired_at,
        alerts=tuple(a.as_json() for a in alerts),
    )


def home(new: Alert, *known: Alert) -> bool:
    return belongs_to(new, [incident(*known)]) is not None


def test_a_page_joins_the_ticket_that_told_of_the_same_monitor_and_time() -> None:
    ticket = alert("drift", urgency="ticket", feature="amount")
    second = alert("drift", urgency="ticket", feature="balance")
    assert home(alert("drift", 0.25, feature="balance"), ticket, second)
    assert not home(alert("drift", 48, feature="balance"), ticket, second)
    assert not home(alert("error_rate", 0.25), ticket, second)


def test_a_page_about_one_version_is_not_told_by_what_the_whole_service_showed() -> None:
    ticket = alert("drift", urgency="ticket", feature="amount")
    assert home(alert("drift", 0.25, feature="amount"), ticket)
    assert not home(alert("drift", 0.25, feature="amount", version="B"), ticket)


def test_a_page_about_a_new_version_joins_the_ticket_about_that_version() -> None:
    ticket = alert("score_drift", urgency="ticket", version="B")
    assert home(alert("drift", 0.25, feature="amount", version="B", against="old"), ticket)
    assert not home(alert("drift", 0.25, feature="amount", version="C"), ticket)


def test_a_page_from_about_the_same_time_joins_an_incident_that_pages() -> None:
    first = alert("drift", feature="amount")
    assert home(alert("error_rate", 2), first)
    assert not home(alert("error_rate", 72), first)
    assert home(alert("auc", 72, since=1), first)


def test_two_incidents_of_one_cause_and_one_time_are_one() -> None:
    onset = (T0, T0 + timedelta(hours=1))
    attack = {"cause": "attack", "score": 0.9, "change": None}
    older = replace(incident(alert("drift")), causes=(attack,), onset=onset)
    younger = replace(incident(alert("traffic", 0.5)), causes=(attack,), onset=onset)
    assert same_change(younger, [older]) is older
    assert same_change(older, [younger]) is None
    for other in ({**attack, "cause": "infrastructure"}, {**attack, "score": 0.3}):
        assert same_change(replace(younger, causes=(other,)), [older]) is None
    later = (T0 + timedelta(hours=5), T0 + timedelta(hours=6))
    assert same_change(replace(younger, onset=later), [older]) is None
    ticket = replace(incident(alert("drift", urgency="ticket")), causes=(attack,), onset=onset)
    assert same_change(younger, [ticket]) is None
