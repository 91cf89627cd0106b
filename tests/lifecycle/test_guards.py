"""The guards: every no comes with a reason and with what to do."""

from __future__ import annotations

import pytest

from fireline.errors import StateError
from fireline.terms.guards import may_reach
from fireline.terms.incident import State
from fireline.terms.timeline import Draft
from tests.lifecycle.make import Journal, K, about, alerted, at, measure, moved, performed, triaging, verdict


def request(**more: object) -> Draft:
    return Draft(K.REQUESTED, "B alone is bad.", {"measure": measure(**more)})  # type: ignore[arg-type]


def refused(journal: Journal, draft: Draft, *words: str) -> None:
    with pytest.raises(StateError) as told:
        journal.write(at(days=9), draft)
    assert told.value.todo
    for word in words:
        assert word in str(told.value)


def contained(mode: str = "replay", simulated: bool = True) -> Journal:
    journal = triaging(mode)
    journal.write(
        at(hours=1), moved("containing"), request(simulated=simulated), *performed(), moved("contained")
    )
    return journal


def watched(journal: Journal) -> Journal:
    journal.write(
        at(hours=2),
        moved("recovering"),
        moved("verifying"),
        Draft(K.WATCH, "A day of quiet is asked for.", {"until": at(hours=26).isoformat()}),
    )
    return journal


def resolved() -> Journal:
    journal = watched(contained())
    journal.write(at(hours=26), verdict("recovered", at(hours=26)), about(K.KEPT), moved("resolved"))
    return journal


def test_contained_needs_a_measure_confirmed_in_traffic() -> None:
    journal = triaging()
    journal.write(at(), moved("containing"))
    refused(journal, moved("contained"), "no live measure")
    journal.write(at(), request(), about(K.CLAIMED, worker="act"), about(K.APPLIED))
    refused(journal, moved("contained"), "applied, not confirmed in traffic")
    journal.write(at(), about(K.CONFIRMED))
    assert journal.write(at(), moved("contained")).state is State.CONTAINED


def test_a_simulated_measure_contains_in_a_replay_only() -> None:
    journal = triaging("real")
    journal.write(at(), moved("containing"), request(simulated=True), *performed())
    refused(journal, moved("contained"), "simulated", "nothing on production changed")


def test_a_person_may_waive_containment_with_a_reason_and_nothing_else() -> None:
    journal = triaging("real")
    journal.write(at(), moved("containing"))
    refused(journal, Draft(K.WAIVED, "", {"what": "contained"}, "Kim"), "needs a reason")
    refused(journal, Draft(K.WAIVED, "I say so.", {"what": "contained"}), "by a person")
    refused(journal, Draft(K.WAIVED, "No time.", {"what": "closed"}, "Kim"), "cannot be waived")
    journal.write(at(), Draft(K.WAIVED, "Traffic is off at the gateway.", {"what": "contained"}, "Kim"))
    assert journal.write(at(), moved("contained")).state is State.CONTAINED


def test_resolved_needs_a_passed_watch_period() -> None:
    journal = contained()
    journal.write(at(hours=2), moved("recovering"), moved("verifying"))
    journal.write(at(hours=2), verdict("recovered", at(hours=2)))
    refused(journal, moved("resolved"), "no watch period was begun")
    journal.write(at(hours=2), Draft(K.WATCH, "Watch.", {"until": at(hours=26).isoformat()}))
    refused(journal, moved("resolved"), "was not seen to pass")
    journal.write(at(hours=25), verdict("recovered", at(hours=25)))
    refused(journal, moved("resolved"), "was not seen to pass")
    journal.write(at(hours=26), verdict("recovered", at(hours=26)))
    refused(journal, moved("resolved"), "live temporary measure", "kept")
    journal.write(at(hours=26), about(K.KEPT))
    assert journal.write(at(hours=26), moved("resolved")).resolved_at == at(hours=26)


def test_an_undone_measure_no_longer_stands_in_the_way() -> None:
    journal = watched(contained())
    journal.write(at(hours=26), verdict("recovered", at(hours=26)), about(K.UNDONE))
    assert journal.write(at(hours=26), moved("resolved")).state is State.RESOLVED


def test_a_measure_on_production_is_kept_by_a_person() -> None:
    journal = contained("real", simulated=False)
    refused(journal, about(K.KEPT), "by a person")
    journal.write(at(), about(K.KEPT, by="Kim"))
    assert not journal.now.measures[0].temporary


def test_a_relapse_begins_a_new_round() -> None:
    journal = watched(contained())
    journal.write(
        at(hours=26), verdict("recovered", at(hours=26)), verdict("relapsed", at(hours=27), "msr-1")
    )
    refused(journal, moved("resolved"), "not seen to pass")
    incident = journal.write(at(hours=27), moved("triaging"))
    assert incident.watch_until is None
    journal.write(at(hours=27), moved("containing"))
    refused(journal, moved("contained"), "no live measure holds")


def test_a_fallback_that_still_holds_contains_after_a_relapse_too() -> None:
    journal = watched(contained())
    journal.write(at(hours=3), verdict("relapsed", at(hours=3)), moved("triaging"), moved("containing"))
    assert journal.write(at(hours=3), moved("contained")).state is State.CONTAINED


def test_what_was_made_permanent_in_a_former_round_does_not_contain_the_next() -> None:
    journal = resolved()
    journal.write(at(hours=30), moved("triaging", "New alerts came."), alerted("alr-2"), moved("containing"))
    refused(journal, moved("contained"), "no live measure holds")


def test_a_resolved_incident_swallows_no_alert() -> None:
    journal = resolved()
    refused(journal, alerted("alr-2"), "must not vanish", "Reopen it")
    journal.write(at(hours=30), moved("learning"))
    refused(journal, alerted("alr-2"), "must not vanish")
    journal.write(at(hours=31), moved("triaging", "The same alert is back."), alerted("alr-2"))
    assert journal.now.resolved_at is None
    assert len(journal.now.alerts) == 2


def test_an_alert_read_from_a_foreign_journal_reopens() -> None:
    journal = resolved()
    assert journal.force(at(hours=30), alerted("alr-2")).state is State.TRIAGING


def test_nothing_is_begun_about_what_is_resolved() -> None:
    refused(resolved(), request(name="msr-2"), "Reopen it first")


def test_closed_needs_the_review_its_approval_and_its_items() -> None:
    journal = resolved()
    items = [{"id": "act-1", "what": "Shadow the last-known-good."}]
    journal.write(at(hours=30), Draft(K.SEVERITY, "Users are hurt.", {"severity": "SEV2"}), moved("learning"))
    refused(journal, moved("closed"), "no review")
    journal.write(at(hours=31), Draft(K.REVIEW, "Drafted.", {"review": {"action_items": items}}))
    refused(journal, moved("closed"), "SEV2 must be approved")
    refused(journal, Draft(K.REVIEW_APPROVED, "Fine.", {"person": "fireline"}), "by a person")
    journal.write(at(hours=32), Draft(K.REVIEW_APPROVED, "Fine.", {"person": "Kim"}, "Kim"))
    refused(
        journal,
        moved("closed"),
        "1 of the review's action items are not on record",
        "Shadow the last-known-good",
    )
    journal.write(at(hours=33), Draft(K.ACTION_ITEM, "From the review.", {"item": items[0]}))
    assert journal.write(at(hours=34), moved("closed")).closed_at == at(hours=34)
    refused(journal, alerted("alr-9"), "Open a new incident")
    journal.write(at(days=3), Draft(K.NOTE, "", {"text": "Seen again in May."}, "Kim"))


def test_a_reopened_incident_is_reviewed_anew() -> None:
    journal = resolved()
    journal.write(
        at(hours=30), moved("learning"), Draft(K.REVIEW, "Drafted.", {"review": {"action_items": []}})
    )
    journal.write(at(hours=31), Draft(K.REVIEW_APPROVED, "Fine.", {"person": "Kim"}, "Kim"))
    journal.write(at(hours=32), moved("triaging", "It is back."))
    assert journal.now.review is None
    assert not journal.now.review_approved


@pytest.mark.parametrize("end", ["merged", "declined", "cancelled"])
def test_an_early_end_needs_a_reason_and_no_live_measure(end: str) -> None:
    journal = triaging()
    refused(journal, moved(end, because=" ", into="inc-2"), "needs a reason")
    if end == "merged":
        refused(journal, moved(end, because="The same fault."), "into which")
    journal.write(at(), request())
    refused(journal, moved(end, because="It was a test.", into="inc-2"), "live temporary measure")
    journal.write(at(), about(K.DENIED, by="Kim"))
    assert journal.write(at(), moved(end, because="It was a test.", into="inc-2")).closed_at is not None


def test_one_measure_at_a_time() -> None:
    journal = triaging()
    journal.write(at(), request())
    refused(journal, request(name="msr-2"), "still in flight", "One change at a time")
    refused(journal, request(), "on record already")
    journal.write(at(), about(K.FREED, by="Kim"))
    assert journal.write(at(), request(name="msr-2")).measures[1].in_flight


def test_a_measure_is_claimed_before_it_is_applied_and_applied_before_it_is_confirmed() -> None:
    journal = triaging()
    journal.write(at(), request())
    refused(journal, about(K.APPLIED), "cannot be `applied`", "claimed")
    refused(journal, about(K.CONFIRMED), "cannot be `confirmed`")
    refused(journal, about(K.CLAIMED, "msr-9"), "knows no measure msr-9")


def test_a_service_that_recovered_by_itself_needs_a_verdict_that_says_so() -> None:
    journal = triaging()
    refused(journal, moved("verifying"), "nothing shows")
    journal.write(at(hours=5), verdict("recovered", at(hours=5)))
    assert journal.write(at(hours=5), moved("verifying")).state is State.VERIFYING
    journal.write(at(hours=6), moved("triaging", "It came back."))
    refused(journal, moved("verifying"), "nothing shows")


def test_there_is_no_way_around() -> None:
    journal = triaging()
    refused(journal, moved("resolved"), "no way from triaging to resolved", "containing")
    refused(journal, moved("fixed"), "is not a state")
    assert may_reach(journal.now, State.CONTAINING) is None
    assert "no way" in str(may_reach(journal.now, State.CLOSED))


def test_the_first_entry_opens() -> None:
    with pytest.raises(StateError, match="no incident yet"):
        Journal().write(at(), moved("declared"))
    refused(triaging(), Draft(K.OPENED, "Again.", {"service": "s", "mode": "real"}), "open already")
