"""HTTP as the guard needs it: one request, one answer, one time limit, no proxy and no redirect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

MOST = 4_000_000
Trouble = (OSError, HTTPException, ValueError)
"""What an exchange raises when the other side cannot be reached or makes no sense."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: ``headers`` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def connection(url: str, timeout: float) -> HTTPConnection:
    """A connection to ``url``'s host. Raises ValueError where ``url`` is not http or https."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a Fireline server: it begins with http:// or https://")
    made = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return made(parts.hostname, parts.port, timeout=timeout)


def exchange(
    wire: HTTPConnection, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
) -> Answer:
    """One request over ``wire`` and its whole answer (at most 4 MB). Raises one of Trouble."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        wire.request(method, path, body, dict(headers))
        reply = wire.getresponse()
        text = reply.read(MOST + 1)
        if len(text) > MOST:
            raise ValueError("the answer is too long to be one of a Fireline server")
        return Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, text)
    finally:
        wire.close()
