"""Server-sent events: what changed of a page, as small pieces of HTML, when the journal grows.

An event's id is how far the journal had come. Who connects says what they have (``since``, or the browser's
``Last-Event-ID``); if that is not all there is they get every section at once, and from then on the sections
that changed. So whatever was missed while the line was cut is made up by the first event after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from fireline.clock import iso
from fireline.errors import FirelineError
from fireline.web.auth.who import Who
from fireline.web.pages.room import SECTIONS, Room, draw_section, known_of, look

if TYPE_CHECKING:
    from fireline.live.running import Running

BEAT = 3.0
"""Seconds after which the server's time is told again: it keeps countdowns right and finds cut lines."""

CALM, CALM_NEWS = 0.2, 1.0
"""Seconds of rest after something was sent. What comes meanwhile is sent together after it."""

RETRY_MS = 1000


def event(name: str, data: str, number: int | None = None) -> str:
    """One event as it goes over the wire.

    >>> event("head", "a\\nb", 7)
    'event: head\\nid: 7\\ndata: a\\ndata: b\\n\\n'
    """
    head = f"event: {name}\n" + (f"id: {number}\n" if number is not None else "")
    return head + "".join(f"data: {line}\n" for line in data.splitlines() or [""]) + "\n"


def drawn(room: Room, who: Who, now: datetime, csrf: str, newest: bool) -> dict[str, str]:
    """Every section of the room."""
    known = known_of(room, who, now, csrf, newest)
    return {section: draw_section(room, section, known) for section in SECTIONS}


async def of_room(
    request: Request, running: Running, name: str, who: Who, csrf: str, since: int, newest: bool
) -> AsyncIterator[str]:
    """The events of one incident's room, until whoever looks goes away."""

    def current() -> tuple[Room, dict[str, str]]:
        room = look(running, name)
        return room, drawn(room, who, running.clock.now(), csrf, newest)

    seen = await running.news.wait(-1, 0)
    room, sections = await run_in_threadpool(current)
    yield f"retry: {RETRY_MS}\n\n" + event("clock", iso(running.clock.now()))
    sent = room.seq
    prints = {section: _print(text) for section, text in sections.items()}
    if since != room.seq:
        for section, text in sections.items():
            yield event(section, text, room.seq)
    while not await request.is_disconnected():
        seen = await running.news.wait(seen, BEAT)
        yield event("clock", iso(running.clock.now()))
        try:
            room = await run_in_threadpool(look, running, name)
            if room.seq == sent:
                continue
            room, sections = await run_in_threadpool(current)
        except FirelineError:
            continue  # the store is away for a moment: the next beat asks again, and nothing is skipped
        sent = room.seq
        for section, text in sections.items():
            if prints.get(section) != _print(text):
                prints[section] = _print(text)
                yield event(section, text, room.seq)
        await asyncio.sleep(CALM)


async def of_news(request: Request, running: Running) -> AsyncIterator[str]:
    """The number of entries ever written, each time it grows: pages that show much ask again then."""
    seen = await running.news.wait(-1, 0)
    yield f"retry: {RETRY_MS}\n\n" + event("clock", iso(running.clock.now()))
    while not await request.is_disconnected():
        now = await running.news.wait(seen, BEAT)
        yield event("clock", iso(running.clock.now()))
        if now != seen:
            seen = now
            yield event("news", str(now), now)
            await asyncio.sleep(CALM_NEWS)


def wire(lines: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """The events as bytes."""
    return (line.encode() async for line in lines)


def _print(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=12).digest()
