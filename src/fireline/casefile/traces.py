"""A finding's monitor over time, as triage and verification read it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from fireline.clock import from_micros, micros
from fireline.detect.judge import Judge
from fireline.reader import CountsReader
from fireline.terms.alert import Finding
from fireline.triage.case import Trace


def trace(judge: Judge, read: CountsReader, finding: Finding, since: datetime, now: datetime) -> Trace | None:
    """The finding's monitor over [since, now], the channel that moved most."""
    found = judge.trace(finding, read, micros(since), micros(now))
    if found is None:
        return None
    first, seconds, reading = found
    start = from_micros(first * seconds * 1_000_000)
    recent = max(0, int(((finding.since or finding.at) - start).total_seconds() // seconds))
    z = np.where(reading.valid, reading.z, np.nan)
    lead = _leading(z[recent:] if recent < len(z) else z)
    sign = 1.0 if finding.direction == "up" else -1.0
    valid = reading.valid[:, lead]
    return Trace(
        start=start,
        grain=seconds,
        seen=np.where(valid, reading.seen[:, lead], np.nan),
        usual=reading.usual[:, lead].astype(np.float64),
        n=np.where(valid, reading.weight[:, lead], np.nan),
        z=sign * z[:, lead] * np.sqrt(judge.inflation_of(finding)),
        infl=judge.inflation_of(finding),
    )


def _leading(z: Any) -> int:
    """The channel whose residuals lie farthest from 0 on average."""
    with np.errstate(all="ignore"):
        sums = np.abs(np.nansum(z, axis=0)) / np.sqrt(np.maximum(np.isfinite(z).sum(axis=0), 1))
    return int(np.argmax(sums)) if sums.size else 0
