"""A new baseline: proposed after a retrain or a lasting harmless change, decided by a person, taken up."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline import commands
from fireline.baselines import days, decide, propose
from fireline.baselines.days import day_of, is_harmless, stand_ins
from fireline.clock import micros
from fireline.errors import StateError
from fireline.live.usual import Usual
from fireline.terms.incident import Incident, State
from tests.support.living import BEGIN, RUNBOOK, SERVICE, SINCE, Living, rows, write_book
from tests.support.spring import NOW

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STEP = 160 * timedelta(minutes=1)


@pytest.fixture(scope="session")
def slow_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small service with hours of lateness allowed, so that a week plays in few steps."""
    folder = tmp_path_factory.mktemp("slow")
    place = write_book(folder)
    place.write_text(RUNBOOK.replace("allowed_lateness: 15m", "allowed_lateness: 3h"))
    return place


@pytest.fixture
def living(slow_book: Path, tmp_path: Path) -> Iterator[Callable[..., Living]]:
    made: list[Living] = []

    def make(folder: str = "state", **more: Any) -> Living:
        made.append(Living(slow_book, tmp_path / folder, **more))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


@pytest.fixture
def spring(spring_state: tuple[Path, Path], tmp_path: Path) -> Iterator[Living]:
    book, state = spring_state
    one = Living(book, Path(shutil.copytree(state, tmp_path / "state")), NOW)
    yield one
    one.store.close()


def retrained(since: datetime, until: datetime) -> list[dict[str, Any]]:
    return rows(since, until, version="A2")


def shifted(since: datetime, until: datetime) -> list[dict[str, Any]]:
    """x lies 0.35 higher, and nothing is the worse for it: the score is what it was."""
    return [{**row, "x": row["x"] + 0.35} for row in rows(since, until)]


@pytest.fixture(autouse=True)
def _two_days_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A week in little: the rules ask for whole days, whatever their number."""
    monkeypatch.setattr(propose, "LEAST", 2)


def test_a_week_is_asked_for() -> None:
    assert days.LEAST == 7


def usual(one: Living) -> Usual:
    return one.pulse.usual


def waiting(one: Living) -> list[Any]:
    return [p for p in usual(one).shelf().proposals if p.standing == "proposed"]


def test_a_retrained_version_that_serves_alone_and_well_is_proposed_and_taken_up(
    living: Callable[..., Living],
) -> None:
    one = living()
    one.play(BEGIN + 2 * DAY, step=STEP, traffic=retrained)
    assert waiting(one) == [], "too few whole days yet"
    one.play(BEGIN + 4 * DAY, step=STEP, traffic=retrained)
    (made,) = waiting(one)
    assert made.reason == "retrain"
    assert "A2" in made.because
    assert made.until - made.since >= 2 * DAY
    assert made.since >= BEGIN
    before = one.pulse.book.baseline
    one.running.decide_baseline(SERVICE, lambda u: u.accept(made.id, "ada", "retrained on January"))
    after = one.pulse.book.baseline
    assert (after.since, after.until) == (micros(made.since), micros(made.until))
    assert after.plan.versions == ("A2",)
    assert not {x.identity for x in before.plan.layouts if x.series} & {
        x.identity for x in after.plan.layouts
    }
    line = usual(one).shelf().journal[-1]
    assert (line["what"], line["by"], line["because"]) == ("accepted", "ada", "retrained on January")
    begins = usual(one).begins
    assert one.pulse.judged == begins > micros(one.clock.now()), "a cold start"
    one.play(one.clock.now() + DAY, step=STEP, traffic=retrained)
    assert not one.store.incidents()
    assert one.pulse.judged > begins
    layout = after.plan.rates
    first = micros(one.clock.now() - 20 * DAY) // 60_000_000
    counted = one.store.counts(60, first, first + 40 * 1440, service=SERVICE, layout=layout.identity)
    ticks = [row.first_tick + i for row in counted for i in range(row.ticks)]
    assert ticks
    assert min(ticks) * 60_000_000 >= micros(one.clock.now() - DAY - STEP), "nothing from before is mixed in"
    again = one.again()
    assert again.pulse.book.baseline.plan.versions == ("A2",), "a restart keeps it"
    again.running.beat()
    again.running.decide_baseline(SERVICE, lambda u: u.go_back(decide.OWN, "bob", "the old model is back"))
    assert again.pulse.book.baseline.plan.versions == before.plan.versions
    assert usual(again).shelf().journal[-1]["what"] == "went back"
    again.store.close()


def test_a_drift_that_was_declined_as_harmless_and_stays_is_proposed_as_usual(
    living: Callable[..., Living],
) -> None:
    one = living()
    one.play(BEGIN + 2 * DAY, step=STEP, traffic=shifted)
    names = one.store.incidents(SERVICE)
    assert names
    found = one.store.incident(names[0])
    assert not found.paged
    assert {a["family"] for a in found.alerts} == {"drift"}
    for name in one.store.incidents(SERVICE, open_only=True):
        commands.resolve(one.store, one.clock, name, "ada", "The season: nothing is harmed.")
    one.play(BEGIN + 5 * DAY, step=STEP, traffic=shifted)
    made = next(p for p in waiting(one) if p.reason == "lasting change")
    assert [m.series for m in made.moved] == ["x"]
    assert made.moved[0].psi > 0.05
    assert made.moved[0].since == made.since
    assert names[0] in made.incidents
    for name in one.store.incidents(SERVICE, open_only=True):
        commands.resolve(one.store, one.clock, name, "ada", "Still the season.")
    one.running.decide_baseline(SERVICE, lambda u: u.accept(made.id, "ada", ""))
    quiet = len(one.store.incidents(SERVICE))
    one.play(one.clock.now() + 2 * DAY, step=STEP, traffic=shifted)
    assert len(one.store.incidents(SERVICE)) == quiet, "what moved is usual now"


def test_days_named_by_hand_are_decided_once_and_a_rejection_says_why(spring: Living) -> None:
    one = spring
    with pytest.raises(StateError, match="too few calm days"):
        usual(one).propose(BEGIN, BEGIN + DAY, "ada", "")
    with pytest.raises(StateError, match="not all judged yet"):
        usual(one).propose(BEGIN, BEGIN + 30 * DAY, "ada", "")
    made = usual(one).propose(BEGIN, BEGIN + 3 * DAY, "ada", "spring")
    with pytest.raises(StateError, match="needs a reason"):
        usual(one).reject(made.id, "ada", " ")
    usual(one).reject(made.id[:9], "ada", "a holiday")
    with pytest.raises(StateError, match="is rejected already"):
        usual(one).accept(made.id, "ada", "")
    with pytest.raises(StateError, match="no proposal"):
        usual(one).accept("bsl-none", "ada", "")
    opened = commands.declare(one.store, one.clock, SERVICE, "ada", "All prices are wrong", mode="drill")
    with pytest.raises(StateError, match=f"frozen while incident {opened.id}"):
        usual(one).propose(BEGIN, BEGIN + 3 * DAY, "ada", "")


def test_what_waits_against_the_baseline_that_is_over_is_withdrawn_and_not_proposed_again(
    spring: Living,
) -> None:
    """Accepted days are accepted once; what Fireline proposed beside them was seen against the old one."""
    one, found = spring, usual(spring)
    made = found.propose(BEGIN, BEGIN + 3 * DAY, "ada", "spring")
    other = replace(made, id="bsl-other", reason="lasting change", by="fireline", incidents=("inc-1",))
    decide.with_proposal(one.store, found.shelf(), other)
    found.accept(made.id, "ada", "")
    shelf = found.shelf()
    assert [(p.id, p.standing) for p in shelf.proposals] == [(made.id, "accepted")]
    assert shelf.journal[-1]["withdrawn"] == ["bsl-other"]
    found.accept(made.id, "ada", "said twice")
    assert found.shelf() == shelf
    found.go_back(decide.OWN, "bob", "no")
    with pytest.raises(StateError, match="is accepted already"):
        found.accept(made.id, "ada", "")


def test_rejected_days_are_not_proposed_again_because_of_one_ticket_more(spring: Living) -> None:
    one, found = spring, usual(spring)
    made = found.propose(BEGIN, BEGIN + 3 * DAY, "ada", "spring")
    first = replace(made, id="bsl-one", reason="lasting change", by="fireline", incidents=("inc-1",))
    decide.with_proposal(one.store, found.shelf(), first)
    found.reject("bsl-one", "ada", "a trade fair")
    before = found.shelf()
    more = replace(first, id="bsl-two", incidents=("inc-1", "inc-2"))
    assert decide.with_proposal(one.store, before, more) is before
    later = replace(more, id="bsl-three", until=made.until + DAY)
    assert decide.with_proposal(one.store, before, later).proposals[-1].id == "bsl-three"


def test_another_baseline_in_the_runbook_sets_the_shelf_aside(spring: Living, tmp_path: Path) -> None:
    one = spring
    made = usual(one).propose(BEGIN, BEGIN + 3 * DAY, "ada", "spring")
    usual(one).accept(made.id, "ada", "")
    other = tmp_path / "other" / "runbook.yaml"
    other.parent.mkdir()
    text = one.book.read_text().replace("features: {x: numeric}", "features: {x: numeric}\n  flags: [odd]")
    other.write_text(text)
    (other.parent / "runbook.baseline.npz").write_bytes(
        (one.book.parent / "runbook.baseline.npz").read_bytes()
    )
    again = one.again(other)
    assert usual(again).shelf().active == ""
    again.store.close()


# -- which days ---------------------------------------------------------------------------------------------


def incident(state: State = State.TRIAGING, families: tuple[str, ...] = ("drift",), urgency: str = "ticket",
             cause: str = "natural_drift", at: datetime = BEGIN,
             until: datetime | None = None) -> Incident:  # fmt: skip
    alerts = tuple({"family": family, "urgency": urgency} for family in families)
    return Incident("inc-1", SERVICE, "real", "x moved", state, at, resolved_at=until, onset=(at, at),
                    alerts=alerts, causes=({"cause": cause},))  # fmt: skip


@pytest.mark.parametrize(
    ("one", "harmless"),
    [
        (incident(), True),
        (incident(cause="upstream_data"), False),
        (incident(State.DECLINED, cause="unknown"), True),
        (incident(urgency="page"), False),
        (incident(families=("drift", "auc")), False),
        (incident(families=()), False),
    ],
)
def test_harmless_is_what_was_a_ticket_on_inputs_alone(one: Incident, harmless: bool) -> None:
    assert is_harmless(one) is harmless


def test_days_of_incidents_are_left_out_and_the_same_weekday_stands_in() -> None:
    from fireline.baselines.days import harmed

    since, until = BEGIN, BEGIN + 14 * DAY
    hurt = incident(State.CLOSED, ("error_rate",), "page", "deploy", BEGIN + 3 * DAY + HOUR,
                    BEGIN + 4 * DAY + HOUR)  # fmt: skip
    out = harmed([hurt], since, until)
    assert out == {day_of(BEGIN) + 3, day_of(BEGIN) + 4}
    assert stand_ins(since, until, out) == {day: day + 7 for day in out}
    assert stand_ins(since, since + 7 * DAY, range(day_of(since), day_of(since) + 7)) is None


def test_days_left_out_leave_no_trace_in_what_is_learnt(slow_book: Path) -> None:
    """Two days of the reference are broken; without them the baseline is what it would be had they been like
    those that stand in for them."""
    import numpy as np

    from fireline.ingest import log_of
    from fireline.reference import learn_window
    from fireline.runbook.load import load
    from fireline.terms.counts import SERVICE as WHOLE

    runbook = load(slow_book)
    log = log_of(runbook, [slow_book.parent / "past.parquet"], lambda *a: None)
    table = log.events(runbook.reference.since, runbook.reference.until)
    numbered = range(day_of(SINCE), day_of(SINCE) + 14)
    out = stand_ins(SINCE, BEGIN, [numbered[2], numbered[9]])
    assert out is not None
    made = learn_window(runbook, table, log.labels, stand_in=out)
    totals = made.totals["rates", WHOLE]
    n = made.plan.rates.series[0].cells.index("n")
    assert totals[:, n].sum() == len(table), "every day is there once, two of them as others"
    plain = learn_window(runbook, table, log.labels)
    assert np.abs(made.totals["rates", WHOLE][:, n] - plain.totals["rates", WHOLE][:, n]).sum() == 0
    broken = table.set_column(
        table.column_names.index("x"), "x",
        _where(table, lambda day, x: x + 50 if day in out else x),
    )  # fmt: skip
    same = learn_window(runbook, broken, log.labels, stand_in=out)
    series = f"{made.plan.shapes.identity}"
    assert series == same.plan.shapes.identity, "edges know nothing of the days left out"
    for key, value in made.totals.items():
        assert np.array_equal(value, same.totals[key])


def _where(table: Any, how: Callable[[int, float], float]) -> Any:
    import pyarrow as pa

    from fireline.telemetry.columns import numbers, times

    at = times(table) // 86_400_000_000
    return pa.chunked_array([[how(int(d), float(x)) for d, x in zip(at, numbers(table, "x"), strict=True)]])
