"""What people write (notes, reviews) as Markdown, and nothing of it as markup that does anything."""

from __future__ import annotations

from functools import cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

TAGS = frozenset(
    [
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
LINKS = ("https://", "http://", "mailto:")


def prose(text: object) -> Markup:
    """``text`` as sanitised HTML: Markdown is read, HTML in it is shown as what it is, links go out safely.

    >>> print(prose("**look** <script>alert(1)</script>"))
    <p><strong>look</strong> &lt;script&gt;alert(1)&lt;/script&gt;</p>
    """
    drawn = _reader().render(str(text)).strip()
    return Markup(
        nh3.clean(
            drawn,
            tags=set(TAGS),
            attributes={"a": {"href", "title"}},
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
        )
    )


@cache
def _reader() -> MarkdownIt:
    found = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    setattr(found, "validateLink", _leads_out)  # noqa: B010
    return found


def _leads_out(address: str) -> bool:
    """Whether a link names where it goes in full: one into this server could be a command."""
    return address.lower().startswith(LINKS)
