"""Runs of jobs: read from a file of JSON lines, as they are sent to a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fireline.clock import parse_time
from fireline.errors import InputError, Where
from fireline.terms.quarantine import BadRow, cut
from fireline.terms.run import Run, run_of

SHAPE = '{"at": time, "job": name, "run": id, "state": "succeeded", "started": time, "finished": time}'


def read_runs(path: Path | str, service: str, zone: str = "UTC") -> tuple[list[Run], list[BadRow]]:
    """The runs of ``service`` in a JSON-lines file, oldest first, and the lines that could not be used.

    A row without a service is of this one; one without ``at`` is dated by when it finished or started. Raises
    InputError when the file cannot be read at all.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise InputError(
            f"the runs cannot be read: {error.strerror}", where=Where(file=str(path)), todo="look at the path"
        ) from None
    found: list[Run] = []
    bad: list[BadRow] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("the line is not a JSON object")
            if row.get("service") in (None, "", service):
                found.append(dated(row, zone))
        except (ValueError, RecursionError) as error:
            raw = cut(line[:4000].decode(errors="replace"))
            todo = f"write one run a line: {SHAPE}"
            bad.append(BadRow(str(path), "bad_run", cut(str(error), 300), todo, number, number, raw=raw))
    return sorted(found, key=lambda r: (r.at, r.job, r.run)), bad


def dated(row: dict[str, Any], zone: str) -> Run:
    """The run that ``row`` tells of, dated by its ``at``, or by when it finished or started. Raises
    ValueError."""
    when = next((row[name] for name in ("at", "finished", "started") if row.get(name)), None)
    if when is None:
        raise ValueError("the run has no time: give `at`, `finished` or `started`")
    try:
        at = parse_time(str(when), zone)
    except ValueError:
        raise ValueError(f"{str(when)[:60]!r} is not a time") from None
    return run_of(row, at, zone)
