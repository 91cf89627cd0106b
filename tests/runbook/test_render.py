"""The page for 3 a.m."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fireline.runbook.check import check
from fireline.runbook.load import parse
from fireline.runbook.reference import as_markdown, json_schema
from fireline.runbook.render import Form, render
from fireline.runbook.schema import Runbook
from tests.support.books import READY

FORMS: tuple[Form, ...] = ("md", "html")


@pytest.mark.parametrize("form", FORMS)
def test_the_page_says_who_what_and_how_far_back(form: Form) -> None:
    page = render(parse(READY).runbook, form)
    wanted = [
        "Ada",
        "+1 555 0100",
        "Roll back to v1.",
        "AUC 0.8 in January",
        "99 % of answers without an error",
    ]
    wanted += ["last year", "40 hotels", "without an answer in 15 minutes it does it", "every 30 minutes"]
    assert [says for says in wanted if says not in page] == []
    assert "Not ready" not in page
    assert "not ready" not in page


@pytest.mark.parametrize("form", FORMS)
def test_gaps_are_shown_and_not_hidden(form: Form) -> None:
    bare = Runbook.from_plain(
        {
            "service": "x",
            "columns": {"time": "t"},
            "reference": {"since": "2026-01-01", "until": "2026-02-01"},
        }
    )
    page = render(bare, form)
    for says in (
        "not written down",
        "nobody is named",
        "No version is known to be good",
        "no fallback ladder",
        "No channel",
    ):
        assert says in page
    file = parse(READY.replace("role: incident commander", "role: ops"))
    assert "nobody is named as incident commander" in render(file.runbook, form, check(file, baseline=True))


def test_the_html_page_needs_nothing_from_outside() -> None:
    page = render(parse(READY).runbook, "html")
    assert not re.search(r"""(src|href|url\()\s*=?\s*["']?(https?:)?//""", page)
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_what_people_write_cannot_break_the_page() -> None:
    text = READY.replace("name: Ada,", "name: '<script>alert(1)</script> {{ 7*7 }} | *x*',")
    runbook = parse(text).runbook
    html, markdown = render(runbook, "html"), render(runbook, "md")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }}" in html
    assert r"\<script\>alert(1)\</script\> {{ 7\*7 }} \| \*x\*" in markdown


def test_the_reference_page_in_the_docs_is_the_schema() -> None:
    page = Path("docs/reference/runbook.md").read_text(encoding="utf-8")
    assert page == as_markdown(), (
        "make it anew: fireline runbook schema --markdown -o docs/reference/runbook.md"
    )


def test_every_key_is_described() -> None:
    def keys(schema: dict[str, object], name: str) -> list[str]:
        properties = schema.get("properties", {})
        assert isinstance(properties, dict)
        return [
            f"{name}.{key}"
            for key, field in properties.items()
            if not field.get("description") and "$ref" not in field
        ]

    schema = json_schema()
    bare = keys(schema, "runbook") + [
        key for name, part in schema["$defs"].items() for key in keys(part, name)
    ]
    assert bare == []
    page = as_markdown()
    assert all(f"`{name}`" in page for name in Runbook.model_fields)
    assert schema["properties"]["watch"]["default"] == "1d"
