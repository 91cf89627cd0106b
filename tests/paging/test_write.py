"""What a page says: read on a phone at 3 a.m., and nobody but Fireline writes its lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fireline.oncall.write import Telling, written
from fireline.terms.page import PageKind
from fireline.terms.timeline import Draft
from tests.lifecycle.make import K, cause, measure, moved, performed
from tests.paging.duty import Night, acked, severity

GOLDEN = Path(__file__).parent / "golden"


def whole() -> Night:
    """An incident with everything in it that a page can say."""
    night = Night().begin(level=None)
    night.write(
        Draft(K.SEVERITY, "Many are hit.", {"severity": "SEV2", "title": "version B: AUC 0.65, usual 0.72"}),
        Draft(
            K.ONSET,
            "Told from traces.",
            {"earliest": "2013-03-18T05:30:00Z", "latest": "2013-03-18T05:45:00Z"},
        ),
        Draft(K.SLICE, "Told from raw events.", {"slice": {"carrier": "UA", "dep_hour": [6, 9]}}),
        Draft(K.CAUSES, "deploy", {"causes": [cause().as_json()]}),
        Draft(K.NEXT, "look", {"checks": ["Compare the new version's inputs with the old one's"]}),
    )
    return night


def text(night: Night) -> str:
    night.ask()
    return night.pages[-1].message.text


def test_the_first_page_reads_like_this():
    night = whole()
    question = {"measure": measure(authority="ask", simulated=False), "default": "do"}
    night.write(Draft(K.ASKED, "the table says ask", {**question, "due": "2013-03-18T06:15:00Z"}))
    assert text(night) == (GOLDEN / "page.txt").read_text(encoding="utf-8").rstrip("\n")


def test_a_page_again_reads_like_this():
    night = whole()
    night.write(Draft(K.REQUESTED, "do", {"measure": measure(simulated=False)}), moved("containing"))
    night.ask()
    night.at += timedelta(minutes=5)
    night.ask()
    night.write(acked(), severity("SEV1"), *performed())
    night.at += timedelta(minutes=1)
    assert text(night) == (GOLDEN / "raised.txt").read_text(encoding="utf-8").rstrip("\n")


def test_the_end_reads_like_this():
    night = whole()
    night.ask()
    night.at += timedelta(hours=2, minutes=3)
    night.move("verifying")
    night.move("resolved", "the figures are as usual since 03:50")
    assert text(night) == (GOLDEN / "resolved.txt").read_text(encoding="utf-8").rstrip("\n")


def test_what_only_observes_says_so():
    night = whole()
    night.write(Draft(K.REQUESTED, "do", {"measure": measure()}))
    assert "Only observing: it would have done this: rollback of B to A." in text(night)


def test_a_drill_says_so_first():
    assert text(Night().begin(mode="drill")).startswith("[DRILL] SEV2 flights:")


def test_without_an_address_there_is_no_link_and_no_word_of_one():
    night = Night(base_url="").begin()
    said = text(night)
    assert "link" not in said
    assert "http" not in said


@given(st.text(max_size=300), st.text(max_size=300), st.sampled_from(list(PageKind)))
def test_whatever_a_service_is_called_and_its_title_says_the_lines_stay_ours(
    title: str, name: str, kind: PageKind
):
    night = whole()
    incident = replace(night.journal.now, title=title, service=name, slice={"city": title})
    usual = written(night.journal.now, kind, Telling("https://f"), night.at)
    message = written(incident, kind, Telling("https://f"), night.at)
    assert len(message.title) <= 90
    assert message.text.count("\n") == usual.text.count("\n")
    assert [c for c in message.text if not c.isprintable() and c != "\n"] == []
    assert message.text.splitlines()[0] == message.title
    assert len(message.text) < 2000
