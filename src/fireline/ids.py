"""Identifiers: short, stable, and the same when the same thing is named again."""

from __future__ import annotations

from hashlib import blake2b


def stable_id(prefix: str, *parts: object, size: int = 5) -> str:
    """``prefix-`` and ``2 * size`` hex digits that depend on ``parts`` alone.

    Replays must be byte-equal and a tick done twice must name the same thing, so no identifier is random.

    >>> stable_id("inc", "flights", "2013-03-18T06:00:00Z")
    'inc-cbb8bc42a1'
    """
    text = "\x1f".join(str(part) for part in parts).encode("utf-8", "surrogatepass")
    return f"{prefix}-{blake2b(text, digest_size=size).hexdigest()}"
