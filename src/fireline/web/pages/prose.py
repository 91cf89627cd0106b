"""What people write (notes, reviews) as Markdown, and nothing of it as markup that does anything."""

from __future__ import annotations

from functools import cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

TAGS = frozenset(
    "a blockquote br code del em h3 h4 h5 h6 hr li ol p pre strong table tbody td th thead tr ul".split()
)
LINKS = frozenset({"http", "https", "mailto"})


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
            url_schemes=set(LINKS),
            link_rel="noopener noreferrer nofollow",
        )
    )


@cache
def _reader() -> MarkdownIt:
    return (
        MarkdownIt("commonmark", {"html": False, "linkify": False})
        .enable(["table", "strikethrough"])
        .disable("image")
    )
