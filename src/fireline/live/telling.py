"""Rows that tell a fact: changes, runs of jobs. From a mapping to what the store keeps, or why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fireline.clock import parse_time
from fireline.ids import stable_id
from fireline.store.facts import Fact, FactKind
from fireline.telemetry.changes import change_of
from fireline.terms.run import run_of


def fact(kind: FactKind, service: str, at: datetime, said: Mapping[str, Any]) -> Fact:
    """A fact named after what it says: told twice it is one."""
    ident = stable_id(kind, service, json.dumps(said, sort_keys=True, default=str), at.isoformat())
    return Fact(ident, service, kind, at, said)


def change_in(row: Mapping[str, Any], service: str) -> Fact:
    """The deploy, config change or campaign that ``row`` tells of; ``service`` where it names none.

    Raises ValueError, TypeError or KeyError for a row that tells of none.
    """
    change = change_of({"service": service, **row}, service)
    return fact("change", change.service, change.at, change.as_json())


def job_in(row: Mapping[str, Any], service: str, now: datetime) -> Fact:
    """The run of a job that ``row`` tells of. Raises ValueError for a row that tells of none."""
    said = row.get("at") or row.get("time")
    at = parse_time(str(said)) if said else now
    run_of(row, at)  # what cannot be judged later is refused now
    return fact("job", str(row.get("service") or service), at, dict(row))
