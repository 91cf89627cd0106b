"""A service as its runbook tells it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fireline.detect.baseline import Baseline
from fireline.runbook.schema import Runbook


@dataclass(frozen=True)
class Book:
    """A service as its runbook tells it, with what was usual: read when the server starts, and again when
    another baseline is in force."""

    runbook: Runbook
    baseline: Baseline
    path: Path
    text: str
