"""Runbooks and logs for the tests of this area."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

READY = """\
fireline: 1
service: pricing
purpose: Says what a room should cost tonight.
timezone: Europe/Paris
task: binary
ownership:
  team: Revenue
  contacts:
    - {name: Ada, role: incident commander, reach: +1 555 0100}
    - {name: Grace, role: ops, reach: pager ops}
    - {name: Mary, role: ML owner, reach: +1 555 0102}
    - {name: Joan, role: comms, reach: "#prices"}
exposure: {users: 40 hotels, harm: medium}
columns:
  time: time
  request_id: request_id
  version: version
  segments: [country]
  features: {rooms: numeric, country: categorical}
  score: score
  label: label
  label_time: label_time
  status: status
  latency_ms: latency_ms
labels: {age: 6h, usual_share: 0.9}
reference: {since: 2026-01-01, until: 2026-02-01}
slos:
  - {name: up, indicator: availability, objective: 0.99}
severity:
  - {when: {urgency: page}, severity: SEV1, because: Guests pay wrong prices.}
decisions:
  - when: {cause: deploy}
    action: rollback
    authority: ask
    unanswered: do
    because: Undo first.
ladder:
  - {name: current, kind: current}
  - {name: last year's price, kind: rules, fails: closed}
last_known_good: {version: v1, known_by: AUC 0.8 in January, since: 2026-01-01}
watch: 24h
retraining: 30d
comms: {channels: ["#prices"]}
"""


def log(rows: int = 3_000, days: float = 20.0, seed: int = 0, **more: Any) -> pa.Table:
    """A log with every usual role under a name of its own sort; ``more`` adds or replaces columns."""
    rng = np.random.default_rng(seed)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    at = [start + timedelta(days=days * i / rows) for i in range(rows)]
    score = rng.random(rows)
    known = [t + timedelta(hours=2 + i % 5) for i, t in enumerate(at)]
    columns: dict[str, Any] = {
        "timestamp": pa.array(at, pa.timestamp("us", tz="UTC")),
        "request_id": [f"r{i:06d}" for i in range(rows)],
        "model_version": ["v1"] * rows,
        "country": rng.choice(["fr", "de", "no"], rows).tolist(),
        "rooms": rng.integers(1, 400, rows),
        "rate": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(80, 9, rows)),
        "score": score,
        "prediction": (score > 0.5).astype(np.int64),
        "duration_ms": rng.lognormal(3, 0.4, rows),
        "http_status": np.where(rng.random(rows) < 0.01, 503, 200),
        "is_toxic": rng.random(rows) < 0.002,
        "user_id": [f"u{n}" for n in rng.integers(0, 10**9, rows)],
        "label": (rng.random(rows) < score).astype(np.int64),
        "label_time": pa.array(known, pa.timestamp("us", tz="UTC")),
    }  # fmt: skip
    columns |= more
    return pa.table({name: value for name, value in columns.items() if value is not None})
