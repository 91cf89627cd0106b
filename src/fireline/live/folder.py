"""The folder a server keeps its state in: one process at a time, and a name that outlasts the process."""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fireline.errors import StateError, Where

LOCK = "server.lock"


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Holds ``folder`` for this process alone; the system lets go of it when the process ends, however.

    Raises StateError when another process holds it.
    """
    with (folder / LOCK).open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateError(
                "another server runs on this folder", where=Where(file=str(folder)),
                todo="stop it, or give each server a --data folder of its own",
            ) from None  # fmt: skip
        yield


def spool_id(folder: Path) -> str:
    """What names this folder among those of other servers on the same store: made once."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "spool.id"
    if not place.exists():
        partial = place.with_name("spool.id.part")
        partial.write_text(secrets.token_hex(4))
        partial.replace(place)
    return place.read_text().strip()


def filename(service: str) -> str:
    """The service's name as a folder's: letters, digits, dots and dashes stay, the rest is written in hex."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else f"%{ord(c):x}" for c in service)
