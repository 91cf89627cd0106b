"""The case file: the questions triage, verification and the review ask of what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fireline.casefile import traffic
from fireline.casefile.comparing import LEAD, LONGEST, Comparing, pages_of
from fireline.casefile.frames import frame, values
from fireline.casefile.gathered import appeared, failed_calls, telling
from fireline.casefile.traces import trace
from fireline.clock import from_micros, micros, parse_time
from fireline.detect.jobs import well_since
from fireline.detect.judge import Judge
from fireline.detect.promise import totals
from fireline.learn import ReviewFacts
from fireline.reader import CountsReader, OfService
from fireline.recording import Archive
from fireline.runbook.schema import Runbook
from fireline.terms.alert import Finding, finding_of
from fireline.terms.change import Change
from fireline.terms.incident import Incident, State
from fireline.terms.measure import Measure
from fireline.terms.run import Run
from fireline.triage.case import Case, Frame, Trace
from fireline.verify import Comparison, Obedience, Recovery, counted_obedience, obedience
from fireline.verify.recovery import of_alert

BEFORE_ROWS = 60_000
AFTER_ROWS = 150_000


@dataclass
class CaseFile:
    """Builds the case of an incident from what was recorded by ``now``.

    ``archive`` reads canonical rows of the lake; ``changes`` are announced and inferred ones;
    ``runbook_text`` is the runbook's file as it stands.
    """

    judge: Judge
    read: CountsReader
    archive: Archive
    runbook: Runbook
    changes: Sequence[Change]
    runbook_text: str | None = None
    runs: Sequence[Run] = ()
    """Runs of jobs that were told of."""
    behind: Callable[[Measure], tuple[str, ...]] = lambda measure: ()
    """Names the guards that listen and do not obey the measure's switch yet."""
    ahead: timedelta | None = None
    """How far calls may be ahead of the clock and still tell something; the runbook's `clock_skew` unless
    said. On a drill's clock what is ahead of it has not happened yet."""
    _before: dict[str, Frame] = field(default_factory=dict, repr=False)
    _comparing: Comparing = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._comparing = Comparing(self)

    def case(self, findings: Sequence[Finding], now: datetime) -> Case:
        """The case of ``findings``, the trigger first; of many the most telling."""
        findings = telling(findings)
        since = min((f.since or f.at) for f in findings)
        since = max(since, now - LONGEST)
        fired = {f.family for f in findings}
        counts = OfService(self.archive.store, self.runbook.service, self.read)
        return Case(
            findings=tuple(findings),
            traces={
                i: t for i, f in enumerate(findings) if (t := self.trace(f, since - LEAD, now)) is not None
            },
            before=self.before(since),
            after=self.after(since - LEAD, now),
            changes=tuple(c for c in self.changes if c.at <= now),
            quiet=tuple(sorted({k.family for k in self.judge.kinds if k.monitors(self.judge.plan)} - fired)),
            runbook=self.runbook,
            now=now,
            sampled=failed_calls(self.archive, findings, since, now),
            promised=totals(self.judge.plan, self.runbook, counts, micros(now), counts.begins),
            appeared=appeared(self.judge.plan, self.archive, findings, since, now),
            served=self._parts(findings, since, now) if self.only_counts(since - LEAD, now) else {},
        )

    def _parts(self, findings: Sequence[Finding], since: datetime, now: datetime) -> dict[str, float]:
        return traffic.parts(self.judge.plan, self.read, findings, since, now)

    def trace(self, finding: Finding, since: datetime, now: datetime) -> Trace | None:
        """The finding's monitor over [since, now], the channel that moved most."""
        return trace(self.judge, self.read, finding, since, now)

    def before(self, since: datetime) -> Frame:
        """The reference window, or, where the log does not hold it, what came well before the onset."""
        if "reference" not in self._before:
            reference = self.runbook.reference
            self._before["reference"] = self._frame(reference.since, reference.until, BEFORE_ROWS)
        if self._before["reference"].rows >= 1000:
            return self._before["reference"]
        until = since - timedelta(hours=6)
        return self._frame(until - timedelta(days=28), until, BEFORE_ROWS)

    def after(self, since: datetime, now: datetime, columns: list[str] | None = None) -> Frame:
        """From some days before the onset up to now, labels as known now; all ``columns`` unless named."""
        return self._frame(since, now, AFTER_ROWS, columns)

    def _frame(self, since: datetime, until: datetime, most: int, columns: list[str] | None = None) -> Frame:
        rows = self.archive.sample(since, until, most, columns)
        return frame(rows, until, self.archive, self.runbook, self.judge.plan)

    def only_counts(self, since: datetime, now: datetime) -> bool:
        """Whether no rows came that could be compared, because their counts alone do."""
        store, service = self.archive.store, self.runbook.service
        rows = store.lake_files("events", micros(since), micros(now), service)
        return self.runbook.counts is not None or not rows

    # -- for verification ---------------------------------------------------------------------------------

    def comparison(self, incident: Incident, measure: Measure, now: datetime) -> Comparison | None:
        """What came of a measure: of a simulated one by the shadow, of a real one before and since."""
        return self._comparing.comparison(incident, measure, now)

    def watched(self, incident: Incident, now: datetime) -> Comparison | None:
        """The shadow of a simulated measure since the watch began."""
        return self._comparing.watched(incident, now)

    def is_moot(self, finding: Finding, now: datetime) -> bool:
        """Whether the finding is about recorded traffic that a simulated measure would have taken away, or is
        what a fallback of ours is."""
        return self._comparing.is_moot(finding, now)

    def obedience(self, measure: Measure, now: datetime) -> Obedience:
        """What the calls since ``measure`` was applied show of whether live traffic obeys it."""
        if (elsewhere := self.runbook.counts) is not None:
            kept = self.archive.store.get_state(f"through:{self.runbook.service}")
            through = from_micros(kept.tick) if kept else None
            return counted_obedience(
                self.judge.plan, self.read, measure, now, through=through,
                within=elsewhere.within, rungs=self.runbook.columns.rung is not None, rows=elsewhere.rows,
                behind=self.behind(measure),
            )  # fmt: skip
        names = [
            "time",
            "version",
            "shadow",
            "rung",
            "switch",
            "host",
            *(measure.params.get("segment") or {}),
        ]
        since = measure.applied_at or now
        ahead = self.runbook.clock_skew if self.ahead is None else self.ahead
        rows = self.archive.events(since, now + ahead, names)
        columns = {name: values(rows.column(name)) for name in rows.column_names}
        return obedience(columns, measure, self.behind(measure))

    def recoveries(self, incident: Incident, now: datetime) -> list[Recovery]:
        """For each paging alert (each alert, where none pages) whether its figure is well again."""
        began = incident.onset[0] if incident.onset else incident.opened_at
        found = []
        for alert in pages_of(incident):
            if alert["family"] == "job":
                found.append(self._job(alert, now))
                continue
            trace = self.trace(finding_of(alert), max(began - timedelta(days=1), now - LONGEST), now)
            if trace is not None:
                found.append(of_alert(alert, trace, began, _contained_at(incident)))
        return found

    def _job(self, alert: Mapping[str, Any], now: datetime) -> Recovery:
        """A job is well again with its next good run."""
        name, fired = str(alert["feature"]), parse_time(alert["fired_at"])
        since = well_since(self.runs, name, fired, now)
        says = f"{name} has not succeeded since" if since is None else f"{name} succeeded again"
        return Recovery(alert["id"], "job", since is not None, since, 0.0, 0.0, says, name)

    def shares(self, now: datetime) -> dict[str, float]:
        """Each live version's share of the last two hours' traffic, or of the last day's where those were
        quiet."""
        return traffic.shares(self.judge.plan, self.read, now)

    # -- for the review -----------------------------------------------------------------------------------

    def review_facts(self, incident: Incident, now: datetime) -> ReviewFacts:
        """Requests affected since the onset, counted, and what else the review asks for, when it is to be
        written now."""
        if incident.state is not State.LEARNING or incident.review is not None:
            return ReviewFacts(now)
        return self.full_review_facts(incident, now)

    def full_review_facts(self, incident: Incident, now: datetime) -> ReviewFacts:
        """The same for an incident that is not over yet."""
        since = incident.onset[0] if incident.onset else incident.opened_at
        until = incident.resolved_at or now
        confirmed = [m.confirmed_at for m in incident.measures if m.confirmed_at]
        plan = self.judge.plan
        affected, total = traffic.affected(plan, self.read, incident, since, until)
        missed = [traffic.affected(plan, self.read, incident, min(confirmed), until)] if confirmed else []
        return ReviewFacts(
            now=now,
            requests_affected=affected,
            requests_total=total,
            requests_avoidable=missed[0][0] if missed else None,
            changes=tuple(self.changes),
            shadowed=traffic.shadowed(plan, self.read, since, until),
            runbook_text=self.runbook_text,
        )


def _contained_at(incident: Incident) -> datetime | None:
    """When the first real measure was seen in traffic."""
    seen = [m.confirmed_at for m in incident.measures if not m.simulated and m.confirmed_at is not None]
    return min(seen, default=None)
