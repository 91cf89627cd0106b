"""The loop over a recorded log, in virtual time. Nothing is performed: measures say what would have been
done."""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from fireline import __version__
from fireline.act import SimulatedSwitchBoard, Worker
from fireline.casefile import CaseFile
from fireline.clock import ManualClock, from_micros, iso, micros
from fireline.detect.baseline import Baseline
from fireline.detect.grouping import Desk
from fireline.detect.jobs import broken, findings
from fireline.detect.judge import Judge
from fireline.detect.noticeable import Recent, monitor_families, noticeable
from fireline.detect.size import sizes
from fireline.detect.standing import error_budgets
from fireline.errors import InputError, Where
from fireline.ingest import Log, log_of, signals_log
from fireline.learn import draft_review
from fireline.loop import House, Tell, report, tick
from fireline.reader import CountsReader, OfService
from fireline.recording import Archive, Cohorts, Recorder
from fireline.reference import take_baseline
from fireline.runbook.load import load
from fireline.runbook.schema import Runbook
from fireline.schedule import next_moment
from fireline.sheet import Sheet
from fireline.sources import find
from fireline.store import Store
from fireline.telemetry.changes import infer_versions, read_changes
from fireline.telemetry.lake import Lake
from fireline.telemetry.pushdown.arriving import CountedLog, read_counts
from fireline.telemetry.quarantine import Quarantine
from fireline.telemetry.runs import read_runs
from fireline.telemetry.signals import NO_SIGNALS
from fireline.terms.alert import Finding
from fireline.terms.change import Change
from fireline.terms.counts import SERVICE
from fireline.terms.fold import allowed, fold
from fireline.terms.incident import OVER, Incident, State
from fireline.terms.timeline import Draft, EntryKind

__all__ = ["Outcome", "Progress", "run", "take_baseline"]

HOUR = 3600 * 1_000_000
BLOCK = 24 * HOUR
Progress = Callable[[str, float], None]
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Outcome:
    """What a replay gave: the files written, the incidents, and the summary that the report and story
    show."""

    incidents: tuple[Mapping[str, Any], ...]
    summary: Mapping[str, Any]
    folder: Path

    @property
    def report(self) -> Path:
        """Where the report belongs."""
        return self.folder / "report.html"


def run(
    runbook_path: Path,
    events: Iterable[Path | str],
    *,
    out: Path,
    changes: Path | None = None,
    signals: Sequence[Path | str] = (),
    jobs: Path | None = None,
    since: datetime | None = None,
    counts: Sequence[Path] = (),
    on_entry: Tell = lambda incident, entry: None,
    on_tick: Callable[[datetime, float], None] = lambda now, done: None,
    progress: Progress = lambda what, done: None,
) -> Outcome:
    """Replays ``events`` (and label logs among them) under the runbook from ``since`` (default: the end of
    its reference) and writes ``incidents.json`` into ``out``. ``counts`` are files of `fireline tally`, in
    the place of events.

    A replay that was killed goes on where it stopped when it is started again with the same inputs; the same
    inputs give the same bytes. ``on_entry`` hears each entry as it is written, ``on_tick`` the virtual time,
    ``progress`` long work. Raises InputError and RunbookError with what to do.
    """
    runbook = load(runbook_path)
    paths = list(events)
    announced, bad_changes = read_changes(changes, runbook.service, runbook.timezone) if changes else ([], [])
    progress("reading the log", 0.0)
    sampled, bad_signals = signals_log(runbook, signals) if signals else (NO_SIGNALS, Quarantine())
    runs, bad_runs = read_runs(jobs, runbook.service, runbook.timezone) if jobs else ([], [])
    baseline, log = _read_in(runbook_path, runbook, paths, counts, sampled, progress)
    out.mkdir(parents=True, exist_ok=True)
    state = _state_folder(out, runbook_path, [*paths, *counts, *signals], [changes, jobs], since)
    with Store.open(state / "store.sqlite", fold=fold, gate=allowed) as store:
        lake = Lake(state / "lake")
        recorder = Recorder(baseline.plan, runbook, store, lake)
        if isinstance(log, CountedLog):
            recorder.take_counts(log, BEGINNING)
        else:
            recorder.take(log, BEGINNING, lambda done, n: progress("counting events", done / max(n, 1)))
        recorder.signals(sampled, BEGINNING)
        bad = [*bad_changes, *bad_signals.items, *bad_runs]
        recorder.quarantine([*log.quarantine.items, *bad], BEGINNING)
        log = _Told.of(log)  # its rows lie in the lake now, and need not be held twice
        known = sorted(
            [*announced, *infer_versions(recorder.versions, runbook.service, announced)], key=lambda c: c.at
        )
        begin = since or runbook.reference.until
        if micros(log.end) <= micros(begin):
            raise InputError(
                f"the log ends {iso(log.end)}, before the replay starts ({iso(begin)})",
                where=Where(file=str([*paths, *counts][0])), todo="give a later log, or an earlier --from",
            )  # fmt: skip
        play = _Play(store, lake, runbook, baseline, known, recorder.versions, on_entry, on_tick)
        play.file.runs = runs
        play.file.runbook_text = runbook_path.read_text(encoding="utf-8")
        play.through(begin, log.end)
        incidents = [incident.as_json() for incident in play.finish()]
        summary = _summary(
            runbook, log, recorder, play, incidents, begin, [*bad_changes, *bad_runs], bad_signals
        )
    _write(out / "incidents.json", incidents)
    _write(out / "summary.json", summary)
    (state / "done").write_text("done\n")
    return Outcome(tuple(incidents), summary, out)


def _read_in(
    runbook_path: Path,
    runbook: Runbook,
    paths: Sequence[Path | str],
    counts: Sequence[Path],
    signals: pa.Table,
    progress: Progress,
) -> tuple[Baseline, Any]:
    """The baseline and the log: of events, or of counts."""
    if counts and paths:
        raise InputError(
            "events and counts together would count twice",
            where=Where(key="--counts"),
            todo="give one of them",
        )
    if counts:
        frozen = runbook_path.parent / runbook.reference.baseline
        if not frozen.exists():
            raise InputError(
                "the baseline is missing: counts alone cannot make one", where=Where(file=str(frozen)),
                todo="take one with `fireline init` from a sample of the events",
            )  # fmt: skip
        baseline = Baseline.load(frozen)
        return baseline, read_counts(baseline.plan, counts)
    log = log_of(runbook, paths, lambda path, i, n: progress(f"reading {path.name}", i / max(n, 1)))
    return _baseline(runbook_path, runbook, log, signals, progress), log


def _baseline(
    runbook_path: Path, runbook: Runbook, log: Any, signals: pa.Table, progress: Progress
) -> Baseline:
    """The frozen baseline beside the runbook; where there is none, one taken from the log's reference
    part."""
    path = runbook_path.parent / runbook.reference.baseline
    if path.exists():
        return Baseline.load(path)
    if log.first < runbook.reference.until - timedelta(days=1):
        return take_baseline(runbook_path, (), log=log, signals=signals, progress=progress)
    raise InputError(
        "the baseline is missing, and the log does not hold the reference", where=Where(file=str(path)),
        todo="take one with `fireline init`, or give the log of the reference too",
    )  # fmt: skip


def _state_folder(
    out: Path, runbook_path: Path, paths: Sequence[Path | str], told: Sequence[Path | None],
    since: datetime | None,
) -> Path:  # fmt: skip
    """Where the replay keeps its state: taken up again when the inputs and the code are the same and it was
    not finished."""
    known = "\n".join(path.read_text(encoding="utf-8", errors="replace") if path else "" for path in told)
    baseline = runbook_path.parent / load(runbook_path).reference.baseline
    frozen = blake2b(baseline.read_bytes()).hexdigest() if baseline.is_file() else ""
    seen = [__version__, runbook_path.read_text(encoding="utf-8"), frozen, str(since), known]
    for file in find(paths)[0]:
        seen.append(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}")
    mark = blake2b("\n".join(seen).encode(), digest_size=12).hexdigest()
    state = out / "state"
    if state.exists() and ((state / "done").exists() or _read(state / "inputs") != mark):
        shutil.rmtree(state)
    state.mkdir(exist_ok=True)
    (state / "inputs").write_text(mark)
    return state


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def moments(house: House, clock: ManualClock, found: Sequence[Finding], until: int) -> None:
    """Ticks at each instant up to ``until`` (microseconds) with findings or something due, in order."""
    known: dict[datetime, list[Finding]] = {}
    for finding in found:
        known.setdefault(finding.at, []).append(finding)
    waiting = deque(sorted(at for at in known if micros(at) <= until))
    while True:
        due = [m for i in house.open() if (m := next_moment(i, clock.now())) is not None]
        upcoming = [*islice(waiting, 1), *(at for at in due if micros(at) <= until)]
        if not upcoming:
            return
        now = max(min(upcoming), clock.now())
        clock.move_to(now)
        tick(house, known.get(now, []))
        while waiting and waiting[0] <= now:
            waiting.popleft()


@dataclass
class _Play:
    """Virtual time: judges block by block, and ticks at every instant at which something is known or due."""

    store: Store
    lake: Lake
    runbook: Runbook
    baseline: Baseline
    changes: Sequence[Change]
    versions: Mapping[str, int]
    tell: Tell
    on_time: Callable[[datetime, float], None]
    tickets: int = 0
    findings: int = 0
    house: House = field(init=False)

    def __post_init__(self) -> None:
        plan, service = self.baseline.plan, self.runbook.service
        self.read = CountsReader(self.store, service)
        archive = Archive(self.store, self.lake, service)
        self.cohorts = Cohorts(plan, self.runbook, self.store, archive, self.read)
        self.clock = ManualClock(BEGINNING)
        self.judge = Judge(self.baseline, self.runbook, 0)
        self.file = CaseFile(self.judge, self.read, archive, self.runbook, self.changes)
        desk = Desk(self.runbook, sizes(self.baseline, self.read))
        worker = Worker(self.store, SimulatedSwitchBoard(), self.clock, name="replay")
        self.house = House(self.store, self.runbook, desk, self.file, worker, self.clock, "replay", self.tell)

    def through(self, begin: datetime, end: datetime) -> None:
        """Plays from ``begin`` to ``end``; what was played before a kill is passed over."""
        first, last = micros(begin), micros(end)
        age = int(self.runbook.labels.age.total_seconds()) * 1_000_000 if self.runbook.labels else 0
        lateness = int(self.runbook.allowed_lateness.total_seconds()) * 1_000_000
        at, torn = self._resume(first, age)
        while at < last:
            stop = min((at // BLOCK + 1) * BLOCK, last)
            for version, seen in self.versions.items():
                if seen < stop:
                    self.judge.meet(version)
            self.cohorts.count(first, stop - age, self.clock.now())
            found = self.judge.advance(self.read, stop, stop - age) + self._jobs(first, at, stop)
            if torn:
                tick(self.house, [f for f in found if f.at == self.clock.now()])
                torn = False
            moments(self.house, self.clock, found, stop + lateness)
            self.findings += len(found)
            with self.store.begin() as tx:
                tx.put_state(f"judge:{self.runbook.service}", stop, self.judge.save())
                tx.put_state(f"play:{self.runbook.service}", self.findings, b"")
                self.house.keep(tx)
            at = stop
            self.on_time(from_micros(at), (at - first) / max(last - first, 1))
        self.clock.move_to(max(self.clock.now(), from_micros(last + lateness)))

    def _jobs(self, first: int, low: int, high: int) -> list[Finding]:
        """Rules that runs of jobs broke in (low, high] (microseconds)."""
        rules, begin, until = self.runbook.jobs, from_micros(first), from_micros(high)
        if not self.file.runs and not rules:
            return []
        every = broken(self.file.runs, rules, begin, until)
        return findings([one for one in every if low < micros(one.at)], rules)

    def _resume(self, first: int, age: int) -> tuple[int, bool]:
        """Takes up what was played before: from when on (microseconds), and whether a tick may have died
        halfway."""
        name = self.runbook.service
        self.judge = Judge(self.baseline, self.runbook, first)
        self.file.judge = self.judge
        kept, desk, played = (self.store.get_state(f"{what}:{name}") for what in ("judge", "desk", "play"))
        torn = self.house.bookmark.now
        self.clock.move_to(max(from_micros(first), torn or from_micros(first)))
        if desk is not None:
            self.house.desk.restore(desk.body)
        if kept is None or played is None:
            return first, torn is not None
        self.judge.restore(kept.body)
        self.findings = played.tick
        self.cohorts.done = max(0, (kept.tick - age) // HOUR * HOUR)
        return kept.tick, torn is not None

    def finish(self) -> list[Incident]:
        """The incidents as they stand at the end, each with a review draft."""
        for name in self.store.incidents(self.runbook.service):
            incident = self.store.incident(name)
            if incident.review is None and incident.state not in (OVER - {State.CLOSED}):
                facts = self.file.full_review_facts(incident, self.clock.now())
                review = draft_review(incident, self.runbook, facts)
                says = "The log ends here; the review so far."
                sheet = Sheet(incident, self.clock.now())
                sheet.add([Draft(EntryKind.REVIEW, says, {"review": review.as_json()})])
                self.house.put([sheet])
        report(self.house)
        return [self.store.incident(name) for name in self.store.incidents(self.runbook.service)]


@dataclass(frozen=True)
class _Told:
    """What is said of a log at the end, without its rows."""

    rows: int
    labels: int
    last: datetime
    end: datetime
    notes: tuple[str, ...]
    quarantine: Quarantine

    @classmethod
    def of(cls, log: Log | CountedLog) -> _Told:
        return cls(log.rows, len(log.labels), log.last, log.end, log.notes, log.quarantine)


def _summary(
    runbook: Runbook,
    log: _Told,
    recorder: Recorder,
    play: _Play,
    incidents: Sequence[Mapping[str, Any]],
    begin: datetime,
    bad_told: Sequence[Any],
    bad_signals: Quarantine,
) -> dict[str, Any]:
    return {
        "service": runbook.service,
        "timezone": runbook.timezone,
        "period": [iso(begin), iso(log.end)],
        "reference": [iso(runbook.reference.since), iso(runbook.reference.until)],
        "events": log.rows,
        "duplicates": recorder.duplicates,
        "late": recorder.late,
        "labels": log.labels,
        "quarantined": [*log.quarantine.summary(), *(f"signals: {line}" for line in bad_signals.summary())],
        "bad_changes": [str(row) for row in bad_told],
        "changes": [change.as_json() for change in play.changes],
        "versions": {name: iso(from_micros(at)) for name, at in play.versions.items()},
        "monitors": {"judged": play.judge.monitors, "families": dict(monitor_families(play.judge))},
        "noticeable": noticeable(play.judge, Recent(play.read, micros(log.last))),
        "activity": _activity(play, begin, log.end),
        "quarantine_examples": [row.as_json() for row in log.quarantine.items[:20]],
        "budgets": _budgets(play, log.end),
        "budget": {"false_pages_per_30d": runbook.false_pages_per_30d},
        "findings": play.findings,
        "incidents": len(incidents),
        "paged": sum(any(a["urgency"] == "page" for a in i["alerts"]) for i in incidents),
        "notes": list(log.notes),
    }


def _budgets(play: _Play, end: datetime) -> list[dict[str, Any]]:
    """How the error budgets stand when the log ends."""
    counts, now = OfService(play.store, play.runbook.service), micros(end + play.runbook.allowed_lateness)
    found = error_budgets(play.baseline.plan, play.runbook, counts, now, counts.begins)
    return [budget.as_json() for budget in found]


def _activity(play: _Play, begin: datetime, end: datetime) -> dict[str, list[Any]]:
    """Events an hour over the period."""
    layout = play.baseline.plan.rates
    grain = layout.grains["service"]
    per_hour = 3600 // grain
    first, last = micros(begin) // HOUR, micros(end) // HOUR
    counts = play.read(layout, grain, first * per_hour, last * per_hour).get(SERVICE)
    if counts is None or last <= first:
        return {"t": [], "n": []}
    hourly = counts[:, layout.series[0].cells.index("n")].reshape(-1, per_hour).sum(axis=1)
    return {"t": [iso(from_micros(hour * HOUR)) for hour in range(first, last)], "n": hourly.tolist()}


def _write(path: Path, value: Any) -> None:
    """Writes JSON whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(
        json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    partial.replace(path)
