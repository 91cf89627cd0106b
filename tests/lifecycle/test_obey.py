"""Does live traffic obey a measure: read off the rows, and said once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.clock import MICROS, micros
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.timeline import Draft, EntryKind
from fireline.verify.obey import ENOUGH, LACKS, Obedience, judge_obedience, obedience
from tests.lifecycle.make import T0, Journal, at, opened

ROLLBACK: dict[str, Any] = {"from": "B", "to": "A"}


def measure(action: str = "rollback", ordinal: int = 3, **params: Any) -> Measure:
    return Measure(
        id="msr-1", incident="inc-1", service="flights", action=action, params=params or ROLLBACK,
        because="so", authority="auto",
        state=MeasureState.APPLIED, requested_at=T0, simulated=False, applied_at=T0,
        ordinal=ordinal,
    )  # fmt: skip


def seen(*calls: dict[str, Any], every: float = 1.0) -> dict[str, Any]:
    """The calls a second apart, as columns; what a call does not say is as the measure wants it."""
    usual = {"version": "A", "shadow": False, "rung": "current", "switch": "3", "host": "h1", "carrier": "UA"}
    whole = [usual | call for call in calls]
    columns: dict[str, Any] = {
        name: np.array([call[name] for call in whole], dtype=object) for name in usual if name != "shadow"
    }
    columns["shadow"] = np.array([call["shadow"] for call in whole], bool)
    columns["time"] = np.array([micros(T0) + int((i + 1) * every * MICROS) for i in range(len(whole))])
    return columns


GOOD: dict[str, Any] = {}
OLD_SWITCH = {"switch": "2"}
BY_B = {"version": "B"}


def test_a_rollback_is_obeyed_once_five_calls_in_a_row_show_it() -> None:
    for n in range(ENOUGH):
        assert not obedience(seen(*[GOOD] * n), measure()).obeys
    found = obedience(seen(BY_B, *[GOOD] * ENOUGH), measure())
    assert found.obeys
    assert (found.obeying, found.disobeying) == (ENOUGH, 1)


@pytest.mark.parametrize(
    "wrong",
    [BY_B, OLD_SWITCH, {"switch": None}, {"switch": ""}, {"switch": "odd"}, {"version": None}],
    ids=str,
)
def test_one_call_that_disobeys_begins_the_count_anew(wrong: dict[str, Any]) -> None:
    found = obedience(seen(*[GOOD] * 9, wrong, *[GOOD] * 4), measure())
    assert not found.obeys
    assert (found.obeying, found.disobeying) == (4, 1)


def test_rows_without_a_switch_column_are_judged_by_what_answered() -> None:
    columns = seen(*[GOOD] * 6)
    del columns["switch"]
    assert obedience(columns, measure()).obeys
    columns = seen(*[{"switch": None}] * 6)  # nobody says a switch: no guard is there
    assert obedience(columns, measure()).obeys


def test_a_newer_switch_obeys_too() -> None:
    assert obedience(seen(*[{"switch": "4"}] * 5), measure()).obeys
    assert obedience(seen(*[{"switch": "10.0"}] * 5), measure()).obeys


def test_shadow_calls_say_nothing() -> None:
    shadow = {"shadow": True, "version": "B"}
    assert obedience(seen(*[GOOD, shadow] * 5), measure()).obeys
    assert obedience(seen(*[shadow] * 9), measure()) == Obedience()


def test_a_fallback_is_seen_by_its_rung() -> None:
    step = measure("fallback", rung="rules")
    assert obedience(seen(*[{"rung": "rules"}] * 5), step).obeys
    assert not obedience(seen(*[GOOD] * 9), step).obeys


def test_a_measure_for_a_segment_is_judged_in_it() -> None:
    step = measure("fallback", rung="rules", segment={"carrier": "UA"})
    others = {"carrier": "DL"}
    assert obedience(seen(*[{"rung": "rules"}, others] * 5), step).obeys
    assert obedience(seen(*[others] * 9), step) == Obedience()
    assert not obedience(seen(*[others] * 9, *[GOOD] * 9), step).obeys


@given(share=st.sampled_from([0.0, 0.05, 0.2, 0.5]), n=st.integers(20, 400), seed=st.integers(0, 2**32 - 1))
def test_a_share_is_kept_when_about_that_much_goes_there(share: float, n: int, seed: int) -> None:
    step = measure("route_share", version="B", share=share, to="A")
    answered = np.random.default_rng(seed).random(n) < share
    assert obedience(seen(*[BY_B if b else GOOD for b in answered]), step).obeys
    everything = obedience(seen(*[BY_B] * n), step)
    assert not everything.obeys
    assert everything.who[0][0] == "the share is not kept"


def test_a_share_sent_to_a_third_version_is_not_obeyed() -> None:
    step = measure("route_share", version="B", share=0.2, to="A")
    assert not obedience(seen(*[{"version": "C"}] * 9), step).obeys


def test_guards_behind_hold_it_up_and_are_named() -> None:
    found = obedience(seen(*[GOOD] * 9), measure(), behind=("gate-2",))
    assert not found.obeys
    (note,) = judge_obedience(journal().now, measure(), found, at(minutes=6))
    assert (
        note.because == "Not confirmed after 6 min: guards that obey an older switch still answer (gate-2)."
    )


def test_one_host_of_many_that_goes_its_own_way_holds_it_up() -> None:
    calls = [{"host": f"h{n}"} for n in range(1, 21)] * 20
    calls[201] = {"host": "lost", "version": "B"}
    assert not obedience(seen(*calls), measure()).obeys
    assert obedience(seen(*calls), measure()).astray == ("lost",)
    back = [*calls, {"host": "lost"}, *calls[:5]]
    assert obedience(seen(*back), measure()).obeys
    gone = obedience(seen(*calls, *[GOOD] * 400), measure())  # not heard of for more than five minutes
    assert gone.obeys
    early = [{"host": f"h{n % 20}"} for n in range(70)]
    early[30] = {"host": "lost", "version": "B"}  # on its way when the measure was taken
    assert obedience(seen(*early), measure()).obeys


def test_no_traffic_confirms_nothing() -> None:
    assert not obedience({}, measure()).obeys
    assert not obedience(seen(), measure()).obeys


# -- what is written of it ----------------------------------------------------------------------------------


def journal() -> Journal:
    written = Journal()
    written.write(T0, opened("real"))
    return written


def told(found: Obedience, after: timedelta, written: Journal | None = None) -> list[Draft]:
    return judge_obedience((written or journal()).now, measure(), found, T0 + after)


MINUTES = timedelta(minutes=1)


def test_it_is_confirmed_in_words_that_count_the_calls() -> None:
    (said,) = told(obedience(seen(BY_B, BY_B, *[GOOD] * 7), measure()), 1 * MINUTES)
    assert said.kind is EntryKind.CONFIRMED
    assert said.because == (
        "Live traffic obeys it: the last 7 calls were answered that way. "
        "2 calls on their way before it did not."
    )


def test_disobedience_is_noted_once_and_names_the_hosts() -> None:
    calls = [{"host": f"h{i % 2}", "version": "AB"[i % 2]} for i in range(400)]
    found = obedience(seen(*calls), measure())
    assert told(found, 4 * MINUTES) == []
    written = journal()
    (note,) = told(found, 7 * MINUTES, written)
    assert note.because == "Not confirmed after 7 min: 200 calls since did not obey it, from h1 (200)."
    written.write(at(minutes=7), note)
    assert told(found, 20 * MINUTES, written) == []


def test_a_quiet_service_is_no_problem() -> None:
    few = obedience(seen(BY_B, GOOD, GOOD, every=20), measure())  # the first was on its way
    assert not few.obeys
    assert told(few, timedelta(hours=9)) == []
    assert told(Obedience(), 59 * MINUTES) == []
    (note,) = told(Obedience(), 60 * MINUTES)
    assert note.because == "Not confirmed after 1 h: no call has come since. Free it if it hangs."


def test_silence_that_was_noted_does_not_hide_disobedience() -> None:
    written = journal()
    (silence,) = told(Obedience(), 61 * MINUTES, written)
    written.write(at(minutes=61), silence)
    assert told(Obedience(), 90 * MINUTES, written) == []
    found = obedience(seen(*[BY_B] * 6, every=1000), measure())
    (note,) = told(found, 100 * MINUTES, written)
    assert "6 calls since did not obey it" in note.because


def test_what_is_kept_is_confirmed_once_every_guard_that_listens_has_heard() -> None:
    step = measure("keep", measure="msr-0")
    assert obedience({}, step).obeys
    (said,) = judge_obedience(journal().now, step, obedience({}, step), at(seconds=1))
    assert said.kind is EntryKind.CONFIRMED
    assert said.because.startswith("No call is answered otherwise for it")
    waits = obedience({}, step, behind=("gate-1",))
    assert not waits.obeys
    assert judge_obedience(journal().now, step, waits, at(minutes=1)) == []


def test_a_guard_without_such_a_version_is_said_at_once() -> None:
    found = obedience(seen(*[GOOD] * ENOUGH), measure(), behind=(f"guard-1, {LACKS}",))
    assert not found.obeys
    assert found.trouble(measure(), T0 + timedelta(seconds=1)) == "lacks", "no patience mends that"
