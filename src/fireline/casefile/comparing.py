"""Whether a measure helps: the same requests answered both ways, the shadow, figures before and since; and
which findings a simulated measure would have kept from happening."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol, cast

import numpy as np

from fireline.beside import before_only, beside, both_ways
from fireline.clock import micros, parse_time
from fireline.detect.judge import Judge
from fireline.reader import CountsReader
from fireline.recording import Archive
from fireline.runbook.schema import Runbook
from fireline.terms.alert import Finding, finding_of
from fireline.terms.incident import Incident, State
from fireline.terms.measure import LIVE, Measure, MeasureState
from fireline.triage.case import Frame, Trace
from fireline.verify import Comparison, Figure, moot, series, series_figure, shadow
from fireline.verify.rows import flag, take, text

LEAD = timedelta(days=3)
LONGEST = timedelta(days=14)
MOST_ALERTS = 6
KEPT = 6
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


class Looking(Protocol):
    """What is looked at: the case file's traces and rows."""

    judge: Judge
    read: CountsReader
    archive: Archive
    runbook: Runbook

    def trace(self, finding: Finding, since: datetime, now: datetime) -> Trace | None: ...

    def before(self, since: datetime) -> Frame: ...

    def after(self, since: datetime, now: datetime, columns: list[str] | None = None) -> Frame: ...

    def only_counts(self, since: datetime, now: datetime) -> bool: ...


@dataclass
class Held:
    """An incident with the simulated measure that holds in it, and what the shadow lately says of that."""

    incident: Incident
    measure: Measure
    look: Callable[[Incident, Measure], Comparison | None]

    @cached_property
    def lately(self) -> Comparison | None:
        return self.look(self.incident, self.measure)


@dataclass
class Comparing:
    """Compares as of a moment; the last few answers are kept: several steps of a tick ask for the same."""

    file: Looking
    _holding: tuple[datetime, list[Held]] | None = field(default=None, repr=False)
    _seen: OrderedDict[tuple[object, ...], Any] = field(default_factory=OrderedDict, repr=False)

    def comparison(self, incident: Incident, measure: Measure, now: datetime) -> Comparison | None:
        """What the version a simulated measure goes back to said of the same requests, in its shadow."""
        since = incident.onset[0] if incident.onset else incident.opened_at
        if not measure.simulated:
            return self._since(incident, measure, max(since, now - LONGEST), now)
        return self._shadow(incident, measure, max(since, now - LONGEST), now)

    def watched(self, incident: Incident, now: datetime) -> Comparison | None:
        """The same since the watch began."""
        held = [m for m in incident.measures if m.simulated and m.state is MeasureState.CONFIRMED]
        if not held or incident.watch_until is None:
            return None
        return self._shadow(incident, held[-1], incident.watch_until - self.file.runbook.watch, now)

    def is_moot(self, finding: Finding, now: datetime) -> bool:
        """Whether the finding is about recorded traffic that a simulated measure would have taken away, or is
        what a fallback of ours is."""
        if finding.monitor == FALLBACK and self._we_fell_back():
            return True
        if self._holding is None or self._holding[0] != now:
            self._holding = now, self._held(now)
        return any(_moot_there(held, finding, now) for held in self._holding[1])

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
            a for a in pages_of(incident) if not (measure.action == "fallback" and a["monitor"] == FALLBACK)
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
        if self.file.only_counts(since, now):
            spans = both_ways(good, str(out), since, began, now)
            told = pages_of(incident)
            return beside(self.file.judge, self.file.read, told, spans, good, str(out)) if out else None
        columns = dict(self.file.after(since, now, sorted(wanted)).columns)
        hidden, version = flag(columns, "shadow"), text(columns, "version")
        later = columns["time"] >= micros(began)
        bad = measure.params.get("from", measure.params.get("version"))
        columns["shadow"] = np.where(later, version == good, hidden)
        if bad is not None:
            columns = take(columns, (version == good) | (version == str(bad)))
        usual = {name: c for name, c in self.file.before(since).columns.items() if name in wanted}
        found = shadow(
            columns, usual, good=good, bad=bad, alerts=incident.alerts, since=since, until=now,
            timezone=self.file.runbook.timezone,
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
        before = self.file.trace(finding, since, began)
        out = (measure.params.get("from"), measure.params.get("version"))
        gone = finding.version is not None and finding.version in out
        after = self.file.trace(
            replace(finding, version=None, against=None) if gone else finding, confirmed, now
        )
        if before is None or after is None or alert["seen"] is None or alert["usual"] is None:
            return None
        level = float(np.nanmean(after.usual)) if len(after.usual) else float(alert["usual"])
        return series_figure(
            alert, before.seen - before.usual + level, after.seen - after.usual + level, level,
            tolerance=abs(float(alert["seen"]) - float(alert["usual"])) / 4,
            infl=max(before.infl, after.infl),
        )  # fmt: skip

    def _shadow(
        self, incident: Incident, measure: Measure, since: datetime, now: datetime
    ) -> Comparison | None:
        if measure.action not in GOING_BACK or now <= since:
            return None
        key = (incident.id, measure.id, since, now, len(incident.alerts))
        found = self._once(key, lambda: self._compare(incident, measure, since, now))
        return cast("Comparison | None", found)

    def _compare(
        self, incident: Incident, measure: Measure, since: datetime, now: datetime
    ) -> Comparison | None:
        if self.file.only_counts(since, now):
            return self._counted(incident, measure, since, now)
        wanted = self._compared(incident)
        return shadow(
            self.file.after(since, now, sorted(wanted)).columns,
            {name: c for name, c in self.file.before(since).columns.items() if name in wanted},
            good=str(measure.params["to"]),
            bad=measure.params.get("from", measure.params.get("version")), alerts=incident.alerts,
            since=since, until=now, timezone=self.file.runbook.timezone,
        )  # fmt: skip

    def _counted(
        self, incident: Incident, measure: Measure, since: datetime, now: datetime
    ) -> Comparison | None:
        """The same by counts, where only counts come."""
        good, bad = str(measure.params["to"]), measure.params.get("from", measure.params.get("version"))
        if bad is None:
            return None
        spans = before_only(good, str(bad), since, now)
        return beside(self.file.judge, self.file.read, pages_of(incident), spans, good, str(bad))

    def _compared(self, incident: Incident) -> frozenset[str]:
        """The columns a comparison of the incident's figures looks at."""
        features = {str(a["feature"]) for a in incident.alerts if a["feature"]}
        segments = {name for a in incident.alerts for name in (a["segment"] or {})}
        return ALWAYS_COMPARED | features | segments | frozenset(self.file.judge.plan.flags)

    def _we_fell_back(self) -> bool:
        """Whether a measure on production sends calls to a lower rung now."""
        live = self.file.archive.store.measures(self.file.runbook.service, states=LIVE)
        return any(m.action == "fallback" and not m.simulated and m.applied_at for m in live)

    def _held(self, now: datetime) -> list[Held]:
        """Incidents with the simulated measure that holds in them, as seen from ``now``."""

        def look(incident: Incident, measure: Measure) -> Comparison | None:
            return self._lately(incident, measure, now)

        found = []
        for incident in self.file.archive.store.standing(self.file.runbook.service):
            held = [m for m in incident.measures if m.simulated and m.confirmed_at and m.params.get("to")]
            if held and incident.state not in UNHELD:
                found.append(Held(incident, held[-1], look))
        return found

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


def _moot_there(held: Held, finding: Finding, now: datetime) -> bool:
    """A finding about the version taken out is moot; of others the shadow knows whether going back would
    help."""
    out = (held.measure.params.get("from"), held.measure.params.get("version"))
    taken_out = finding.version is not None and finding.version in out
    if taken_out and finding.at >= (held.measure.confirmed_at or now):
        return True
    return moot(held.incident, finding, held.lately) is not None


def pages_of(incident: Incident) -> list[Mapping[str, Any]]:
    """The first few alerts that page, or, where none does, of all."""
    return ([a for a in incident.alerts if a["urgency"] == "page"] or list(incident.alerts))[:MOST_ALERTS]
