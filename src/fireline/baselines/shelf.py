"""Where a service's baselines lie: in the store, so that one transaction puts another in force.

Whoever dies in the middle of it leaves the old one in force: there is nothing between the two.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from fireline.clock import iso
from fireline.detect.baseline import Baseline
from fireline.errors import StoreError
from fireline.runbook.schema import Runbook
from fireline.store import Store, Tx
from fireline.store.glance import tell
from fireline.terms.proposal import Proposal, Shelf

MOST_PROPOSALS = 20


def base_of(runbook: Runbook, baseline: Baseline) -> str:
    """What a service's baselines stand on: its columns, labels, zone and task, and the runbook's own
    baseline."""
    parts = runbook.plain()
    told = {name: parts[name] for name in ("columns", "labels", "timezone", "task")}
    text = json.dumps([told, baseline.plan.as_json(), baseline.since, baseline.until], sort_keys=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def shelf_of(store: Store, service: str, base: str) -> Shelf:
    """The service's shelf; an empty one when there is none, or when the runbook's own baseline is another."""
    kept = store.get_state(f"baselines:{service}")
    found = Shelf.of_json(json.loads(kept.body)) if kept is not None else Shelf(base)
    return found if found.base == base else Shelf(base)


def put(tx: Tx, service: str, shelf: Shelf, was: Shelf) -> None:
    """Keep ``shelf`` in place of ``was``; of decided proposals the newest. Raises StoreError when somebody
    else decided something meanwhile."""
    tx.put_state(f"baselines-turn:{service}", 0, b"")  # held until the end: one decides at a time
    kept = tx.get_state(f"baselines:{service}")
    there = Shelf.of_json(json.loads(kept.body)) if kept is not None else None
    if there is not None and there.base == shelf.base and there.journal != was.journal:
        raise StoreError(f"the baselines of {service} changed meanwhile", todo="look again", permanent=False)
    waiting = [one for one in shelf.proposals if one.standing == "proposed"]
    decided = [one for one in shelf.proposals if one.standing != "proposed"][-MOST_PROPOSALS:]
    body = json.dumps(replace(shelf, proposals=(*decided, *waiting)).as_json(), sort_keys=True)
    tx.put_state(f"baselines:{service}", shelf.begins, body.encode())
    was_in_force = (there.active, there.begins, there.base) if there is not None else ("", 0, shelf.base)
    if was_in_force != (shelf.active, shelf.begins, shelf.base):
        tell(tx)


def said(shelf: Shelf, at: datetime, what: str, by: str, because: str, **more: Any) -> Shelf:
    """``shelf`` with a line in its journal."""
    line: Mapping[str, Any] = {"at": iso(at), "what": what, "by": by, "because": because, **more}
    return replace(shelf, journal=(*shelf.journal, line))


def put_file(tx: Tx, service: str, name: str, baseline: Baseline) -> None:
    """Keep a baseline's file under its name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "baseline.npz"
        baseline.save(path)
        tx.put_state(f"baseline:{service}:{name}", baseline.until, path.read_bytes())


def file_of(store: Store, service: str, name: str) -> Baseline | None:
    """The baseline kept under ``name``, or None."""
    kept = store.get_state(f"baseline:{service}:{name}")
    if kept is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "baseline.npz"
        path.write_bytes(kept.body)
        return Baseline.load(path)


def find(shelf: Shelf, name: str) -> Proposal | None:
    """The proposal of that id, or whose id begins so when only one does."""
    found = [one for one in shelf.proposals if one.id.startswith(name)] if name else []
    return found[0] if len(found) == 1 else next((one for one in found if one.id == name), None)
