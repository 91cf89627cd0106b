"""The error budgets at the end of a recorded log: counted as a replay counts it, judged by nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from fireline.clock import iso, micros
from fireline.detect.baseline import Baseline
from fireline.detect.standing import error_budgets
from fireline.errors import InputError, Where
from fireline.ingest import log_of, signals_log
from fireline.reader import CountsReader, OfService
from fireline.recording import Archive, Cohorts, Recorder
from fireline.runbook.load import load
from fireline.runbook.schema import Runbook
from fireline.store import Store
from fireline.telemetry.lake import Lake
from fireline.telemetry.log import Log
from fireline.terms.budget import ErrorBudget

DAY = 86_400 * 1_000_000
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
Progress = Callable[[str, float], None]


def budgets_of(
    runbook_path: Path,
    events: Sequence[Path | str],
    *,
    signals: Sequence[Path | str] = (),
    at: datetime | None = None,
    progress: Progress = lambda what, done: None,
) -> tuple[ErrorBudget, ...]:
    """Each objective's budget as it stood ``at`` some instant, the end of ``events`` unless given; label logs
    may be among them. Nothing is written. Raises InputError with what to do."""
    runbook = load(runbook_path)
    baseline = _baseline(runbook_path, runbook)
    log = log_of(runbook, events, lambda path, i, n: progress(f"reading {path.name}", i / max(n, 1)))
    end = log.end + runbook.allowed_lateness if at is None else at
    if at is not None and at <= log.first:
        raise InputError(
            f"the log begins {iso(log.first)}, after the time asked for", where=Where(key="--at"),
            todo="give an earlier log, or a later --at",
        )  # fmt: skip
    with TemporaryDirectory(prefix="fireline-") as folder, Store.open(":memory:") as store:
        recorder = Recorder(baseline.plan, runbook, store, Lake(Path(folder)))
        recorder.take(log, BEGINNING, lambda done, n: progress("counting events", done / max(n, 1)))
        if signals:
            recorder.signals(signals_log(runbook, signals)[0], BEGINNING)
        _cohorts(baseline, runbook, store, Lake(Path(folder)), log)
        counts = OfService(store, runbook.service)
        return error_budgets(baseline.plan, runbook, counts, micros(end), counts.begins)


def _baseline(runbook_path: Path, runbook: Runbook) -> Baseline:
    """The frozen baseline: it says what is counted."""
    path = runbook_path.parent / runbook.reference.baseline
    if not path.exists():
        raise InputError(
            "the baseline is missing: it says what is counted", where=Where(file=str(path)),
            todo="take one with `fireline init`, or let `fireline replay` take it",
        )  # fmt: skip
    return Baseline.load(path)


def _cohorts(baseline: Baseline, runbook: Runbook, store: Store, lake: Lake, log: Log) -> None:
    """Counts quality a day at a time, so that one day's rows are in memory."""
    archive = Archive(store, lake, runbook.service)
    cohorts = Cohorts(baseline.plan, runbook, store, archive, CountsReader(store, runbook.service))
    since, until = micros(log.first) // DAY * DAY, micros(log.end) + DAY
    for day in range(since, until, DAY):
        cohorts.count(day, day + DAY, BEGINNING)
