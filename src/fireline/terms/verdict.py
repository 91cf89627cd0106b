"""A verdict: whether a measure helped, or whether the service is well again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from fireline.clock import iso


class VerdictKind(StrEnum):
    """What was found."""

    EFFECTIVE = "effective"
    INEFFECTIVE = "ineffective"
    UNDECIDED = "undecided"
    RECOVERED = "recovered"
    RELAPSED = "relapsed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict; ``simulated`` when it rests on shadow scores or a control instead of contained live
    traffic."""

    at: datetime
    verdict: VerdictKind
    because: str
    measure: str | None = None
    simulated: bool = False
    figures: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "at": iso(self.at),
            "verdict": self.verdict.value,
            "because": self.because,
            "measure": self.measure,
            "simulated": self.simulated,
            "figures": dict(self.figures),
        }
