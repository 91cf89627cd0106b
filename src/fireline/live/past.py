"""The past, taken in before a server runs: triage compares with it, nothing of it is judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from fireline.clock import SystemClock
from fireline.ids import stable_id
from fireline.ingest import log_of
from fireline.live.book import open_books
from fireline.recording import Recorder
from fireline.store import Store
from fireline.store.facts import Fact, add_facts
from fireline.telemetry.changes import read_changes
from fireline.telemetry.lake import Lake

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Past:
    """How much of the past was taken in."""

    events: int
    labels: int
    changes: int


def take_past(
    store: Store,
    folder: Path,
    runbook_path: Path,
    events: Sequence[Path],
    changes: Path | None,
    progress: Progress,
    lake: Path | None = None,
) -> Past:
    """Record ``events`` into the server's ``folder`` and ``store``, each file once.

    Raises InputError when a file cannot be read.
    """
    book = open_books([runbook_path])[0]
    runbook, now = book.runbook, SystemClock().now()
    log = log_of(runbook, events, lambda path, i, n: progress(f"reading {path.name}", i / max(n, 1)))
    mark = blake2b("\n".join(sorted(_mark(path) for path in events)).encode(), digest_size=6).hexdigest()
    recorder = Recorder(
        book.baseline.plan, runbook, store, Lake(lake or folder / "lake"), prefix=f"past-{mark}-"
    )
    recorder.take(log, now, lambda done, n: progress("counting events", done / max(n, 1)))
    with store.begin() as tx:
        kept = tx.get_state(f"versions:{runbook.service}")
        known = json.loads(kept.body) if kept else {}
        seen = {**recorder.versions, **{v: min(t, recorder.versions.get(v, t)) for v, t in known.items()}}
        tx.put_state(f"versions:{runbook.service}", 0, json.dumps(seen, sort_keys=True).encode())
    told = read_changes(changes, runbook.service, runbook.timezone)[0] if changes else []
    facts = [
        Fact(stable_id("change", runbook.service, json.dumps(c.as_json(), sort_keys=True), c.at.isoformat()),
             runbook.service, "change", c.at, c.as_json())
        for c in told
    ]  # fmt: skip
    add_facts(store, facts, now)
    return Past(log.rows, len(log.labels), len(told))


def _mark(path: Path) -> str:
    seen = path.stat()
    return f"{path.name} {seen.st_size}"
