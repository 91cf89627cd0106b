"""The report is one safe file that shows everything the incidents say, and looks after those with little of it."""

# ruff: noqa: E501
from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from fireline.web import report
from fireline.web.marks import Mark, Marks
from fireline.web.report import _charts
from fireline.web.series import Metric
from tests.support import sample_incidents as sample

VOID = {"meta", "input", "br", "img", "link"}
SAFE_SVG = {"path", "rect", "line", "circle", "g", "svg", "text", "title"}


class Page(HTMLParser):
    """Elements, attributes and text, and whether every element is closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif tag not in VOID:
            self.wrong.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def html() -> str:
    incident, _ = sample.deploy_incident()
    return report.render([sample.ticket_incident().as_json(), incident.as_json()], sample.summary())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_element_is_closed_and_every_id_is_unique(page: Page):
    assert not page.wrong
    assert not page.open
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.elements:
        if "aria-labelledby" in attrs:
            assert attrs["aria-labelledby"] in ids
        if (attrs.get("href") or "").startswith("#"):
            assert attrs["href"][1:] in ids


def test_nothing_is_fetched_and_only_its_own_script_may_run(html: str, page: Page):
    for tag, attrs in page.elements:
        assert "src" not in attrs, tag
        assert tag not in ("link", "img", "iframe", "object", "base")
        assert not any(name.startswith("on") for name in attrs)
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv")]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]+=*'", policy)
    assert "url(" not in html.split("<style>")[1].split("</style>")[0]
    assert [s.get("type") for s in page.all("script")].count(None) == 1


def test_the_policy_allows_the_script_that_is_there(html: str):
    from base64 import b64encode
    from hashlib import sha256

    script = html.rsplit("<script>", 1)[1].split("</script>")[0]
    assert b64encode(sha256(script.encode()).digest()).decode() in html


def test_the_briefing_answers_six_questions(page: Page):
    for words in ("What happened", "Since when", "Who is hit", "Likely cause", "What would have been done",
                  "18 March 2013, 05:54 to 06:14", "Rollback of B to A", "AUC: 0.69 with A in shadow, 0.65 as served by B"):  # fmt: skip
        assert words in page.text


def test_everything_the_incident_says_is_there(page: Page):
    incident = sample.deploy_incident()[0].as_json()
    for cause in incident["causes"]:
        for reason in [*cause["supports"], *cause["contradicts"]]:
            assert reason.lower() in page.text.lower()
    for exhibit in incident["evidence"]:
        assert exhibit["title"] in page.text
    for entry in incident["timeline"]:
        assert entry["because"].rstrip(".").lower() in page.text.lower(), entry
    for item in incident["review"]["action_items"]:
        assert item["what"] in page.text
    for verdict in incident["verdicts"]:
        assert verdict["because"].lower() in page.text.lower()
    assert "1 ruled out" in page.text
    assert "time is three hours ahead" in page.text
    assert "shadow" in page.text


def test_times_are_the_services_own_with_utc_beside(page: Page):
    fired = [t for t in page.all("time") if t.get("datetime") == "2013-03-18T11:20:00Z"]
    assert fired
    assert all("UTC" in (t.get("title") or "") for t in fired)
    assert "18 March 2013, 07:20" in page.text


def test_the_worst_comes_first_and_tickets_are_folded(html: str):
    assert html.index('<article id="inc-1"') < html.index('<article id="inc-2"')
    folds = re.findall(r'<details class="fold"( open)?>', html)
    assert folds == [" open", ""]


def test_charts_mark_what_happened_and_say_what_they_show(page: Page):
    charts = [s for s in page.all("svg") if "chart" in (s.get("class") or "")]
    assert all(s.get("aria-label") for s in charts)
    assert any(s.get("tabindex") == "0" for s in charts)
    classes = [attrs.get("class") for _, attrs in page.elements]
    for kind in (
        "mark page",
        "mark change",
        "mark measure",
        "mark verdict",
        "onset",
        "band",
        "bar before",
        "bar after",
    ):
        assert kind in classes


def test_numbers_behind_a_chart_are_whole(html: str):
    body = re.search(r'class="numbers" hidden>(.*?)</data>', html, re.S)
    numbers = json.loads(body[1])
    series = sample.hourly()
    assert numbers["seen"] == series["seen"]
    assert len(numbers["t"]) == len(numbers["local"]) == len(series["t"])
    assert numbers["local"][0] == "Fri 1 Mar 00:00"


def test_hostile_text_stays_text():
    everywhere = {
        "service": sample.HOSTILE,
        "notes": [sample.HOSTILE],
        "quarantined": {sample.HOSTILE: 1},
        "made_by": sample.HOSTILE,
    }
    poisoned = report.render([sample.hostile()], sample.summary() | everywhere)
    page = Page(poisoned)
    assert not page.wrong
    assert not page.open
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert all(not name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert "<script>alert('x')</script>" in page.text
    assert "\u202e" not in poisoned
    for link in page.all("a"):
        assert (link.get("href") or "").startswith(("#", "http"))


def test_a_link_that_is_no_address_is_not_a_link():
    incident = sample.deploy_incident()[0].as_json()
    incident["causes"][0]["change"]["link"] = "javascript:alert(1)"
    assert "javascript:alert" not in report.render([incident], sample.summary())


def test_no_incident_is_a_good_page():
    page = Page(report.render([], sample.summary()))
    assert "Nothing paged." in page.text
    assert "The smallest effects that would have been noticed" in page.text
    assert "214 monitors were watching: 120 on the drift of the inputs" in page.text
    assert not page.wrong


def test_a_summary_and_an_incident_with_nearly_nothing_still_make_a_page():
    bare = {"id": "inc-9", "service": "s", "title": "t", "state": "suspected", "mode": "replay", "severity": None,
            "opened_at": "2013-03-18T11:20:00Z", "timeline": [{"seq": 1, "at": "2013-03-18T11:20:00Z", "kind": "brand_new",
                                                               "by": "fireline", "because": "why not"}]}  # fmt: skip
    bare["evidence"] = [{"kind": "metric", "title": "empty", "because": "", "data": {"t": [], "seen": []}},
                        {"kind": "metric", "title": "flat", "because": "", "data": {
                            "t": ["2013-03-18T11:20:00Z"], "seen": [float("nan")], "usual": [None]}},
                        {"kind": "histogram", "title": "none", "because": "", "data": {"cells": []}},
                        {"kind": "hologram", "title": "new", "because": "", "data": {"x": 1}}]  # fmt: skip
    page = Page(report.render([bare], {}))
    assert not page.wrong
    assert "brand new" in page.text
    assert "No tick of this metric could be judged." in page.text


def test_the_same_incidents_give_the_same_bytes(html: str):
    incident, _ = sample.deploy_incident()
    again = report.render([incident.as_json(), sample.ticket_incident().as_json()], sample.summary())
    assert again == html


def test_written_whole_or_not_at_all(tmp_path):
    path = report.write(tmp_path / "report.html", [], {})
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    line = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * line[0] + 0.7152 * line[1] + 0.0722 * line[2]


@pytest.mark.parametrize("theme", [r":root \{(.*?)\}", r':root\[data-theme="dark"\] \{(.*?)\}'])
def test_colours_of_text_can_be_read(html: str, theme: str):
    colours = dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6})\b", re.search(theme, html, re.S)[1]))
    colours.setdefault("on", "#ffffff")
    on_card = (
        "ink",
        "soft",
        "page",
        "ticket",
        "change",
        "measure",
        "verdict",
        "sev1",
        "sev2",
        "sev3",
        "good",
        "onset",
    )
    pairs = [(name, ground) for name in on_card for ground in ("card", "paper")]
    pairs += [
        ("on", "sev1"),
        ("on", "sev2"),
        ("on", "sev3"),
        ("on", "none"),
        ("soft", "wash"),
        ("ink", "wash"),
    ]
    for name, ground in pairs:
        high, low = sorted((_luminance(colours[name]), _luminance(colours[ground])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (name, ground)


def test_what_was_merged_is_shown_but_not_counted():
    incident, ticket = sample.deploy_incident()[0].as_json(), sample.ticket_incident().as_json()
    merged = {**incident, "id": "inc-3", "state": "merged", "severity": "SEV1"}
    html = report.render([merged, ticket, incident], sample.summary())
    assert "1 incident paged, the worst a SEV2; 1 ticket." in Page(html).text
    assert html.index('<article id="inc-2"') < html.index('<article id="inc-3"')


def test_plain_numbers_and_sentences_in_the_summary_are_understood():
    summary = {**sample.summary(), "monitors": 77, "quarantined": ["3 of 90 rows put aside", "bad_time: 3 rows"],
               "bad_changes": ["changes.jsonl:4: no time"]}  # fmt: skip
    text = Page(report.render([], summary)).text
    assert "77 monitors were watching" in text
    assert "3 of 90 rows put aside" in text
    assert "changes.jsonl:4: no time" in text


def test_an_alert_that_fires_again_and_again_is_one_row():
    incident = sample.deploy_incident()[0].as_json()
    first = incident["alerts"][0]
    incident["alerts"] = [
        first,
        *({**first, "id": f"alr-{k}", "fired_at": f"2013-03-19T{k:02d}:00:00Z"} for k in range(10, 20)),
    ]
    html = report.render([incident], sample.summary())
    assert "× 11" in Page(html).text
    assert html.split("<h3>Alerts</h3>")[1].split("</section>")[0].count("<tr>") == 2


def test_a_young_incident_is_shown_around_its_onset_too():
    since = datetime(2026, 3, 2, tzinfo=UTC)
    at = [since + timedelta(minutes=15 * i) for i in range(240)]
    metric = Metric(at, [0.1] * 240, [0.1] * 240, [0.0] * 240, [0.2] * 240, [9.0] * 240, "", [None] * 240)
    marked = Marks((Mark("page", at[-1], ""),), (at[-2], at[-1]))
    assert [one["name"] for one in _charts(metric, marked, ZoneInfo("UTC"), "m", 720)] == [
        "",
        "Around the onset",
    ]
