"""Which incident an alert belongs to: one incident for one cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from fireline.clock import parse_time
from fireline.terms.alert import Alert
from fireline.terms.incident import Incident

EARLIER = timedelta(hours=6)
LATER = timedelta(hours=24)
LIKELY = 0.5
QUALITY = frozenset({"auc", "accuracy", "calibration", "kpi", "fairness", "score_drift", "label_coverage"})
SLOW_BURN = frozenset({"drift", "score_drift", "null_rate", "range", "schema"})


def belongs_to(alert: Alert, open_incidents: Iterable[Incident]) -> Incident | None:
    """The open incident that ``alert`` is part of, or None when it is a new one.

    It belongs where the same monitor fired already; where its evidence began about when the incident did;
    and, for quality and score, where the incident's inputs moved before (labels come late). A ticket joins a
    ticket of its family, so that what drifts by itself is one story.
    """
    fitting = [
        (rank, incident) for incident in open_incidents if (rank := _rank(alert, incident)) is not None
    ]
    if not fitting:
        return None
    return min(fitting, key=lambda pair: (pair[0], -pair[1].opened_at.timestamp(), pair[1].id))[1]


def same_change(incident: Incident, others: Iterable[Incident]) -> Incident | None:
    """The older incident that tells of the same thing as ``incident``, or None.

    The same: the likeliest cause is the very same change; or it is of the same kind, more likely than not,
    without a change, and the onsets overlap. A page is not filed under a ticket for that.
    """
    if incident.measures:
        return None
    for other in others:
        if other.opened_at > incident.opened_at:
            continue
        change = _blamed(incident) is not None and _blamed(incident) == _blamed(other)
        if change or (other.paged >= incident.paged and _same_story(incident, other)):
            return other
    return None


def _same_story(one: Incident, other: Incident) -> bool:
    """Both likeliest causes are of one kind, no change is blamed, and both may have begun at one time."""
    mine, theirs = _top(one), _top(other)
    if mine is None or theirs is None or mine["cause"] != theirs["cause"] or mine["cause"] == "unknown":
        return False
    if mine.get("change") or theirs.get("change") or min(mine["score"], theirs["score"]) < LIKELY:
        return False
    if one.onset is None or other.onset is None:
        return False
    return one.onset[0] <= other.onset[1] and other.onset[0] <= one.onset[1]


def _top(incident: Incident) -> Mapping[str, Any] | None:
    return next((c for c in incident.causes if not c.get("rejected")), None)


def _blamed(incident: Incident) -> tuple[str, str] | None:
    top = _top(incident)
    if top is None or not top.get("change"):
        return None
    return str(top["change"]["at"]), str(top["change"]["what"])


def _rank(alert: Alert, incident: Incident) -> int | None:
    """How well it fits, 0 the best, or None when it does not."""
    finding = alert.finding
    if not incident.paged:
        return _rank_ticket(alert, incident)
    if _same_monitor(alert, incident):
        return 0
    since = finding.since or alert.fired_at
    began, last = _span(incident)
    if began - EARLIER <= since <= last + LATER:
        return 1
    if finding.family in QUALITY and since >= began - LATER:
        return 2
    return None


def _rank_ticket(alert: Alert, incident: Incident) -> int | None:
    """A ticket takes further tickets of its sort; a page only of what it tells of already, and since about
    then: harm is not filed under weather."""
    finding = alert.finding
    if alert.urgency == "page":
        return 0 if _told_since(alert, incident) else None
    if _same_monitor(alert, incident):
        return 3
    same = finding.family in _families(incident)
    slow = finding.family in SLOW_BURN and bool(SLOW_BURN & _families(incident))
    return 4 if same or slow else None


def _told_since(alert: Alert, incident: Incident) -> bool:
    """Whether the incident tells of the same monitor or the same new version, with evidence from about the
    same time on. One version's page is not told by what the whole service showed: its cause is another."""
    finding = alert.finding
    since = finding.since or alert.fired_at
    for known in incident.alerts:
        began = parse_time(known["since"] or known["fired_at"])
        near = abs(since - began) <= EARLIER
        mine = known["monitor"] == finding.monitor and known["feature"] == finding.feature
        version = finding.version is not None and known["version"] == finding.version
        if near and (version or (mine and finding.version is None)):
            return True
    return False


def _same_monitor(alert: Alert, incident: Incident) -> bool:
    finding = alert.finding
    return any(
        known["monitor"] == finding.monitor and known["feature"] == finding.feature
        for known in incident.alerts
    )


def _families(incident: Incident) -> set[str]:
    return {str(known["family"]) for known in incident.alerts}


def _span(incident: Incident) -> tuple[datetime, datetime]:
    """From the incident's onset to its last page."""
    pages = [parse_time(a["fired_at"]) for a in incident.alerts if a["urgency"] == "page"]
    began = incident.onset[0] if incident.onset else incident.opened_at
    return began, max(pages, default=incident.opened_at)
