"""A review as Markdown or as one HTML page. Nothing from the log is trusted: every value is escaped."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from fireline.clock import parse_time
from fireline.terms import words
from fireline.terms.review import Review

_SPECIAL = re.compile(r"([\\`*_\[\]|#~!])")


def render_markdown(review: Review) -> str:
    """The review as Markdown; values cannot become markup, and a table's cells stay in their columns."""
    text = (
        _environment(html=False)
        .get_template("review.md.j2")
        .render(review=review, when=_When(review.timezone))
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def render_html(review: Review) -> str:
    """The review as a self-contained HTML page."""
    return (
        _environment(html=True)
        .get_template("review.html.j2")
        .render(review=review, when=_When(review.timezone))
    )


@cache
def _environment(*, html: bool) -> ImmutableSandboxedEnvironment:
    """The templates; in Markdown what could be HTML is escaped too, since renderers let it through."""
    found = ImmutableSandboxedEnvironment(
        loader=PackageLoader("fireline.learn"), autoescape=html, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    found.filters["md"] = markdown
    found.filters["fence"] = fence
    found.filters["share"] = words.share
    found.filters["spaced"] = lambda value: str(value).replace("_", " ")
    return found


def markdown(value: object) -> str:
    """``value`` as plain words on one line of Markdown.

    >>> markdown("a|b <script>")
    'a\\\\|b &lt;script&gt;'
    """
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", text)


def fence(value: str) -> str:
    """A fence longer than any run of backticks in ``value``."""
    longest = max((len(run) for run in re.findall(r"`+", value)), default=0)
    return "`" * max(3, longest + 1)


class _When:
    """A filter: an ISO time in words in the service's time zone."""

    def __init__(self, timezone: str) -> None:
        self.timezone = timezone

    def __call__(self, at: str | datetime | None) -> str:
        if at is None:
            return "not yet"
        return words.day_time(parse_time(at) if isinstance(at, str) else at, self.timezone)
