"""What a database refuses, in words: every driver's error becomes a StoreError that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from fireline.errors import StoreError
from fireline.store.tables import ONE_IN_FLIGHT

BUSY = ("locked", "busy", "lock timeout", "deadlock", "could not serialize")
LOST = ("connection", "server closed", "terminating")


@contextmanager
def in_words() -> Iterator[None]:
    """Turn what SQLAlchemy raises inside into StoreError; ``permanent`` False where trying again may do."""
    try:
        yield
    except sa.exc.SQLAlchemyError as e:
        raise said(e) from e


def said(error: sa.exc.SQLAlchemyError) -> StoreError:
    """The StoreError for ``error``."""
    text = str(getattr(error, "orig", None) or error).strip()
    low = text.lower()
    if any(word in low for word in BUSY):
        return StoreError(f"the store is busy: {text}", todo="the same again may succeed", permanent=False)
    if "append-only" in low or "without gaps" in low:
        return StoreError(text, todo="write a new entry that corrects the old one")
    if isinstance(error, sa.exc.OperationalError) and any(word in low for word in LOST):
        return StoreError(f"the store cannot be reached: {text}", todo="see that it runs", permanent=False)
    if "file is not a database" in low:
        return StoreError(text, todo="name another file: this one is something else")
    return StoreError(f"the store refused: {text}", todo="this should not happen: please report it")


def is_second_in_flight(error: sa.exc.IntegrityError) -> bool:
    """Whether ``error`` is the index that allows one measure in flight per service."""
    diag = getattr(error.orig, "diag", None)
    if diag is not None:
        return bool(diag.constraint_name == ONE_IN_FLIGHT)
    return str(error.orig).endswith("measures.service")
