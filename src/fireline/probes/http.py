"""A canary over HTTP: one request to the address the runbook names, and to no other."""

from __future__ import annotations

import json
import os
from time import perf_counter

from fireline.errors import ChannelError, SettingsError, Where
from fireline.outgoing import exchange, target
from fireline.probes import Answer
from fireline.runbook.canaries import Canary

KIND = "http"
LARGEST = 1 << 20
ENV = "env:"


def sent(canary: Canary) -> Answer:
    """The answer to one request. Raises SettingsError for an address that is none, or a secret not set."""
    to = target(_revealed(canary.url, "url"), canary.allow_private, "url")
    headers = {"Content-Type": "application/json", "User-Agent": "fireline-canary"}
    headers |= {name: _revealed(text, f"headers.{name}") for name, text in canary.headers.items()}
    body = None if canary.body is None else _body(canary.body)
    began = perf_counter()
    try:
        status, answer = exchange(to, body, headers, canary.timeout.total_seconds(), canary.method, LARGEST)
    except ChannelError as error:
        return Answer(0, "", 1000 * (perf_counter() - began), str(error.message))
    return Answer(status, answer.decode(errors="replace"), 1000 * (perf_counter() - began))


def _body(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _revealed(text: str, key: str) -> str:
    if not text.startswith(ENV):
        return text
    held = os.environ.get(text.removeprefix(ENV), "").strip()
    if not held:
        name = text.removeprefix(ENV)
        raise SettingsError(f"${name} is not set", todo=f"export {name}", where=Where(key=key))
    return held
