"""Ports for servers of tests, and apps that listen on them: nobody else is given the same port in between."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import uvicorn

LOWEST, BEYOND = 20_000, 32_000
"""Below what systems give to those who ask for any port (Linux from 32768 on, others from 49152 on)."""
_next = itertools.count(os.getpid() * 97)
_marks: deque[socket.socket] = deque()
MARKS = 100
"""How many are held: a test that asks for more of them at once there is none."""


def free_port() -> int:
    """A port nobody listens on, for a server that begins later, or dies and begins again at the same address.

    A port that was asked for from the system and closed may be given to somebody else a moment later. This
    one lies where the system gives none away, no two calls give the same, and the UDP port of that number is
    held as a mark for other test processes.
    """
    for number in itertools.islice(_next, BEYOND - LOWEST):
        port = LOWEST + number % (BEYOND - LOWEST)
        if _nobody_at(port):
            return port
    raise AssertionError(f"no port from {LOWEST} to {BEYOND} is free")


def _nobody_at(port: int) -> bool:
    mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        mark.bind(("127.0.0.1", port))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        mark.close()
        return False
    _marks.append(mark)
    if len(_marks) > MARKS:
        _marks.popleft().close()
    return True


@contextlib.contextmanager
def listening(app: Any, **more: Any) -> Iterator[str]:
    """``app`` on a free port of this machine; its address. ``more`` are uvicorn's settings."""
    # With the protocol named, asyncio turns Nagle's algorithm off, as it does for `fireline serve`.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, **{"log_level": "error", **more}))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    end = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive(), "the server ended before it had started"
        assert time.monotonic() < end, "the server did not start within a minute"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
