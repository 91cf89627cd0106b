"""The watch period: what passes it, what is a relapse, and a service that recovered by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from fireline.contain import advance, decide
from fireline.recover import next_step
from fireline.terms.alert import Finding
from fireline.terms.incident import State
from fireline.terms.timeline import Draft
from fireline.verify import Comparison, Recovery, Signals, judge_measure, judge_recovery, moot, shadow, watch
from tests.lifecycle.make import Journal, K, about, act, alert, at, facts, moved, runbook, triaging, verdict
from tests.lifecycle.traffic import answered_by, both, noisy, reference, traffic

REFERENCE = reference(20_000)
LADDER_ONLY = runbook(last_known_good=None)


def counterfactual(since: datetime, hours: float, *, good: bool = True, seed: int = 1) -> Comparison:
    live = traffic(3000, since, hours, seed=seed)
    bad = noisy(live, 2)
    shadowed = answered_by(live, "A", shadow=True, score=live["score"] if good else noisy(live, 2.2, seed=8))
    found = shadow(
        both(answered_by(live, "B", score=bad), shadowed),
        REFERENCE,
        good="A",
        bad="B",
        alerts=[alert()],
        since=since,
        until=since + timedelta(hours=hours),
        timezone="UTC",
    )
    assert found is not None
    return found


def finding(
    when: datetime, family: str = "auc", version: str | None = None, feature: str | None = None
) -> Finding:
    return Finding(
        family,
        family,
        "score",
        when,
        "page",
        4.0,
        3.5,
        version=version,
        feature=feature,
        because="AUC fell again.",
    )


def recovered(yes: bool = True) -> Recovery:
    return Recovery(
        "alr-1", "auc", yes, at(hours=20), 3.0, 2.9, "the AUC is back by more than half of the effect"
    )


def contained(mode: str = "replay", book: Any = None) -> Journal:
    journal = triaging(mode)
    journal.write(at(hours=1), *decide(journal.now, facts(), book or runbook(), at(hours=1)))
    act(journal, at(hours=1))
    journal.write(at(hours=1), *advance(journal.now, at(hours=1)))
    return journal


def verifying() -> Journal:
    journal = contained()
    found = journal.now.measures[0]
    journal.write(
        at(hours=2), *judge_measure(journal.now, found, counterfactual(at(), 2), runbook(), at(hours=2))
    )
    journal.write(at(hours=2), *next_step(journal.now))
    journal.write(at(hours=2), *watch(journal.now, Signals(), runbook(), at(hours=2)))
    assert journal.now.state is State.VERIFYING
    assert journal.now.watch_until == at(hours=26)
    return journal


def look(journal: Journal, when: datetime, signals: Signals) -> Journal:
    journal.write(when, *watch(journal.now, signals, runbook(), when))
    return journal


def test_a_counterfactual_that_stays_well_resolves_and_the_rollback_is_kept() -> None:
    journal = verifying()
    look(journal, at(hours=14), Signals((finding(at(hours=13)),), counterfactual(at(hours=2), 12)))
    assert journal.now.state is State.VERIFYING
    look(journal, at(hours=26), Signals((finding(at(hours=13)),), counterfactual(at(hours=2), 24)))
    assert journal.now.state is State.RESOLVED
    assert journal.kinds()[-3:] == ["verdict", "kept", "moved"]
    assert (
        "uiet for the whole watch period of 1 day, as far as the shadow tells: AUC 0.7"
        in journal.entries[-3].because
    )
    (kept,) = journal.now.measures
    assert not kept.temporary
    assert kept.state == "confirmed"


def test_a_counterfactual_that_goes_bad_is_a_relapse() -> None:
    journal = verifying()
    look(journal, at(hours=8), Signals((), counterfactual(at(hours=2), 6, good=False)))
    assert journal.now.state is State.TRIAGING
    assert "it would not have stayed well" in journal.entries[-1].because
    journal.write(at(hours=8), *advance(journal.now, at(hours=8)))
    assert journal.now.measures[0].state == "undone"
    drafts = decide(journal.now, facts(), runbook(), at(hours=9))
    assert drafts[-1].data["measure"]["action"] == "fallback"


def test_a_finding_on_the_version_gone_back_to_is_a_relapse_and_on_the_bad_one_is_not() -> None:
    journal = look(
        verifying(), at(hours=5), Signals((finding(at(hours=4), version="B"), finding(at(hours=4))))
    )
    assert journal.now.state is State.VERIFYING
    look(journal, at(hours=6), Signals((finding(at(hours=5), version="A"),)))
    assert journal.now.state is State.TRIAGING
    assert journal.now.verdicts[-1]["verdict"] == "relapsed"


def test_without_anything_to_see_at_the_end_it_watches_on_and_says_so() -> None:
    journal = look(verifying(), at(hours=26), Signals())
    assert journal.now.state is State.VERIFYING
    assert journal.now.watch_until == at(hours=50)
    assert "no shadow answers since the watch began" in journal.entries[-1].because
    assert watch(journal.now, Signals(), runbook(), at(hours=27)) == []
    look(journal, at(hours=50), Signals((), counterfactual(at(hours=2), 48)))
    assert journal.now.state is State.RESOLVED


def test_a_service_that_recovers_by_itself_is_watched_and_resolved() -> None:
    journal = triaging()
    assert judge_recovery(journal.now, [recovered(), recovered(False)], runbook(), at(hours=20)) == []
    assert judge_recovery(journal.now, [], runbook(), at(hours=20)) == []
    journal.write(at(hours=20), *judge_recovery(journal.now, [recovered()], runbook(), at(hours=20)))
    assert journal.kinds()[-3:] == ["verdict", "moved", "watch"]
    assert "recovered without a measure of ours" in journal.entries[-3].because
    look(journal, at(hours=44), Signals((), None, (recovered(),)))
    assert journal.now.state is State.RESOLVED
    assert journal.now.resolved_at == at(hours=44)


@pytest.mark.parametrize("step", ["in flight", "contained", "recovering"])
def test_simulated_measures_are_taken_back_when_the_recorded_service_recovers(step: str) -> None:
    journal = contained(book=LADDER_ONLY)
    if step == "in flight":
        journal = triaging()
        journal.write(at(hours=1), *decide(journal.now, facts(), LADDER_ONLY, at(hours=1)))
    elif step == "recovering":
        journal.write(
            at(hours=3),
            verdict("effective", at(hours=3), journal.now.measures[0].id),
            *next_step(journal.now),
        )
        journal.write(at(hours=3), *next_step(journal.now))
        assert journal.now.state is State.RECOVERING
    journal.write(at(hours=20), *judge_recovery(journal.now, [recovered()], runbook(), at(hours=20)))
    assert journal.now.state is State.VERIFYING
    assert journal.now.measures[0].state in ("undone", "expired")
    look(journal, at(hours=44), Signals((), None, (recovered(),)))
    assert journal.now.state is State.RESOLVED


def test_a_waived_containment_recovers_through_recovering() -> None:
    journal = triaging("real")
    journal.write(at(), moved("containing"))
    journal.write(
        at(),
        type(moved("x"))(K.WAIVED, "Shut at the gateway.", {"what": "contained"}, "Kim"),
        moved("contained"),
    )
    journal.write(at(hours=20), *judge_recovery(journal.now, [recovered()], runbook(), at(hours=20)))
    assert journal.now.state is State.VERIFYING


def test_real_traffic_that_is_off_again_is_a_relapse_of_the_same_trouble_only() -> None:
    journal = triaging("real")
    journal.write(at(hours=20), *judge_recovery(journal.now, [recovered()], runbook(), at(hours=20)))
    other = Signals((finding(at(hours=21), "traffic"),), None, (recovered(),))
    assert watch(journal.now, other, runbook(), at(hours=21)) == []
    same = Signals((finding(at(hours=22)),), None, (recovered(),))
    journal.write(at(hours=22), *watch(journal.now, same, runbook(), at(hours=22)))
    assert journal.now.state is State.TRIAGING
    assert journal.entries[-1].because == "It came back within the watch period: AUC fell again."


def test_real_figures_that_are_not_back_are_not_resolved() -> None:
    journal = triaging("real")
    journal.write(at(hours=20), *judge_recovery(journal.now, [recovered()], runbook(), at(hours=20)))
    journal.write(
        at(hours=44), *watch(journal.now, Signals((), None, (recovered(False),)), runbook(), at(hours=44))
    )
    assert journal.now.state is State.VERIFYING
    assert journal.now.verdicts[-1]["verdict"] == "undecided"


def test_a_real_temporary_measure_is_asked_about_once_and_resolves_when_a_person_settled_it() -> None:
    rows = [{"action": "rollback", "authority": "auto"}]
    journal = contained("real", runbook(decisions=rows))
    name = journal.now.measures[0].id
    journal.write(at(hours=3), verdict("effective", at(hours=3), name))
    journal.write(at(hours=3), *next_step(journal.now))
    assert judge_recovery(journal.now, [recovered()], runbook(), at(hours=4)) == []
    look(journal, at(hours=3), Signals())
    signals = Signals((), None, (recovered(),))
    look(journal, at(hours=27), signals)
    assert journal.now.state is State.VERIFYING
    assert journal.now.checks[0].startswith(f"Undo rollback {name}, or accept it as permanent")
    assert watch(journal.now, signals, runbook(), at(hours=28)) == []
    journal.write(at(hours=29), about(K.KEPT, name, by="Kim"))
    look(journal, at(hours=29), signals)
    assert journal.now.state is State.RESOLVED


def test_what_the_bad_version_goes_on_doing_in_the_log_opens_nothing_new() -> None:
    journal = verifying()
    well, bad = counterfactual(at(hours=2), 10), counterfactual(at(hours=2), 10, good=False)
    when = at(hours=12)
    assert moot(journal.now, finding(when, version="B"))
    assert moot(journal.now, finding(when))
    assert moot(journal.now, finding(when), well)
    assert moot(journal.now, finding(when), bad) is None
    assert moot(journal.now, finding(when, version="A")) is None
    assert moot(journal.now, finding(when, "latency")) is None
    assert moot(journal.now, finding(at(minutes=1))) is None
    assert moot(triaging().now, finding(when)) is None
    look(journal, at(hours=26), Signals((), counterfactual(at(hours=2), 24)))
    assert journal.now.state is State.RESOLVED
    assert moot(journal.now, finding(at(hours=30)), well)
    assert moot(journal.now, finding(at(hours=30)), bad) is None


def test_equal_versions_never_relapse_by_chance() -> None:
    relapses = 0
    for seed in range(8):
        journal = verifying()
        for hours in (6, 12, 24):
            signals = Signals((), counterfactual(at(hours=2), hours, seed=300 + seed))
            if journal.now.state is State.VERIFYING:
                look(journal, at(hours=2 + hours), signals)
        relapses += journal.now.state is State.TRIAGING
    assert relapses == 0


def test_what_has_another_cause_does_not_relapse_this_incident() -> None:
    """Calibration is off on both sides: the rollback helped the AUC, and the rest is somebody else's."""
    journal = triaging()
    told = [alert(), alert("alr-2", "calibration", unit="share", seen=0.3, usual=0.02)]
    journal.write(at(), Draft(K.ALERTED, "And calibration.", {"alert": told[1]}))
    journal.write(at(hours=1), *decide(journal.now, facts(), runbook(), at(hours=1)))
    act(journal, at(hours=1))
    journal.write(at(hours=1), *advance(journal.now, at(hours=1)))

    def seen(since: datetime, hours: float) -> Comparison:
        live = traffic(4000, since, hours, seed=5)
        high = np.clip(live["score"] ** 0.2, 0, 1)
        bad = np.clip(noisy(live, 2) ** 0.2, 0, 1)
        log = both(answered_by(live, "B", score=bad), answered_by(live, "A", shadow=True, score=high))
        found = shadow(log, REFERENCE, good="A", bad="B", alerts=told, since=since,
                       until=since + timedelta(hours=hours), timezone="UTC")  # fmt: skip
        assert found is not None
        return found

    found = journal.now.measures[0]
    journal.write(at(hours=2), *judge_measure(journal.now, found, seen(at(), 2), runbook(), at(hours=2)))
    assert journal.now.verdicts[-1]["verdict"] == "effective"
    assert "that has another cause" in journal.now.verdicts[-1]["because"]
    journal.write(at(hours=2), *next_step(journal.now))
    journal.write(at(hours=2), *watch(journal.now, Signals(), runbook(), at(hours=2)))
    comparison = seen(at(hours=2), 24)
    assert [f.well() for f in comparison.figures[:2]] == [True, False]
    look(journal, at(hours=26), Signals((), comparison))
    assert journal.now.state is State.RESOLVED
    assert moot(journal.now, finding(at(hours=30), "calibration"), comparison) is None
