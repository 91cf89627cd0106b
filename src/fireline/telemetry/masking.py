"""Messages by template: what differs from one to the next is masked, so that they can be counted, and nothing
personal stays in them."""

from __future__ import annotations

import re

LONGEST = 200

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), mask)
    for pattern, mask in (
        (r"\b[a-zA-Z][a-zA-Z0-9+.-]*://\S+", "<url>"),
        (r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b", "<mail>"),
        (r"\"[^\"]*\"|'[^']*'|`[^`]*`", "<text>"),
        (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "<id>"),
        (r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b", "<address>"),
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?\b", "<time>"),
        (r"(?<![\w/])/(?:[\w.-]+/)+[\w.-]*", "<path>"),
        (r"\b(?=[0-9a-zA-Z_-]*\d)[0-9a-zA-Z_-]{12,}\b", "<id>"),
        (r"\b0x[0-9a-fA-F]+\b", "<n>"),
        (r"(?<![a-zA-Z<])[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?", "<n>"),
    )
)


def template(message: str) -> str:
    """``message`` with addresses, ids, quoted parts, times and numbers masked, on one line, at most 200
    characters.

    >>> template('GET user 4711 from "cache-7" at 10.0.0.3:6379 timed out after 250 ms')
    'GET user <n> from <text> at <address> timed out after <n> ms'
    """
    found = " ".join(message[:4_000].split())
    for pattern, mask in _MASKS:
        found = pattern.sub(mask, found)
    return found[:LONGEST]
