"""What can be seen of a running Fireline: plain values for pages, commands and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from typing import Any, Literal

from fireline.clock import iso
from fireline.runbook.schema import Runbook
from fireline.terms.budget import ErrorBudget
from fireline.terms.change import Change
from fireline.terms.switch import Switch

MonitorState = Literal["quiet", "rising", "alert", "waiting"]


@dataclass(frozen=True, slots=True)
class MonitorView:
    """One monitor of one series as it stands now.

    ``evidence`` is its e-detector's statistic as log10, ``ticket_at`` and ``page_at`` the levels (log10) that
    it must reach. ``noticeable`` is the smallest effect it would notice within 24 h at the reference's
    traffic, in words; "" where that is not known.
    """

    monitor: str
    family: str
    feature: str | None
    segment: Mapping[str, str] | None
    version: str | None
    state: MonitorState
    evidence: float
    ticket_at: float
    page_at: float
    noticeable: str = ""

    @property
    def name(self) -> str:
        """The monitor with what it looks at, in words."""
        parts = [self.feature or "", *(f"{k}={v}" for k, v in (self.segment or {}).items())]
        parts += [f"version {self.version}"] if self.version else []
        said = ", ".join(part for part in parts if part)
        return f"{self.monitor} ({said})" if said else self.monitor


@dataclass(frozen=True, slots=True)
class GuardView:
    """A guard that listens: the switch it obeys, how many of its routes it passes by because it has no such
    version or rung, and when it last asked."""

    id: str
    obeys: int
    stale: bool
    seen_at: datetime
    passes: int = 0


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source that is pulled from, since this process began: rows taken and put aside, when it was last
    looked at in peace and last brought a row. ``trouble`` is why it fails now, "" when it does not."""

    name: str
    kind: str
    feed: str
    rows: int = 0
    bad: int = 0
    failures: int = 0
    looked: datetime | None = None
    last_rows: datetime | None = None
    trouble: str = ""
    failing_since: datetime | None = None
    next_try: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        plain: dict[str, Any] = _plain(self)
        return plain


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service as it stands now. Shares are of the last hour's calls by event time; ``hourly`` is
    (hour's start, events) for the last 48 hours."""

    name: str
    runbook: Runbook
    watermark: datetime | None
    judged_until: datetime | None
    last_event: datetime | None
    events: int = 0
    late: int = 0
    duplicates: int = 0
    quarantined: int = 0
    waiting: int = 0
    versions: Mapping[str, float] = field(default_factory=dict)
    rungs: Mapping[str, float] = field(default_factory=dict)
    hourly: tuple[tuple[datetime, int], ...] = ()
    switch: Switch | None = None
    guards: tuple[GuardView, ...] = ()
    monitors: tuple[MonitorView, ...] = ()
    budgets: tuple[ErrorBudget, ...] = ()
    changes: tuple[Change, ...] = ()
    reports: tuple[tuple[datetime, str], ...] = ()
    """What users said of bad answers: when, and in which words; the last few."""
    sources: tuple[SourceView, ...] = ()
    unwatched: tuple[str, ...] = ()
    """What counts that are made elsewhere cannot show of the service, and why."""
    trouble: str = ""
    """Why nothing is judged now, in a sentence with what to do; "" when all is well."""

    def as_json(self) -> dict[str, Any]:
        """The view as ``GET /v1/services`` shows it, without the runbook."""
        plain: dict[str, Any] = {}
        for one in fields(self):
            if one.name not in ("name", "runbook", "switch", "changes"):
                plain[one.name] = _plain(getattr(self, one.name))
        switch = self.switch.as_json() if self.switch else None
        changes = [change.as_json() for change in self.changes]
        return {"service": self.name, **plain, "switch": switch, "changes": changes}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, ErrorBudget):
        return value.as_json()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    return value
