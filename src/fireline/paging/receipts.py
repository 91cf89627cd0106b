"""What the journal is told of a page: that it was sent, or that nobody was reached."""

from __future__ import annotations

from fireline.errors import ChannelError
from fireline.terms.page import CALLS, Page, PageKind
from fireline.terms.timeline import Draft, EntryKind

_WORDS = {
    PageKind.PAGE: "Paged",
    PageKind.REPAGE: "Paged again",
    PageKind.ESCALATE: "Escalated",
    PageKind.UPDATE: "Told how it stands",
    PageKind.RESOLVED: "Told that it is over",
}


def paged(page: Page, by: str) -> Draft:
    """The entry of a page that was sent."""
    said = f"{_WORDS[page.kind]} by {page.channel} ({page.to})."
    because = f"{said} {page.because}".strip() if page.kind in CALLS else said
    data = {"page": page.kind.value, "channel": page.channel, "to": page.to, "key": page.key}
    return Draft(EntryKind.PAGED, because, data, by=by)


def not_paged(page: Page, trouble: ChannelError, by: str) -> Draft:
    """The entry of a page that was given up."""
    text = f"Nobody was reached by {page.channel} ({page.to or 'unknown'}): {trouble}"
    data = {"text": text, "page": page.kind.value, "channel": page.channel, "key": page.key}
    return Draft(EntryKind.NOTE, text, data, by=by)
