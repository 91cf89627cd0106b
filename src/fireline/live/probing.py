"""Canaries of a running server: each sent when it is due, its result taken like any other signal."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fireline.clock import iso
from fireline.errors import FirelineError
from fireline.live.running import Running
from fireline.probes import Answer, kinds
from fireline.probes._expected import wrong
from fireline.runbook.canaries import Canary

LOG = logging.getLogger("fireline")
AT_ONCE = 8
JSONL = "application/x-ndjson"


def sent(canary: Canary) -> Answer:
    """Send a canary by its kind's probe."""
    return kinds()[canary.kind].sent(canary)


def result(canary: Canary, answer: Answer, at: datetime) -> dict[str, Any]:
    """A canary's run as a signal."""
    trouble = wrong(canary.expect, answer)
    row = {"at": iso(at), "kind": "canary", "name": canary.name, "ok": not trouble,
           "latency_ms": round(answer.took_ms, 3)}  # fmt: skip
    return row | ({"message": trouble} if trouble else {})


@dataclass(eq=False)
class Probing:
    """Sends every service's canaries while this server leads; called after each look of the loop.

    Canaries run in threads of their own, at most one at a time of each: one that hangs delays no other. What
    cannot be sent as it is written is a failed run too.
    """

    running: Running
    send: Callable[[Canary], Answer] = sent
    _due: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _flying: dict[tuple[str, str], Future[None]] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="canary")
    )

    def __call__(self, running: Running) -> None:
        """Sends what is due."""
        if not running.leads or running.drill:
            return
        now = running.clock.now()
        for service, book in running.runbooks.items():
            for canary in book.canaries:
                key = (service, canary.name)
                flying = self._flying.get(key)
                if self._due.get(key, now) <= now and (flying is None or flying.done()):
                    self._due[key] = now + canary.every
                    self._flying[key] = self._pool.submit(self._one, service, canary, now)

    def _one(self, service: str, canary: Canary, at: datetime) -> None:
        try:
            answer = self.send(canary)
        except FirelineError as error:
            LOG.warning("%s: the canary %s cannot be sent: %s", service, canary.name, error)
            answer = Answer(0, "", 0.0, error.message)
        body = json.dumps(result(canary, answer, at)).encode() + b"\n"
        try:
            self.running.take(service, "signals", body, JSONL, f"canary:{canary.name}:{iso(at)}", "")
        except FirelineError as error:  # too much waits: the canary's silence will say so
            LOG.warning("%s: the canary %s ran and was not taken: %s", service, canary.name, error)
