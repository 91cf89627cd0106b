"""A run: one execution of a training or ETL job, as its scheduler told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fireline.clock import parse_time

GOOD = frozenset({"succeeded", "success", "finished", "complete", "completed", "done", "ok"})
BAD = frozenset({"failed", "failure", "error", "crashed", "killed", "timeout", "timed_out", "aborted"})


@dataclass(frozen=True, slots=True)
class Run:
    """What was told of a run at ``at``.

    ``digest`` is the artefact's as stored, ``expected_digest`` as the trainer computed it; ``readable`` is
    whether the artefact could be opened, where somebody tried; ``passed`` whether the evaluation gate was
    passed, None where it was skipped; ``data_until`` the time of the newest training data.
    """

    at: datetime
    job: str
    run: str
    state: str
    started: datetime | None = None
    finished: datetime | None = None
    digest: str | None = None
    expected_digest: str | None = None
    readable: bool | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    passed: bool | None = None
    data_until: datetime | None = None

    @property
    def succeeded(self) -> bool:
        return self.state in GOOD

    @property
    def failed(self) -> bool:
        return self.state in BAD

    @property
    def lasted(self) -> timedelta | None:
        """From start to end, where both were told."""
        if self.started is None or self.finished is None:
            return None
        return self.finished - self.started


def run_of(row: Mapping[str, Any], at: datetime, zone: str = "UTC") -> Run:
    """The run that ``row`` tells of. Raises ValueError naming the field that cannot be read."""
    for name in ("job", "state"):
        if not str(row.get(name) or "").strip():
            raise ValueError(f"the run has no {name!r}")
    evaluation = row.get("evaluation")
    passed = evaluation.get("passed") if isinstance(evaluation, Mapping) else row.get("passed")
    parameters = row.get("params", row.get("parameters")) or {}
    if not isinstance(parameters, Mapping):
        raise ValueError("`params` is not an object of names and figures")
    return Run(
        at=at,
        job=str(row["job"]),
        run=str(row.get("run") or at.isoformat()),
        state=str(row["state"]).strip().lower(),
        started=_instant(row, "started", zone),
        finished=_instant(row, "finished", zone),
        digest=_text(row, "digest"),
        expected_digest=_text(row, "expected_digest"),
        readable=_truth(row, "readable"),
        parameters=dict(parameters),
        passed=None if passed is None else bool(passed),
        data_until=_instant(row, "data_until", zone),
    )


def _instant(row: Mapping[str, Any], name: str, zone: str) -> datetime | None:
    value = row.get(name)
    if value in (None, ""):
        return None
    try:
        return parse_time(str(value), zone)
    except ValueError:
        raise ValueError(f"`{name}` is not a time: {str(value)[:60]!r}") from None


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return None if value in (None, "") else str(value)


def _truth(row: Mapping[str, Any], name: str) -> bool | None:
    value = row.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise ValueError(f"`{name}` is neither true nor false: {str(value)[:60]!r}")
