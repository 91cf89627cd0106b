"""What each rule says of runs, and that it says so once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.detect.jobs import MONITORS, RULES, broken, findings, well_since
from fireline.runbook.jobs import Job
from fireline.terms.run import Run, run_of

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def run(number: int, state: str = "succeeded", lasts: timedelta = HOUR, **more: object) -> Run:
    """The nightly run of day ``number``."""
    started = BEGIN + number * DAY
    return Run(started + lasts, "train", str(number), state, started, started + lasts, **more)  # type: ignore[arg-type]


def told(runs: list[Run], until: datetime | None = None, **rules: object) -> list[str]:
    job = Job.model_validate({"name": "train", **rules})
    end = until or max(r.at for r in runs)
    return [one.monitor for one in broken(runs, [job], BEGIN, end)]


USUAL = [run(i) for i in range(6)]


@pytest.mark.parametrize(
    ("monitor", "odd", "rules"),
    [
        ("job_failed", run(6, "failed"), {}),
        ("job_short", run(6, lasts=5 * MINUTE), {}),
        ("job_short", run(6, lasts=25 * MINUTE), {"shortest": "30m"}),
        ("job_long", run(6, lasts=5 * HOUR), {}),
        ("job_long", run(6, lasts=2 * HOUR), {"longest": "90m"}),
        ("job_artefact", run(6, digest="aaa", expected_digest="bbb"), {}),
        ("job_artefact", run(6, readable=False), {}),
        ("job_parameters", run(6, parameters={"depth": 40}), {"parameters": {"depth": [2, 12]}}),
        ("job_gate", run(6), {"gate": True}),
        ("job_gate", run(6, passed=False), {"gate": True}),
        ("job_data", run(6, data_until=BEGIN), {"oldest_data": "2d"}),
    ],
)
def test_each_rule_tells_of_its_fault_and_of_no_other(monitor, odd, rules):
    usual = [Run(**{**vars_of(r), "passed": True}) for r in USUAL]
    assert told([*usual, odd], **rules) == [monitor]
    assert told([*usual, run(6, digest="a", expected_digest="a", readable=True, passed=True,
                             parameters={"depth": 5}, data_until=BEGIN + 6 * DAY)],
                **rules) == []  # fmt: skip


def vars_of(one: Run) -> dict[str, object]:
    return {name: getattr(one, name) for name in Run.__dataclass_fields__}


def test_a_job_that_misses_its_schedule_is_late_once_for_each_miss():
    runs = [run(0), run(1), run(4)]
    late = broken(runs, [Job(name="train", every=DAY)], BEGIN, BEGIN + 7 * DAY)
    assert [one.monitor for one in late] == ["job_late", "job_late"]
    assert [one.at for one in late] == [BEGIN + DAY + HOUR + DAY * 1.25, BEGIN + 4 * DAY + HOUR + DAY * 1.25]


def test_a_job_that_never_ran_is_late_counted_from_the_beginning():
    late = broken([], [Job(name="train", every=DAY, grace=HOUR)], BEGIN, BEGIN + 2 * DAY)
    assert [one.at for one in late] == [BEGIN + DAY + HOUR]
    assert broken([], [Job(name="train", every=DAY, grace=HOUR)], BEGIN, BEGIN + DAY) == []


def test_a_job_without_a_line_in_the_runbook_still_fails_loudly():
    found = findings(broken([run(0, "failed")], [], BEGIN, BEGIN + DAY), [])
    assert [(f.monitor, f.family, f.feature, f.urgency) for f in found] == [
        ("job_failed", "job", "train", "ticket")
    ]
    assert "train run 0 ended as failed" in found[0].because


def test_a_wrong_artefact_pages_whatever_the_runbook_says():
    odd = run(0, digest="a", expected_digest="b")
    assert findings(broken([odd], [], BEGIN, odd.at), [])[0].urgency == "page"


def test_the_next_good_run_makes_it_well():
    runs = [run(0, "failed"), run(1, "failed"), run(2)]
    assert well_since(runs, "train", runs[0].at, runs[1].at) is None
    assert well_since(runs, "train", runs[0].at, runs[2].at) == runs[2].at


@given(
    st.lists(
        st.tuples(
            st.integers(0, 20), st.sampled_from(["succeeded", "failed", "running"]), st.integers(1, 300)
        ),
        max_size=20,
    ),
    st.integers(0, 25),
)
def test_what_was_told_stays_told_and_nothing_is_told_before_its_time(rows, day):
    runs = [run(number, state, minutes * MINUTE) for number, state, minutes in rows]
    job = Job(name="train", every=DAY)
    early = broken(runs, [job], BEGIN, BEGIN + day * DAY)
    late = broken(runs, [job], BEGIN, BEGIN + (day + 1) * DAY)
    assert all(one.at <= BEGIN + day * DAY for one in early)
    assert {one.key for one in early} <= {one.key for one in late}
    assert len({one.key for one in late}) == len(late)


def test_every_rule_has_a_name_that_the_reference_lists():
    assert set(RULES) | {"job_late"} == set(MONITORS)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"job": "a"}, "state"),
        ({"state": "failed"}, "job"),
        ({"job": "a", "state": "ok", "started": "noon"}, "started"),
        ({"job": "a", "state": "ok", "params": [1]}, "params"),
        ({"job": "a", "state": "ok", "readable": "perhaps"}, "readable"),
    ],
)
def test_a_run_that_cannot_be_read_says_which_field(row, says):
    with pytest.raises(ValueError, match=says):
        run_of(row, BEGIN)
