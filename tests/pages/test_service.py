"""The service page: what answers, what watches, who listens."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from fireline.live.views import MonitorView
from fireline.terms.budget import ErrorBudget
from fireline.terms.timeline import Draft, EntryKind
from fireline.web.budget_plot import burn_down
from fireline.web.pages.evidence_bar import bar, reached
from fireline.web.pages.spark import spark
from fireline.web.pages.watched import ladder, monitors
from tests.support.rooms import NOW, SERVICE, Rooms, app_of


def monitor(evidence: float, page_at: float = 1000.0, state: str = "quiet") -> MonitorView:
    return MonitorView("m", "drift", None, None, None, state, evidence, 70.0, page_at)  # type: ignore[arg-type]


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1e9))
def test_the_evidence_bar_can_always_be_drawn(evidence: float, page_at: float) -> None:
    drawn = str(bar(monitor(evidence, page_at)))
    assert drawn.startswith("<svg")
    assert "nan" not in drawn
    assert 0 <= reached(monitor(evidence, page_at))


def test_evidence_is_drawn_on_a_logarithmic_scale() -> None:
    assert reached(monitor(1000)) == pytest.approx(1)
    assert reached(monitor(math.sqrt(1000))) == pytest.approx(0.5)
    assert reached(monitor(1.0)) == 0


def test_what_alerts_stands_first_and_nothing_is_lost() -> None:
    view = Rooms().service(SERVICE)
    first, rest = monitors(view)
    assert [m.state for m in first[:3]] == ["alert", "alert", "rising"]
    assert len(first) + len(rest) == len(view.monitors)


def test_the_ladder_says_what_answers_and_what_was_exercised() -> None:
    rooms = Rooms()
    rooms.open_incident()
    steps = ladder(rooms.service(SERVICE), rooms.store.measures(SERVICE))
    assert [(s.name, s.answers) for s in steps][:2] == [("current", True), ("last known good", False)]
    assert steps[1].exercised is None
    rooms.write("inc-1", Draft(EntryKind.APPROVED, "yes", {"measure": "msr-1"}, by="ada"))
    rooms.perform("inc-1")
    steps = ladder(rooms.service(SERVICE), rooms.store.measures(SERVICE))
    assert steps[1].answers
    assert steps[1].version == "A"


def test_the_page_tells_the_switch_the_guards_and_the_trouble() -> None:
    rooms = Rooms()
    rooms.open_incident()
    pages = TestClient(app_of(rooms))
    before = pages.get(f"/services/{SERVICE}").text
    assert "None: every call goes its usual way." in before
    assert "numeric drift (dep_hour, version B)" in before
    assert "a shift of 0.4 sd within 24 h" in before
    assert "134 % spent" in pages.get("/").text
    rooms.write("inc-1", Draft(EntryKind.APPROVED, "yes", {"measure": "msr-1"}, by="ada"))
    rooms.perform("inc-1")
    rooms.trouble = "The store cannot be reached."
    after = pages.get(f"/services/{SERVICE}").text
    assert "100% of all calls to version A" in after
    assert "stale" in after
    assert "behind" in after
    assert after.index("Nothing is judged now.") < after.index("<h1>")


def test_every_objective_has_a_card_with_what_is_left_and_how_fast_it_burns() -> None:
    cards = TestClient(app_of(Rooms())).get(f"/services/{SERVICE}").text.split('<li class="promise ')[1:]
    by_name = {re.search(r"<h3>(.*?)</h3>", card).group(1): card for card in cards}  # type: ignore[union-attr]
    assert [card.partition('"')[0] for card in cards] == ["kept", "page", "broken", "ticket", "unmeasured"]
    assert "79 %" in by_name["availability"]
    assert "of the budget left" in by_name["availability"]
    assert "34 %</b><span>overdrawn" in by_name["quality"]
    assert "too few slices to tell" in by_name["quality"]
    assert by_name["speed"].count('class="holds page"') == 1
    assert "Burns 16.2 times as fast as allowed over 1 h and 5 min." in by_name["speed"]
    assert "1,216 of 38,000 events bad" in by_name["speed"]
    assert "Take a new one with fireline init" in by_name["alike"]
    assert [card.count('class="burn-down') for card in cards] == [1, 1, 1, 1, 0]


@given(st.lists(st.floats(-1e4, 1), max_size=99), st.integers(1, 400))
def test_the_plot_of_a_budget_can_always_be_drawn(lefts: list[float], hours: int) -> None:
    curve = tuple((NOW + i * timedelta(hours=hours), left) for i, left in enumerate(lefts))
    budget = ErrorBudget(
        "a < b", "x", 0.9, "28 days", "events", "kept", lefts[-1] if lefts else 1.0, curve=curve
    )
    drawn = str(burn_down(budget, ZoneInfo("America/New_York")))
    assert (drawn == "") is (len(curve) < 2)
    assert "nan" not in drawn
    assert "a < b" not in drawn


def test_an_unknown_service_is_said_to_be_unknown() -> None:
    assert TestClient(app_of(Rooms())).get("/services/none").status_code == 404


def test_a_sparkline_without_traffic_is_still_a_drawing() -> None:
    assert "No traffic" in str(spark([]))
    assert str(spark([(NOW, 0), (NOW, 5)])).count("<rect") == 2


def test_where_no_event_names_its_rung_no_share_is_made_up() -> None:
    rooms = Rooms()
    view = rooms.service(SERVICE)
    columns = view.runbook.columns.model_copy(update={"rung": None})
    silent = replace(view, rungs={}, runbook=view.runbook.model_copy(update={"columns": columns}))
    assert [step.told for step in ladder(silent, [])] == [False] * len(view.runbook.ladder)
    assert all(step.told for step in ladder(view, []))
    rooms.service = lambda name: silent  # type: ignore[method-assign,assignment]
    page = TestClient(app_of(rooms)).get(f"/services/{SERVICE}").text
    assert "answers nothing now" not in page
    assert "what answers as a rule: no event names the rung that answered" in page
