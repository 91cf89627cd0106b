"""A measure: one applied action on production, in a ledger, expiring and undoable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from fireline.clock import iso

Authority = Literal["observe", "ask", "auto"]


class MeasureState(StrEnum):
    """Where a measure stands. The first four are in flight: at most one such measure per service."""

    ASKED = "asked"
    REQUESTED = "requested"
    CLAIMED = "claimed"
    APPLIED = "applied"
    CONFIRMED = "confirmed"
    UNDONE = "undone"
    FAILED = "failed"
    DENIED = "denied"
    EXPIRED = "expired"
    FREED = "freed"


IN_FLIGHT = frozenset(
    {MeasureState.ASKED, MeasureState.REQUESTED, MeasureState.CLAIMED, MeasureState.APPLIED}
)
LIVE = IN_FLIGHT | {MeasureState.CONFIRMED}


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure with its expected and measured effect.

    ``simulated`` measures were not performed: authority is observe, or the incident is a replay. ``ordinal``
    counts the measures of a service in the order of their requests; the store gives it, 0 until then.
    """

    id: str
    incident: str
    service: str
    action: str
    params: Mapping[str, Any]
    because: str
    authority: Authority
    state: MeasureState
    requested_at: datetime
    simulated: bool
    expected: str = ""
    dry_run: str = ""
    inverse: Mapping[str, Any] = field(default_factory=dict)
    temporary: bool = True
    expires_at: datetime | None = None
    applied_at: datetime | None = None
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    approver: str | None = None
    receipt: Mapping[str, Any] = field(default_factory=dict)
    effect: Mapping[str, Any] | None = None
    ordinal: int = 0

    @property
    def in_flight(self) -> bool:
        return self.state in IN_FLIGHT

    def as_json(self) -> dict[str, Any]:
        """The measure as ``incidents.json`` shows it."""

        def at(when: datetime | None) -> str | None:
            return iso(when) if when else None

        return {
            "id": self.id,
            "action": self.action,
            "params": dict(self.params),
            "state": self.state.value,
            "requested_at": iso(self.requested_at),
            "applied_at": at(self.applied_at),
            "confirmed_at": at(self.confirmed_at),
            "ended_at": at(self.ended_at),
            "expires_at": at(self.expires_at),
            "because": self.because,
            "authority": self.authority,
            "simulated": self.simulated,
            "temporary": self.temporary,
            "approver": self.approver,
            "expected": self.expected,
            "dry_run": self.dry_run,
            "inverse": dict(self.inverse),
            "effect": dict(self.effect) if self.effect is not None else None,
        }
