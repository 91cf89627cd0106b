"""What comes from outside never becomes markup or script, wherever it is shown."""

# ruff: noqa: E501
from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from fireline.runbook.schema import Runbook
from fireline.terms.timeline import Draft, EntryKind
from fireline.web.pages.prose import prose
from tests.support import sample_incidents
from tests.support.rooms import RUNBOOK, Rooms, app_of, measure

NASTY = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><svg onload=alert(1)>",
    "'; alert(1); '",
    "{{ 7 * 7 }}{% raw %}",
    "</title></style><body onload=alert(1)>",
    "javascript:alert(1)",
    "a\u202eb\u0000c]]>",
    "\r\nevent: head\r\ndata: <b>x</b>\r\n\r\n",
)


class Tags(HTMLParser):
    """Every tag with its attributes, and what the data islands hold."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.islands: list[str] = []
        self._in = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in = tag == "data"

    def handle_endtag(self, tag: str) -> None:
        self._in = False if tag == "data" else self._in

    def handle_data(self, data: str) -> None:
        if self._in and data.strip():
            self.islands.append(data)


def innocent(page: str) -> None:
    """No tag, attribute or script in ``page`` that our templates do not write."""
    found = Tags()
    found.feed(page)
    for tag, attributes in found.tags:
        assert tag not in ("img", "iframe", "object", "embed", "base", "style", "foreignobject"), tag
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (
            tag,
            attributes,
        )
        for name in ("href", "src", "action", "formaction", "hx-get", "hx-post", "sse-connect"):
            target = attributes.get(name)
            assert target is None or target.startswith(("/", "?", "#", "https://", "http://", "data:,")), (
                target
            )
        if tag == "script":
            assert str(attributes.get("src", "")).startswith("/assets/")
    for island in found.islands:
        json.loads(island)


def poisoned(value: Any, text: str, key: str = "") -> Any:
    """``value`` with ``text`` in every string that is not a time, a kind or a number."""
    if isinstance(value, dict):
        return {k: poisoned(v, text, k) for k, v in value.items()} | (
            {f"col{text}": text} if key == "slice" else {}
        )
    if isinstance(value, list):
        return [poisoned(v, text, key) for v in value]
    plain = {"t", "kind", "cause", "at", "fired_at", "urgency", "id", "severity", "family"}
    return f"{value}{text}" if isinstance(value, str) and key not in plain else value


def hostile(text: str) -> Rooms:
    rooms = Rooms(
        runbook=Runbook.from_plain(
            {**RUNBOOK.plain(), "service": f"svc {text}".replace("\x00", ""), "purpose": text}
        )
    )
    rooms.open_incident(title=f"moved {text}", asked=False,
                        evidence=[poisoned(e.as_json(), text) for e in sample_incidents.exhibits()])  # fmt: skip
    K = EntryKind
    asked = measure(because=text, expected=text, dry_run=text, params={"from": text, text: "A"}).as_json()
    rooms.write(
        "inc-1",
        Draft(K.CAUSES, text, {"causes": [poisoned(c.as_json(), text) for c in sample_incidents.causes()]}),
        Draft(K.ALERTED, text, {"alert": poisoned(sample_incidents.alerts()[1].as_json(), text)}),
        Draft(K.SLICE, text, {"slice": {f"carrier{text}": text}}),
        Draft(K.NEXT, text, {"checks": [text]}),
        Draft(K.NOTE, text, {"text": f"note {text} [link](javascript:alert(1)) ![i](x)"}, by=text),
        Draft(K.ROLE, text, {"role": "ops", "person": text}, by=text),
        Draft(K.MOVED, text or "x", {"to": "containing"}),
        Draft(K.ASKED, text, {"measure": asked, "default": text, "due": "2013-03-18T11:40:00Z"}),
        Draft(K.REVIEW, text, {"review": poisoned(sample_incidents.review().as_json(), text)}),
    )  # fmt: skip
    return rooms


@pytest.mark.parametrize("text", NASTY)
def test_nothing_from_outside_becomes_markup(text: str) -> None:
    rooms = hostile(text)
    pages = TestClient(app_of(rooms), follow_redirects=False)
    service = next(iter(rooms.runbooks))
    for address in ("/", "/incidents", "/incidents/inc-1"):
        answer = pages.get(address)
        assert answer.status_code == 200
        assert "\u202e" not in answer.text, "nothing turns the text around it"
        innocent(answer.text)
    quiet = pages.post("/incidents/inc-1/note", data={"text": text}, headers={"hx-request": "true"})
    innocent(quiet.text)
    refused = pages.post("/incidents/inc-1/resolve", data={"text": text, "key": f"resolve{text}"})
    assert refused.status_code == 409
    innocent(refused.text)
    innocent(pages.post("/incidents", data={"service": text, "title": text}).text)
    innocent(pages.get("/incidents", params={"service": text, "state": text}).text)
    answer = pages.get(f"/services/{quote(service, safe='')}")
    innocent(answer.text)
    assert answer.status_code == (404 if "\n" in service else 200)


def test_a_name_from_outside_ends_no_event_of_a_stream() -> None:
    from fireline.web.pages.stream import event

    lines = event("head", "a\r\nevent: x\r\rdata: y\u2028z\n\n", 3).splitlines()
    assert lines[:2] == ["event: head", "id: 3"]
    *data, last = lines[2:]
    assert data
    assert all(line.startswith("data: ") for line in data)
    assert not last


@pytest.mark.parametrize(
    "text",
    [
        *NASTY,
        "[x](javascript:alert(1))",
        "<a href='javascript:alert(1)'>x</a>",
        "![x](http://tracker.example/a.png)",
        "[x](data:text/html,1)",
        "[x](/logout)",
        "[x](//evil.example)",
    ],
)
def test_prose_is_harmless(text: str) -> None:
    innocent(str(prose(text)))


def test_prose_reads_markdown() -> None:
    drawn = str(prose("see [the run](https://ci.example/1), `dep_hour`\n\n- a\n- b"))
    assert '<a href="https://ci.example/1" rel="noopener noreferrer nofollow">the run</a>' in drawn
    assert "<code>dep_hour</code>" in drawn
    assert drawn.count("<li>") == 2


def test_the_pages_forbid_what_is_not_theirs() -> None:
    answer = TestClient(app_of(Rooms())).get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
