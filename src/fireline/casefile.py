"""What triage and verification look at: traces of the monitors, and raw events before and after, cut to
size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.beside import before_only, beside, both_ways
from fireline.clock import from_micros, micros, parse_time
from fireline.detect.jobs import well_since
from fireline.detect.judge import Judge
from fireline.detect.promise import totals
from fireline.learn import ReviewFacts
from fireline.reader import CountsReader, OfService
from fireline.recording import Archive
from fireline.runbook.schema import Runbook
from fireline.telemetry.hashing import hash_text
from fireline.telemetry.labels import join_labels
from fireline.telemetry.tally import outcome
from fireline.telemetry.unmapped import UNMAPPED, names_in
from fireline.terms.alert import Finding, finding_of
from fireline.terms.change import Change
from fireline.terms.counts import MINUTE, SERVICE, Scope
from fireline.terms.incident import Incident, State
from fireline.terms.measure import LIVE, Measure, MeasureState
from fireline.terms.plan import Layout
from fireline.terms.run import Run
from fireline.terms.timeline import EntryKind
from fireline.triage.case import Case, Frame, Trace
from fireline.triage.messages import SAMPLED
from fireline.triage.newcomers import NEWCOMING
from fireline.verify import (
    Comparison,
    Figure,
    Obedience,
    Recovery,
    counted_obedience,
    moot,
    obedience,
    series,
    series_figure,
    shadow,
)  # fmt: skip
from fireline.verify.recovery import of_alert
from fireline.verify.rows import flag, take, text

BEFORE_ROWS = 60_000
AFTER_ROWS = 150_000
LEAD = timedelta(days=3)
LONGEST = timedelta(days=14)
MOST_ALERTS = 6
MOST_FINDINGS = 10
MOST_CALLS = 20_000
MOST_COLUMNS = 100
KEPT = 6
MINUTE_US = MINUTE * 1_000_000
HOUR = 60 * MINUTE_US
UNHELD = frozenset({State.MERGED, State.DECLINED, State.CANCELLED})

FALLBACK = "fallback_share"
"""The monitor that a fallback of ours moves by itself: it says nothing of whether that helps."""
GOING_BACK = ("rollback", "route_share")
ALWAYS_COMPARED = frozenset(
    {
        "time", "request_id", "version", "shadow", "weight", "score", "prediction", "label", "error",
        "status", "latency_ms", "outcome", "arm", "rung",
    }
)  # fmt: skip


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
    _holding: tuple[datetime, list[tuple[Incident, Measure]]] | None = field(default=None, repr=False)
    _seen: OrderedDict[tuple[object, ...], Any] = field(default_factory=OrderedDict, repr=False)

    def case(self, findings: Sequence[Finding], now: datetime) -> Case:
        """The case of ``findings``, the trigger first; of many the most telling."""
        findings = _telling(findings)
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
            sampled=self._failed_calls(findings, since, now),
            promised=totals(self.judge.plan, self.runbook, counts, micros(now), counts.begins),
            appeared=self._appeared(findings, since, now),
            served=self._parts(findings, since, now) if self._only_counts(since - LEAD, now) else {},
        )

    def _parts(self, findings: Sequence[Finding], since: datetime, now: datetime) -> dict[str, float]:
        """The share of the calls since then that each segment named by a finding had, by its scope."""
        layout, found = self.judge.plan.rates, {}
        whole = self._calls(SERVICE, layout, since, now)
        for finding in findings:
            if finding.segment and whole and layout.grains.get("segment"):
                part = self._calls(Scope.of_key(finding.scope_key), layout, since, now)
                found[finding.scope_key] = min(1.0, part / whole)
        return found

    def _calls(self, scope: Scope, layout: Layout, since: datetime, now: datetime) -> int:
        """Live calls of a scope in whole ticks of [since, now), of the grain that segments have."""
        step, grain = layout.grains["segment"], layout.grains[scope.kind]
        first, stop = (micros(at) // (step * 10**6) * (step // grain) for at in (since, now))
        counts = self.read(layout, grain, first, stop) if stop > first else {}
        column = layout.series[0].cells.index("n")
        return int(counts[scope][:, column].sum()) if scope in counts else 0

    def _appeared(
        self, findings: Sequence[Finding], since: datetime, now: datetime
    ) -> Mapping[str, tuple[int, datetime]]:
        """Columns the reference never carried, where any fired: rows that bring each, and the first."""
        layout = self.judge.plan.layout("new_columns")
        if not layout.series or not any(f.monitor in NEWCOMING for f in findings):
            return {}
        rows = self.archive.events(since - timedelta(hours=1), now, ["time", UNMAPPED])
        if UNMAPPED not in rows.column_names:
            return {}
        rows = rows.filter(pc.is_valid(rows[UNMAPPED])).sort_by("time")
        known, found = set(layout.series[0].values), dict[str, tuple[int, datetime]]()
        texts, when = rows[UNMAPPED].to_pylist(), rows["time"].to_pylist()
        for names, at in zip(names_in(texts), when, strict=True):
            for name in names:
                if name not in known and (name in found or len(found) < MOST_COLUMNS):
                    count, first = found.get(name, (0, at))
                    found[name] = count + 1, first
        return found

    def _failed_calls(
        self, findings: Sequence[Finding], since: datetime, now: datetime
    ) -> tuple[Mapping[str, Any], ...]:
        """Failed calls to the dependencies that fired, from as long before it began as it lasts."""
        names = sorted({f.feature for f in findings if f.monitor in SAMPLED and f.feature})
        if not names:
            return ()
        rows = self.archive.signals(since - max(now - since, timedelta(hours=1)), now)
        if not len(rows):
            return ()
        failed = pc.invert(pc.fill_null(rows["ok"], False))
        kept = rows.filter(pc.and_(pc.is_in(rows["name"], pa.array(names)), failed)).select(
            ["time", "name", "ok", "message"]
        )
        return tuple(kept.slice(max(0, len(kept) - MOST_CALLS)).to_pylist())

    def trace(self, finding: Finding, since: datetime, now: datetime) -> Trace | None:
        """The finding's monitor over [since, now], the channel that moved most."""
        found = self.judge.trace(finding, self.read, micros(since), micros(now))
        if found is None:
            return None
        first, seconds, reading = found
        start = from_micros(first * seconds * 1_000_000)
        recent = max(0, int(((finding.since or finding.at) - start).total_seconds() // seconds))
        z = np.where(reading.valid, reading.z, np.nan)
        lead = _leading(z[recent:] if recent < len(z) else z)
        sign = 1.0 if finding.direction == "up" else -1.0
        valid = reading.valid[:, lead]
        return Trace(
            start=start,
            grain=seconds,
            seen=np.where(valid, reading.seen[:, lead], np.nan),
            usual=reading.usual[:, lead].astype(np.float64),
            n=np.where(valid, reading.weight[:, lead], np.nan),
            z=sign * z[:, lead] * np.sqrt(self.judge.inflation_of(finding)),
            infl=self.judge.inflation_of(finding),
        )

    def before(self, since: datetime) -> Frame:
        """The reference window, or, where the log does not hold it, what came well before the onset."""
        if "reference" not in self._before:
            table = self.archive.events(self.runbook.reference.since, self.runbook.reference.until)
            self._before["reference"] = self._frame(table, BEFORE_ROWS, self.runbook.reference.until)
        if self._before["reference"].rows >= 1000:
            return self._before["reference"]
        until = since - timedelta(hours=6)
        return self._frame(self.archive.events(until - timedelta(days=28), until), BEFORE_ROWS, until)

    def after(self, since: datetime, now: datetime, columns: list[str] | None = None) -> Frame:
        """From some days before the onset up to now, labels as known now; all ``columns`` unless named."""
        return self._frame(self.archive.events(since, now, columns), AFTER_ROWS, now)

    # -- for verification ---------------------------------------------------------------------------------

    def comparison(self, incident: Incident, measure: Measure, now: datetime) -> Comparison | None:
        """What the version a simulated measure goes back to said of the same requests, in its shadow."""
        since = incident.onset[0] if incident.onset else incident.opened_at
        if not measure.simulated:
            return self._since(incident, measure, max(since, now - LONGEST), now)
        return self._shadow(incident, measure, max(since, now - LONGEST), now)

    def _since(
        self, incident: Incident, measure: Measure, since: datetime, now: datetime
    ) -> Comparison | None:
        """A measure on production: the same requests answered by both versions where there are such, else the
        alerts' own figures before and since it, each beside what is usual at its hour."""
        began, confirmed = measure.applied_at, measure.confirmed_at
        if began is None or confirmed is None or now <= confirmed:
            return None
        if measure.action in GOING_BACK:
            found = self._once(
                (measure.id, since, now, len(incident.alerts)),
                lambda: self._both_ways(incident, measure, since, began, now),
            )
            if found is not None:
                return cast(Comparison, found)
        spans = (since, began, confirmed, now)
        told = [
            a for a in _pages(incident) if not (measure.action == "fallback" and a["monitor"] == FALLBACK)
        ]
        figures = [self._before_and_since(alert, measure, spans) for alert in told]
        known = [figure for figure in figures if figure is not None]
        return series(known, since, now) if known else None

    def _both_ways(
        self, incident: Incident, measure: Measure, since: datetime, began: datetime, now: datetime
    ) -> Comparison | None:
        """What both versions said of the same requests: the good one in the shadow of the bad one before the
        measure, and the other way round since."""
        wanted, good = self._compared(incident), str(measure.params["to"])
        out = measure.params.get("from", measure.params.get("version"))
        if self._only_counts(since, now):
            spans = both_ways(good, str(out), since, began, now)
            return beside(self.judge, self.read, _pages(incident), spans, good, str(out)) if out else None
        columns = dict(self.after(since, now, sorted(wanted)).columns)
        hidden, version = flag(columns, "shadow"), text(columns, "version")
        later = columns["time"] >= micros(began)
        bad = measure.params.get("from", measure.params.get("version"))
        columns["shadow"] = np.where(later, version == good, hidden)
        if bad is not None:
            columns = take(columns, (version == good) | (version == str(bad)))
        usual = {name: c for name, c in self.before(since).columns.items() if name in wanted}
        found = shadow(
            columns, usual, good=good, bad=bad, alerts=incident.alerts, since=since, until=now,
            timezone=self.runbook.timezone,
        )  # fmt: skip
        if found is None or not any(f.wanted and not f.missing for f in found.figures):
            return None
        return replace(found, harmed=f"by {bad or 'the others'}", contained=f"by {good} on the same requests")

    def _before_and_since(
        self, alert: Mapping[str, Any], measure: Measure, spans: tuple[datetime, datetime, datetime, datetime]
    ) -> Figure | None:
        """An alert's figure before and since the measure; of a version that answers nothing any more, the
        whole service's since. ``spans``: the onset, when it was applied and confirmed, and now."""
        since, began, confirmed, now = spans
        finding = finding_of(alert)
        before = self.trace(finding, since, began)
        out = (measure.params.get("from"), measure.params.get("version"))
        gone = finding.version is not None and finding.version in out
        after = self.trace(replace(finding, version=None, against=None) if gone else finding, confirmed, now)
        if before is None or after is None or alert["seen"] is None or alert["usual"] is None:
            return None
        level = float(np.nanmean(after.usual)) if len(after.usual) else float(alert["usual"])
        return series_figure(
            alert, before.seen - before.usual + level, after.seen - after.usual + level, level,
            tolerance=abs(float(alert["seen"]) - float(alert["usual"])) / 4,
            infl=max(before.infl, after.infl),
        )  # fmt: skip

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
        columns = {name: _values(rows.column(name)) for name in rows.column_names}
        return obedience(columns, measure, self.behind(measure))

    def watched(self, incident: Incident, now: datetime) -> Comparison | None:
        """The same since the watch began."""
        held = [m for m in incident.measures if m.simulated and m.state is MeasureState.CONFIRMED]
        if not held or incident.watch_until is None:
            return None
        return self._shadow(incident, held[-1], incident.watch_until - self.runbook.watch, now)

    def _shadow(
        self, incident: Incident, measure: Measure, since: datetime, now: datetime
    ) -> Comparison | None:
        if measure.action not in GOING_BACK or now <= since:
            return None
        key = (incident.id, measure.id, since, now, len(incident.alerts))
        wanted = self._compared(incident)
        if self._only_counts(since, now):
            counted = self._once(key, lambda: self._counted(incident, measure, since, now))
            return cast("Comparison | None", counted)
        found: Comparison | None = self._once(key, lambda: shadow(
            self.after(since, now, sorted(wanted)).columns,
            {name: c for name, c in self.before(since).columns.items() if name in wanted},
            good=str(measure.params["to"]),
            bad=measure.params.get("from", measure.params.get("version")), alerts=incident.alerts,
            since=since, until=now, timezone=self.runbook.timezone,
        ))  # fmt: skip
        return found

    def _only_counts(self, since: datetime, now: datetime) -> bool:
        """Whether no rows came that could be compared, because their counts alone do."""
        store, service = self.archive.store, self.runbook.service
        rows = store.lake_files("events", micros(since), micros(now), service)
        return self.runbook.counts is not None or not rows

    def _counted(
        self, incident: Incident, measure: Measure, since: datetime, now: datetime
    ) -> Comparison | None:
        """The same by counts, where only counts come."""
        good, bad = str(measure.params["to"]), measure.params.get("from", measure.params.get("version"))
        if bad is None:
            return None
        spans = before_only(good, str(bad), since, now)
        return beside(self.judge, self.read, _pages(incident), spans, good, str(bad))

    def _compared(self, incident: Incident) -> frozenset[str]:
        """The columns a comparison of the incident's figures looks at."""
        features = {str(a["feature"]) for a in incident.alerts if a["feature"]}
        segments = {name for a in incident.alerts for name in (a["segment"] or {})}
        return ALWAYS_COMPARED | features | segments | frozenset(self.judge.plan.flags)

    def is_moot(self, finding: Finding, now: datetime) -> bool:
        """Whether the finding is about recorded traffic that a simulated measure would have taken away, or is
        what a fallback of ours is."""
        if finding.monitor == FALLBACK and self._we_fell_back():
            return True
        if self._holding is None or self._holding[0] != now:
            self._holding = now, self._held()
        return any(self._moot_there(incident, held, finding, now) for incident, held in self._holding[1])

    def _we_fell_back(self) -> bool:
        """Whether a measure on production sends calls to a lower rung now."""
        live = self.archive.store.measures(self.runbook.service, states=LIVE)
        return any(m.action == "fallback" and not m.simulated and m.applied_at for m in live)

    def _held(self) -> list[tuple[Incident, Measure]]:
        """Incidents with the simulated measure that holds in them."""
        store, found = self.archive.store, []
        for name in store.incidents(self.runbook.service):
            incident = store.incident(name)
            held = [m for m in incident.measures if m.simulated and m.confirmed_at and m.params.get("to")]
            if held and incident.state not in UNHELD:
                found.append((incident, held[-1]))
        return found

    def _moot_there(self, incident: Incident, held: Measure, finding: Finding, now: datetime) -> bool:
        """A finding about the version taken out is moot; of others the shadow knows whether going back would
        help."""
        out = (held.params.get("from"), held.params.get("version"))
        if (
            finding.version is not None
            and finding.version in out
            and finding.at >= (held.confirmed_at or now)
        ):
            return True
        seen = self._lately(incident, held, now)
        return moot(incident, finding, seen) is not None

    def _lately(self, incident: Incident, held: Measure, now: datetime) -> Comparison | None:
        """The shadow since the measure, as of the last full hour of its first six, of every six hours in its
        first two days, and then of every day: what is seen depends on these times alone, not on who asked
        first."""
        began = held.confirmed_at or now
        age = now - began
        step = timedelta(hours=1 if age < timedelta(hours=6) else 6 if age < timedelta(days=2) else 24)
        until = began + (now - began) // step * step
        known = [a for a in incident.alerts if parse_time(a["fired_at"]) <= until]
        return self._shadow(replace(incident, alerts=tuple(known)), held, max(began, until - LEAD), until)

    def _once(self, key: tuple[object, ...], make: Callable[[], Any]) -> Any:
        """The last few answers are kept: several steps of a tick ask for the same."""
        if key not in self._seen:
            self._seen[key] = make()
            while len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        return self._seen[key]

    def recoveries(self, incident: Incident, now: datetime) -> list[Recovery]:
        """For each paging alert (each alert, where none pages) whether its figure is well again."""
        began = incident.onset[0] if incident.onset else incident.opened_at
        found = []
        for alert in _pages(incident):
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
        for hours in (2, 24):
            served = self._served(now - timedelta(hours=hours), now)
            total = sum(served.values())
            if total:
                return {version: round(n / total, 4) for version, n in sorted(served.items()) if n}
        return {}

    def _served(self, since: datetime, until: datetime) -> dict[str, int]:
        layout = self.judge.plan.rates
        counts = self.read(layout, MINUTE, micros(since) // MINUTE_US, micros(until) // MINUTE_US)
        column = layout.series[0].cells.index("n")
        return {
            scope.value: int(c[:, column].sum()) for scope, c in counts.items() if scope.kind == "version"
        }

    # -- for the review -----------------------------------------------------------------------------------

    def review_facts(self, incident: Incident, now: datetime) -> ReviewFacts:
        """Requests affected since the onset, counted; and what else the review asks for."""
        if incident.state not in (State.RESOLVED, State.LEARNING) and incident.review is None:
            return ReviewFacts(now)
        return self.full_review_facts(incident, now)

    def full_review_facts(self, incident: Incident, now: datetime) -> ReviewFacts:
        """The same for an incident that is not over yet."""
        since = incident.onset[0] if incident.onset else incident.opened_at
        until = incident.resolved_at or now
        confirmed = [m.confirmed_at for m in incident.measures if m.confirmed_at]
        affected, total = self._affected(incident, since, until)
        return ReviewFacts(
            now=now,
            requests_affected=affected,
            requests_total=total,
            requests_avoidable=self._affected(incident, min(confirmed), until)[0] if confirmed else None,
            changes=tuple(self.changes),
            shadowed=self._shadowed(since, until),
            runbook_text=self.runbook_text,
        )

    def _affected(self, incident: Incident, since: datetime, until: datetime) -> tuple[int, int]:
        """Requests answered by what was bad (its version or slice, else all), and all, in [since, until)."""
        served = self._served(since, until)
        layout = self.judge.plan.rates
        counts = self.read(layout, MINUTE, micros(since) // MINUTE_US, micros(until) // MINUTE_US)
        column = layout.series[0].cells.index("n")
        total = int(counts[SERVICE][:, column].sum()) if SERVICE in counts else 0
        told = next((e for e in reversed(incident.timeline) if e.kind is EntryKind.CAUSES), None)
        bad = told.data.get("new_version") if told else None
        if bad is not None:
            return served.get(str(bad), 0), total
        if incident.slice and len(incident.slice) == 1:
            ((name, value),) = incident.slice.items()
            if isinstance(value, str):
                scope = Scope("segment", name, value)
                grain = layout.grains["segment"]
                part = self.read(
                    layout, grain, micros(since) // (grain * 10**6), micros(until) // (grain * 10**6)
                )
                if scope in part:
                    return int(part[scope][:, column].sum()), total
        return total, total

    def _shadowed(self, since: datetime, until: datetime) -> bool:
        layout = self.judge.plan.rates
        counts = self.read(layout, MINUTE, micros(since) // MINUTE_US, micros(until) // MINUTE_US)
        return any(scope.kind == "shadow" for scope in counts)

    def _frame(self, table: pa.Table, limit: int, now: datetime) -> Frame:
        if len(table) > limit:
            table = table.filter(pa.array(_chosen(table, limit)))
        # Sketches of texts are for counting only.
        names = [f.name for f in table.schema if not pa.types.is_binary(f.type)]
        columns = {name: _values(table.column(name)) for name in names}
        known = self._labels(table, now)
        return Frame({**columns, **known})

    def _labels(self, table: pa.Table, now: datetime) -> dict[str, Any]:
        none = np.full(len(table), np.nan)
        if len(table) == 0 or self.runbook.labels is None:
            return {"label": none, "label_time": none}
        times = columns_time(table)
        labels = self.archive.labels(from_micros(int(times.min())), now)
        joined = join_labels(table, labels, now=now)
        said = table.column("prediction") if self.judge.plan.task == "multiclass" else None
        label = outcome(self.judge.plan, joined.column("label"), said)
        when = (
            joined.column("label_time").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).cast(pa.float64())
        )
        return {"label": label, "label_time": when.to_numpy(zero_copy_only=False).astype(np.float64)}


def _contained_at(incident: Incident) -> datetime | None:
    """When the first real measure was seen in traffic."""
    seen = [m.confirmed_at for m in incident.measures if not m.simulated and m.confirmed_at is not None]
    return min(seen, default=None)


def _pages(incident: Incident) -> list[Mapping[str, Any]]:
    """The first few alerts that page, or, where none does, of all."""
    return ([a for a in incident.alerts if a["urgency"] == "page"] or list(incident.alerts))[:MOST_ALERTS]


def _chosen(table: pa.Table, limit: int) -> Any:
    """Which rows stay, about ``limit`` of them: by request, so that a shadow call stays with its live
    call."""
    hashed = hash_text(table.column("request_id"))
    return (hashed % np.uint64(1 << 20)).astype(np.float64) < (1 << 20) * (limit / len(table))


def _telling(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The trigger, then pages before tickets and the whole service and versions before segments, as many as
    fit."""

    def order(place: int) -> tuple[bool, bool, int]:
        return findings[place].urgency != "page", findings[place].segment is not None, place

    kept = [0, *sorted(range(1, len(findings)), key=order)[: MOST_FINDINGS - 1]]
    return tuple(findings[place] for place in kept)


def _leading(z: Any) -> int:
    """The channel whose residuals lie farthest from 0 on average."""
    with np.errstate(all="ignore"):
        sums = np.abs(np.nansum(z, axis=0)) / np.sqrt(np.maximum(np.isfinite(z).sum(axis=0), 1))
    return int(np.argmax(sums)) if sums.size else 0


def columns_time(table: pa.Table) -> Any:
    """The time column as int64 microseconds [n]."""
    return table.column("time").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()


def _values(column: pa.ChunkedArray) -> Any:
    """An arrow column as triage takes it: numbers with NaN, words with "", times as microseconds."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(kind):
        return column.fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    words = column.cast(pa.string()).fill_null("")
    return words.to_numpy(zero_copy_only=False).astype(object)
