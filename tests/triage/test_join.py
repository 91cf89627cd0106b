"""One incident for one cause: which incident an alert belongs to."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fireline.terms.alert import Alert, Finding, Urgency
from fireline.terms.incident import Incident, State
from fireline.triage.join import belongs_to

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


def test_a_page_about_a_new_version_joins_the_ticket_about_that_version() -> None:
    ticket = alert("score_drift", urgency="ticket", version="B")
    assert home(alert("drift", 0.25, feature="amount", version="B", against="old"), ticket)
    assert not home(alert("drift", 0.25, feature="amount", version="C"), ticket)


def test_a_page_from_about_the_same_time_joins_an_incident_that_pages() -> None:
    first = alert("drift", feature="amount")
    assert home(alert("error_rate", 2), first)
    assert not home(alert("error_rate", 72), first)
    assert home(alert("auc", 72, since=1), first)
