"""Where a guard's server is and how the two know each other: arguments, else the environment."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from fireline.clock import Clock, SystemClock
from fireline.errors import InputError, Where
from fireline.guard.kept import state_folder
from fireline.ids import stable_id

_made = count()


@dataclass(frozen=True, slots=True)
class Settings:
    """The server's ``url`` ("" for none), the ``token`` shown to it, the ``key`` its switches are signed with
    (b"" for none: then no switch is obeyed), and the folder where switches are kept."""

    url: str
    token: str
    key: bytes
    folder: Path


def settings(url: str | None, token: str | None, key: str | None, folder: Path | str | None) -> Settings:
    """What was given, else FIRELINE_URL, FIRELINE_TOKEN, FIRELINE_SWITCH_KEY (hex) and FIRELINE_STATE.

    Raises InputError for a key that is not hexadecimal.
    """
    url = os.environ.get("FIRELINE_URL", "") if url is None else url
    token = os.environ.get("FIRELINE_TOKEN", "") if token is None else token
    key = os.environ.get("FIRELINE_SWITCH_KEY", "") if key is None else key
    folder = folder or os.environ.get("FIRELINE_STATE") or state_folder()
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        raise InputError(
            "the switch key is not hexadecimal",
            where=Where(key="FIRELINE_SWITCH_KEY"),
            todo="copy it as the server shows it",
        ) from None
    return Settings(url.rstrip("/"), token, raw, Path(folder))


def wall_of(clock: Clock | None) -> Callable[[], float]:
    """A function that gives ``clock``'s time in seconds since 1970; the system's, cheaply, where it is
    None."""
    if clock is None or type(clock) is SystemClock:
        return time.time
    given = clock
    return lambda: given.now().timestamp()


def new_id(service: str) -> str:
    """A guard's own id: another one for each process, each start and each guard, however coarse the clock."""
    own = (socket.gethostname(), os.getpid(), time.time_ns(), next(_made))
    return stable_id("guard", service, *own, size=6)
