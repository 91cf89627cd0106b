"""When an incident was noticed: the report, the room and the review say one and the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fireline.clock import iso
from fireline.learn.facts import detected_at
from fireline.terms.noticed import noticed_at, noticed_in_words
from fireline.web.briefing import brief
from tests.lifecycle.make import T0, Journal, alerted, at, opened

ONSET = at(minutes=-10)


def alert(urgency: str, minutes: float) -> dict[str, Any]:
    return {"urgency": urgency, "fired_at": iso(at(minutes=minutes))}


@pytest.mark.parametrize(
    ("alerts", "when", "says"),
    [
        (
            [alert("ticket", 0), alert("page", 6), alert("page", 9)], 6,
            "Paged at 18 March 2013, 06:06, 16 min after the earliest onset; a ticket told of it 10 min "
            "after that onset.",
        ),
        ([alert("ticket", 3)], 3, "A ticket at 18 March 2013, 06:03, 13 min after the earliest onset."),
        (
            [alert("page", 1), alert("ticket", 3)], 1,
            "Paged at 18 March 2013, 06:01, 11 min after the earliest onset.",
        ),
        ([], 0, "Opened at 18 March 2013, 06:00, 10 min after the earliest onset."),
        ([alert("page", -20)], -20, ""),
    ],
)  # fmt: skip
def test_a_page_counts_before_a_ticket_and_both_from_the_earliest_onset(
    alerts: list[dict[str, Any]], when: float, says: str
) -> None:
    assert noticed_at(alerts, T0) == at(minutes=when)
    assert noticed_in_words(alerts, T0, ONSET, "UTC") == says


def test_the_review_and_the_report_count_to_the_same_moment() -> None:
    journal = Journal()
    journal.write(T0, opened(), alerted("alr-1", "drift", "ticket"))
    journal.write(at(minutes=6), alerted("alr-2", "auc", "page", fired_at=iso(at(minutes=6))))
    shown = journal.now.as_json() | {"onset": [iso(ONSET), iso(T0)]}
    (since,) = [one for one in brief(shown, "UTC") if one.asks == "Since when"]
    assert detected_at(journal.now) == at(minutes=6)
    assert "Paged at 18 March 2013, 06:06, 16 min after" in since.more[0]
    assert detected_at(journal.now) - ONSET == timedelta(minutes=16)


def test_a_change_of_settings_is_not_called_a_deploy() -> None:
    journal = Journal()
    journal.write(T0, opened(), alerted())
    change = {"at": iso(T0), "kind": "config", "what": "new provider", "service": "flights", "version": None}
    cause = {"cause": "deploy", "score": 0.7, "because": "It came before.", "change": change}
    shown = journal.now.as_json() | {"causes": [cause]}
    (found,) = [one for one in brief(shown, "UTC") if one.asks == "Likely cause"]
    assert found.says == "Config: new provider"
    shown["causes"] = [cause | {"change": change | {"kind": "deploy"}}]
    (found,) = [one for one in brief(shown, "UTC") if one.asks == "Likely cause"]
    assert found.says == "A deploy: new provider"
