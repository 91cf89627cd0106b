"""Runs of jobs that a running server was told of, judged by their rules; each broken rule is told once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from fireline.clock import from_micros
from fireline.detect.jobs import broken, findings
from fireline.runbook.schema import Runbook
from fireline.store import Store, Tx
from fireline.store.facts import read_facts
from fireline.terms.alert import Finding
from fireline.terms.run import Run, run_of

REMEMBERED = timedelta(days=60)
MOST_RUNS = 5_000
MOST_KEYS = 5_000


class JobWatch:
    """One service's jobs. ``runs`` are those told of in the last 60 days, oldest first."""

    def __init__(self, store: Store, runbook: Runbook, since: int) -> None:
        self.store, self.runbook, self.begin = store, runbook, from_micros(since)
        self.runs: Sequence[Run] = ()
        kept = store.get_state(self._name)
        self._told: dict[str, None] | None = dict.fromkeys(json.loads(kept.body)) if kept else None

    @property
    def _name(self) -> str:
        return f"jobs:{self.runbook.service}"

    def look(self, until: int, told: bool = True) -> tuple[list[Finding], list[str]]:
        """What became known by ``until`` (microseconds) and was not told yet, and the keys of all that was.

        What broke before the server began to judge is history. Where no run was ever ``told`` of, none is
        looked for.
        """
        end, rules = from_micros(until), self.runbook.jobs
        facts = (
            read_facts(self.store, "job", self.runbook.service, end - REMEMBERED, MOST_RUNS) if told else ()
        )
        self.runs = tuple(run_of(fact.body, fact.at, self.runbook.timezone) for fact in facts)
        if not self.runs and not rules:
            return [], list(self._told or ())
        every = broken(self.runs, rules, self.begin, end)
        known = (
            self._told
            if self._told is not None
            else dict.fromkeys(o.key for o in every if o.at <= self.begin)
        )
        fresh = [one for one in every if one.key not in known]
        return findings(fresh, rules), [*known, *(one.key for one in fresh)][-MOST_KEYS:]

    def keep(self, tx: Tx, told: Sequence[str]) -> None:
        """Writes what was told, where that is news, with what else the step writes."""
        if list(self._told or ()) != list(told):
            tx.put_state(self._name, 0, json.dumps(told).encode())
            self._told = dict.fromkeys(told)
