"""Evidence: what was seen, frozen before anything is touched, in a form a page can draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

EvidenceKind = Literal["metric", "histogram", "slices", "versions", "table", "note"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One exhibit: ``data`` is JSON (lists and numbers) in the shape its ``kind`` says.

    metric      {"t": [iso], "seen": [x|null], "usual": [x|null], "low": [..], "high": [..], "n": [..],
                "unit": str}
    histogram   {"cells": [label], "before": [share], "after": [share], "unit": str}
    slices      {"rows": [{"slice": {col: value or [lo, hi]}, "n": int, "before": x, "after": x, "lift": x}],
                "figure": str}
    versions    {"rows": [{"version": str, "shadow": bool, "n": int, figure: x, ...}], "figures": [str]}
    table       {"columns": [str], "rows": [[...]]}
    note        {"text": str}
    """

    kind: EvidenceKind
    title: str
    because: str
    data: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "title": self.title, "because": self.because, "data": dict(self.data)}
