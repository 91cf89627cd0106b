"""Severity: how bad, with the reason said."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """SEV1 is the worst. When unsure, the higher one."""

    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"

    def at_least(self, other: Severity) -> bool:
        """Whether this is as bad as ``other`` or worse."""
        return self.value <= other.value
