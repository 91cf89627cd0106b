"""In a real Chromium: the room is live, commands work, nothing typed is lost, and it fits every screen."""

# ruff: noqa: E501
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from fireline.terms.incident import State
from fireline.terms.measure import MeasureState
from fireline.terms.timeline import Draft, EntryKind
from tests.pages.conftest import Served
from tests.support.rooms import SERVICE, Rooms

Look = Callable[..., Any]


def live(page: Any) -> Any:
    """The page once its line to the server stands; marked, so that a reload would be noticed."""
    page.locator("#live-state", has_text=re.compile("^live$")).wait_for()
    page.evaluate("window.sameDocument = true")
    return page


def same(page: Any) -> bool:
    return bool(page.evaluate("window.sameDocument === true"))


def note(text: str, by: str = "bob") -> Draft:
    return Draft(EntryKind.NOTE, text, {"text": text}, by=by)


def test_an_entry_appears_without_a_reload(rooms: Rooms, look: Look) -> None:
    rooms.open_incident()
    page = live(look("/incidents/inc-1"))
    rooms.write("inc-1", note("The feature team is told."))
    entry = page.locator("#room-timeline li.new", has_text="The feature team is told.")
    entry.wait_for()
    assert "bob" in entry.inner_text()
    assert same(page)


def test_typed_words_open_folds_and_the_focus_outlive_an_update(rooms: Rooms, look: Look) -> None:
    rooms.open_incident()
    page = live(look("/incidents/inc-1"))
    page.locator("#resolving summary").click()
    page.locator("#why-resolve").fill("half a sen")
    page.locator("#note-text").fill("half a note")
    page.locator("#why-msr-1").press_sequentially("becau")
    rooms.write("inc-1", Draft(EntryKind.ROLE, "bob is ops", {"role": "ops", "person": "bob"}, by="bob"))
    page.locator("#room-people", has_text="bob").wait_for()
    rooms.write("inc-1", Draft(EntryKind.ACKED, "bob has it", {"person": "bob"}, by="bob"))
    page.locator("#room-head", has_text="bob").wait_for()
    page.keyboard.type("se")
    assert page.locator("#why-msr-1").input_value() == "because"
    assert page.locator("#why-resolve").input_value() == "half a sen"
    assert page.locator("#why-resolve").is_visible()
    assert page.locator("#note-text").input_value() == "half a note"
    assert same(page)


def test_approve_then_confirmed_in_traffic_then_undo(rooms: Rooms, look: Look) -> None:
    rooms.open_incident()
    page = live(look("/incidents/inc-1"))
    assert re.search(r"unanswered, it is left alone in 1\d min", page.locator("#room-decision").inner_text())
    page.locator("#why-msr-1").fill("A is fine")
    page.get_by_role("button", name="Approve").click()
    page.locator("#room-ledger .chip.requested").wait_for()
    assert page.locator("#room-decision").inner_text().strip() == ""
    approved = rooms.store.entries("inc-1")[-1]
    assert (approved.kind, approved.by, approved.because) == (EntryKind.APPROVED, "ada", "A is fine")

    rooms.perform("inc-1")
    page.locator("#room-ledger .chip.confirmed").first.wait_for()
    assert re.search(r"rollback of B to A\s+ends in 23 h", page.locator("#room-head").inner_text())
    page.locator("#change-msr-1 summary").click()
    page.locator("#why-msr-1").fill("it was not B")
    page.get_by_role("button", name="Undo").click()
    page.locator("#room-ledger .chip.requested").wait_for()
    assert rooms.store.incident("inc-1").measures[-1].because == "it was not B"
    assert same(page)


def test_deny(rooms: Rooms, look: Look) -> None:
    rooms.open_incident()
    page = live(look("/incidents/inc-1"))
    page.get_by_role("button", name="Deny").click()
    page.locator("#room-ledger", has_text="denied").wait_for()
    assert rooms.store.measure("msr-1").state is MeasureState.DENIED
    assert same(page)


def test_a_note_is_written_and_its_box_is_empty_again(rooms: Rooms, look: Look) -> None:
    rooms.open_incident()
    page = live(look("/incidents/inc-1"))
    page.locator("#note-text").fill("It was **the clock**")
    page.get_by_role("button", name="Add note").click()
    page.locator("#room-timeline strong", has_text="the clock").wait_for()
    page.wait_for_function("document.getElementById('note-text').value === ''")
    assert rooms.store.entries("inc-1")[-1].by == "ada"


def test_a_refusal_stands_beside_the_button_and_a_resolve_goes_through(rooms: Rooms, look: Look) -> None:
    rooms.open_incident(asked=False)
    page = live(look("/incidents/inc-1"))
    page.locator("#waiving summary").click()
    page.get_by_role("button", name="Waive", exact=True).click()
    page.locator("#form-waive .refused", has_text="needs a reason").wait_for()

    rooms.recover("inc-1")
    page.locator("#room-head", has_text="Verifying").wait_for()
    page.locator("#resolving summary").click()
    page.locator("#why-resolve").fill("quiet for a day")
    page.get_by_role("button", name="Resolve", exact=True).click()
    page.locator("#room-head", has_text="Resolved").first.wait_for()
    assert rooms.store.incident("inc-1").state is State.RESOLVED
    assert same(page)


def test_a_refused_resolve_keeps_what_was_typed(rooms: Rooms, look: Look) -> None:
    rooms.open_incident()
    page = live(look("/incidents/inc-1"))
    page.locator("#resolving summary").click()
    page.locator("#why-resolve").fill("I think it is over")
    page.get_by_role("button", name="Resolve", exact=True).click()
    page.locator("#form-resolve .refused").wait_for()
    assert page.locator("#why-resolve").input_value() == "I think it is over"
    rooms.write("inc-1", note("meanwhile"))
    page.locator("#room-timeline", has_text="meanwhile").wait_for()
    assert page.locator("#why-resolve").input_value() == "I think it is over"


def test_what_came_while_the_line_was_cut_is_made_up(rooms: Rooms, served: Served, look: Look) -> None:
    rooms.open_incident()
    page = live(look("/incidents/inc-1"))
    served.stop()
    page.locator("#live-state", has_text="not live").wait_for()
    rooms.write(
        "inc-1", note("while it was dark"), Draft(EntryKind.DENIED, "no", {"measure": "msr-1"}, by="bob")
    )
    served.start()
    page.locator("#room-timeline", has_text="while it was dark").wait_for()
    page.locator("#room-ledger", has_text="denied").wait_for()
    rooms.write("inc-1", note("and goes on"))
    page.locator("#room-timeline", has_text="and goes on").wait_for()
    assert same(page)


def test_what_was_written_between_the_page_and_its_line_is_not_lost(rooms: Rooms, look: Look) -> None:
    rooms.open_incident()
    page = look("/about")
    page.route(
        "**/incidents/inc-1/events*",
        lambda route: (rooms.write("inc-1", note("just then")), route.continue_())[1],
    )
    page.goto(page.url.replace("/about", "/incidents/inc-1"))
    page.locator("#room-timeline", has_text="just then").wait_for()


def test_home_shows_a_new_incident_and_a_clock_that_jumps(rooms: Rooms, look: Look) -> None:
    page = live(look("/"))
    assert "Nothing waits for a person" in page.locator(".waits").inner_text()
    rooms.open_incident()
    page.locator(".waits", has_text="rollback of B to A?").wait_for()
    assert same(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dark_and_light_by_the_system_and_by_the_button(look: Look, scheme: str) -> None:
    page = look("/", scheme=scheme)

    def dark() -> bool:
        red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
        return int(red) < 128

    assert dark() == (scheme == "dark")
    page.get_by_role("button", name="Switch between light and dark").click()
    assert dark() != (scheme == "dark")
    page.reload()
    assert dark() != (scheme == "dark"), "what was chosen stays"


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_no_page_is_wider_than_the_screen(rooms: Rooms, look: Look, width: int) -> None:
    rooms.open_incident(title="a_very_long_name_of_a_feature_that_nobody_would_ever_break_" * 3)
    page = look("/", width=width)
    for path in ("/", "/incidents/inc-1", f"/services/{SERVICE}", "/incidents", "/about"):
        page.goto("/".join(page.url.split("/")[:3]) + path)
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, (path, over)


def test_the_keyboard_reaches_everything(rooms: Rooms, look: Look) -> None:
    rooms.open_incident()
    page = live(look("/incidents/inc-1"))
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        outlined = page.evaluate(
            "getComputedStyle(document.activeElement).outlineStyle !== 'none' || document.activeElement === document.body"
        )
        assert outlined, "where the keyboard is can be seen"
    assert {"Home", "Acknowledge", "why-msr-1", "Approve", "Deny"} <= reached


def test_drawings_that_came_later_can_be_read_out(rooms: Rooms, look: Look) -> None:
    rooms.open_incident()
    page = live(look("/incidents/inc-1"))
    shown = [dict(one, title="Shown later") for one in rooms.store.incident("inc-1").evidence[:1]]
    rooms.write("inc-1", Draft(EntryKind.EVIDENCE, "more", {"evidence": shown}))
    chart = page.locator("figure", has_text="Shown later").locator(".wide svg.series").first
    chart.wait_for()
    # Nothing below is drawn anew any more while one points at the chart.
    page.locator("#room-timeline li.new").wait_for(state="attached")
    chart.scroll_into_view_if_needed()
    chart.hover()
    page.locator("#tip", has_text="seen").wait_for()


def test_the_traffic_is_plotted(look: Look) -> None:
    page = look(f"/services/{SERVICE}")
    page.locator(".uplot canvas").wait_for()
    assert not page.locator(".plain-plot").is_visible()
    cards = page.locator(".promise")
    assert cards.count() == 5
    plot, bar = cards.nth(1).locator("svg.burn-down"), cards.nth(1).locator("meter")
    assert plot.bounding_box()["height"] > 60
    assert bar.evaluate("meter => meter.value") == pytest.approx(0.36)
    red, green, _ = map(int, re.findall(r"\d+", page.evaluate(
        "getComputedStyle(document.querySelector('.burns .holds.page td')).color"))[:3])  # fmt: skip
    assert red > 2 * green, "what fires a page is red"


def test_a_viewer_sees_the_room_live_and_no_button(rooms: Rooms, look: Look) -> None:
    rooms.open_incident()
    page = live(look("/incidents/inc-1", who="vic"))
    rooms.write("inc-1", note("seen by all"))
    page.locator("#room-timeline", has_text="seen by all").wait_for()
    assert page.locator("main button").count() == 0


def test_a_hostile_name_runs_nothing(rooms: Rooms, look: Look) -> None:
    nasty = "<img src=x onerror='window.hurt=1'><script>window.hurt=1</script>"
    rooms.open_incident(title=nasty)
    page = live(look("/incidents/inc-1"))
    rooms.write("inc-1", note(nasty), Draft(EntryKind.NEXT, "x", {"checks": [nasty]}))
    page.locator("#room-timeline", has_text="window.hurt").first.wait_for()
    assert page.evaluate("window.hurt") is None
    assert nasty in page.locator("h1").inner_text()


def test_the_room_works_without_scripts(rooms: Rooms, served: Served, chromium: Any) -> None:
    rooms.open_incident()
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.url}/incidents/inc-1")
    page.locator("#why-msr-1").fill("by hand")
    page.get_by_role("button", name="Approve").click()
    page.locator("#room-ledger .chip.requested").wait_for()
    assert rooms.store.entries("inc-1")[-1].because == "by hand"
    context.close()
