"""After the harm is gone: a service that recovered by itself, the watch period, relapse, and resolution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fireline.clock import iso
from fireline.runbook.schema import Runbook
from fireline.terms import words
from fireline.terms.alert import Finding
from fireline.terms.fold import apply
from fireline.terms.guards import may_reach
from fireline.terms.incident import Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.standing import open_temporary, standing, watch_passed
from fireline.terms.timeline import Draft, Entry, EntryKind
from fireline.terms.verdict import Verdict, VerdictKind
from fireline.verify import waiting
from fireline.verify.comparison import Comparison, Figure
from fireline.verify.recovery import Recovery
from fireline.verify.wishes import BY_FEATURE

K = EntryKind
GOING_BACK = ("rollback", "route_share")
OPEN = (State.TRIAGING, State.CONTAINING, State.CONTAINED, State.RECOVERING)


@dataclass(frozen=True, slots=True)
class Signals:
    """What was seen since the watch began.

    ``findings`` are the judge's on recorded traffic; ``comparison`` the shadow's on that same traffic, where
    a measure is only simulated; ``recoveries`` one for each paging alert (each alert, where none pages).
    """

    findings: tuple[Finding, ...] = ()
    comparison: Comparison | None = None
    recoveries: tuple[Recovery, ...] = ()


def judge_recovery(
    incident: Incident, recoveries: Sequence[Recovery], runbook: Runbook, now: datetime
) -> list[Draft]:
    """Entries for a service that recovered by itself: ``verdict`` recovered, the way to verifying, and
    ``watch``.

    Nothing while one recovery is missing, or while a real measure is live (then its own verdict counts).
    Simulated measures are taken back: nothing of ours made it well.
    """
    live = standing(incident)
    if incident.state not in OPEN or not recoveries or not all(r.recovered for r in recoveries):
        return []
    if any(not m.simulated or m.state is MeasureState.CLAIMED for m in live):
        return []
    because = words.sentence(f"{_by_itself(incident)}: {_recovered_says(recoveries)}")
    figures = {"recoveries": [r.as_json() for r in recoveries]}
    verdict = Verdict(now, VerdictKind.RECOVERED, because, figures=figures)
    drafts = [Draft(K.VERDICT, because, {"verdict": verdict.as_json()})]
    drafts += [_taken_back(measure) for measure in live if measure.temporary]
    for state in (State.RECOVERING, State.VERIFYING):
        after = _after(incident, drafts, now)
        if may_reach(after, State.VERIFYING) is None:
            drafts.append(
                Draft(K.MOVED, "The harm is gone by itself; now it must stay away.", {"to": "verifying"})
            )
            break
        if state is State.RECOVERING and may_reach(after, state) is None:
            drafts.append(Draft(K.MOVED, "The harm is gone by itself.", {"to": "recovering"}))
    return [*drafts, _begin_watch(runbook, now)]


def _by_itself(incident: Incident) -> str:
    if any(m.applied_at and not m.simulated for m in incident.measures):
        return "the service is well again with no measure of ours in force"
    return "the service recovered without a measure of ours"


def _taken_back(measure: Measure) -> Draft:
    if measure.state is MeasureState.CONFIRMED:
        because = "It was only simulated, and the recorded service recovered without it: taken back."
        return Draft(K.UNDONE, because, {"measure": measure.id})
    because = "The recorded service recovered before it was in force."
    return Draft(K.EXPIRED, because, {"measure": measure.id})


def _recovered_says(recoveries: Iterable[Recovery]) -> str:
    return words.listing(list(dict.fromkeys(r.because for r in recoveries))[:4])


def _after(incident: Incident, drafts: Iterable[Draft], now: datetime) -> Incident:
    """The incident as it will be once ``drafts`` are written."""
    for draft in drafts:
        seq = len(incident.timeline) + 1
        incident = apply(
            incident, Entry(incident.id, seq, now, draft.kind, draft.by, draft.because, draft.data)
        )
    return incident


def _begin_watch(runbook: Runbook, now: datetime, because: str = "", waits: str = "") -> Draft:
    until = now + runbook.watch
    why = because or f"All must be quiet for {words.length(runbook.watch)} before it is called resolved."
    why = f"{why} {waits}".strip()
    return Draft(K.WATCH, why, {"until": iso(until)})


# -- the watch period ----------------------------------------------------------------------------------------


def watch(incident: Incident, signals: Signals, runbook: Runbook, now: datetime) -> list[Draft]:
    """One look during the watch period of a verifying incident.

    It begins the period, ends it in a relapse (back to triaging), or at its end resolves the incident; where
    the figures cannot tell at the end, it watches on and says what is missing.
    """
    if incident.state is not State.VERIFYING:
        return []
    if incident.watch_until is None:
        return [_begin_watch(runbook, now, waits=_waits(incident, signals, runbook, now))]
    relapse = _relapse(incident, signals)
    if relapse:
        return _relapsed(incident, relapse, now)
    if watch_passed(incident):
        return _resolve(incident, incident, now)
    if now < incident.watch_until:
        return []
    well, says = _well(incident, signals)
    if not well:
        return _watch_on(incident, says, runbook, now, _waits(incident, signals, runbook, now))
    because = words.sentence(f"quiet for the whole watch period of {words.length(runbook.watch)}{says}")
    figures = signals.comparison.as_json() if signals.comparison else {}
    held = _simulated(incident)
    verdict = Verdict(
        now, VerdictKind.RECOVERED, because, held.id if held else None, held is not None, figures
    )
    drafts = [Draft(K.VERDICT, because, {"verdict": verdict.as_json()})]
    return drafts + _resolve(incident, _after(incident, drafts, now), now)


def _waits(incident: Incident, signals: Signals, runbook: Runbook, now: datetime) -> str:
    """What the figures still wait for, and until about when; nothing where recorded traffic cannot tell, of a
    measure that was only simulated."""
    if _simulated(incident) is not None:
        return ""
    return waiting.listing([
        waiting.says(r.name, r.wait, now, runbook.timezone)
        for r in signals.recoveries if not r.recovered and r.name
    ])  # fmt: skip


def _simulated(incident: Incident) -> Measure | None:
    """The simulated measure that holds in a replay: recorded traffic does not obey it."""
    held = [m for m in incident.measures if m.simulated and m.state is MeasureState.CONFIRMED]
    return held[-1] if held else None


def _relapse(incident: Incident, signals: Signals) -> str | None:
    """Why it is a relapse, or None."""
    held = _simulated(incident)
    if held is not None and signals.comparison is not None:
        bad = [f for f in _drivers(incident, held, signals.comparison) if f.well() is False]
        if bad and not _all_recovered(signals):
            shown = "; ".join(
                f.says(signals.comparison.harmed, signals.comparison.contained) for f in bad[:2]
            )
            return f"it would not have stayed well: {shown}"
    kept = [f for f in signals.findings if same_trouble(incident, f) and not _moot(held, f)]
    if kept:
        first = min(kept, key=lambda f: (f.at, f.series, f.scope_key))
        return first.because or f"{words.family(first.family)} is off again"
    return None


def _drivers(incident: Incident, held: Measure | None, comparison: Comparison) -> tuple[Figure, ...]:
    """The figures this measure was seen to help; what has another cause neither relapses nor holds it up
    here."""
    helped = {
        (f["family"], f["feature"], str(f["segment"]))
        for verdict in incident.verdicts
        if held is not None
        and verdict.get("measure") == held.id
        and verdict["verdict"] == VerdictKind.EFFECTIVE.value
        for f in verdict.get("figures", {}).get("figures", ())
        if f["judged"] == "effective" and f["wanted"]
    }
    own = tuple(
        f
        for f in comparison.figures
        if (f.family, f.feature, str(dict(f.segment) if f.segment else None)) in helped
    )
    return own or comparison.drivers


def same_trouble(incident: Incident, finding: Finding) -> bool:
    """Whether ``finding`` is of a family (and feature) that this incident is about."""
    pages = [a for a in incident.alerts if a["urgency"] == "page"] or list(incident.alerts)
    for alert in pages:
        if alert["family"] != finding.family:
            continue
        if finding.family not in BY_FEATURE or alert.get("feature") == finding.feature:
            return True
    return False


def _moot(held: Measure | None, finding: Finding) -> bool:
    """Whether a simulated measure would have kept ``finding`` from happening: it is about traffic that would
    not be."""
    if held is None:
        return False
    if held.action not in GOING_BACK or finding.version is None:
        return True
    return finding.version != held.params.get("to")


def moot(incident: Incident, finding: Finding, comparison: Comparison | None = None) -> str | None:
    """Why a finding on recorded traffic needs no new incident in a replay, or None when it does.

    A replay cannot take the bad version out of its log, so what that version goes on doing would fire for
    ever. Such a finding is moot while the shadow on the same traffic (``comparison``) shows no harm in its
    family, and, without one, when it is the trouble the incident was about.
    """
    held = _simulated(incident)
    if held is None or finding.at < (held.confirmed_at or finding.at) or not _moot(held, finding):
        return None
    figures = [f for f in comparison.figures if f.family == finding.family] if comparison else []
    if any(f.well() is False for f in figures):
        return None
    by_bad_version = finding.version is not None and finding.version in (
        held.params.get("from"),
        held.params.get("version"),
    )
    if not (by_bad_version or same_trouble(incident, finding) or any(f.well() for f in figures)):
        return None
    return f"It would not have happened: {held.because[:1].lower()}{held.because[1:]}"


def _all_recovered(signals: Signals) -> bool:
    return bool(signals.recoveries) and all(r.recovered for r in signals.recoveries)


def _relapsed(incident: Incident, why: str, now: datetime) -> list[Draft]:
    held = _simulated(incident)
    because = words.sentence(f"it came back within the watch period: {words.clause(why)}")
    verdict = Verdict(now, VerdictKind.RELAPSED, because, held.id if held else None, held is not None)
    return [
        Draft(K.VERDICT, because, {"verdict": verdict.as_json()}),
        Draft(K.MOVED, because, {"to": "triaging"}),
    ]


def _well(incident: Incident, signals: Signals) -> tuple[bool, str]:
    """Whether it may be called resolved, and the words for it: what was seen, or what is missing."""
    if _all_recovered(signals):
        return True, f"; {_recovered_says(signals.recoveries)}"
    if _simulated(incident) is None:
        waiting = [r.because for r in signals.recoveries if not r.recovered]
        if not signals.recoveries:
            return False, "nothing measured whether the figures are back"
        return False, words.listing(waiting[:3])
    comparison = signals.comparison
    if comparison is None:
        return False, "the log has no shadow answers since the watch began"
    drivers = _drivers(incident, _simulated(incident), comparison)
    open_ones = [f for f in drivers if f.well() is None]
    if open_ones or not drivers:
        missing = [
            f"{f.name}: {f.missing or 'too few events'}" for f in (open_ones or comparison.figures)[:3]
        ]
        return False, words.listing(missing) or "no figure of the alerts can be compared"
    shown = "; ".join(f.says(comparison.harmed, comparison.contained) for f in drivers[:2])
    return True, f", as far as the shadow tells: {shown}"


def _watch_on(incident: Incident, missing: str, runbook: Runbook, now: datetime, waits: str) -> list[Draft]:
    because = words.sentence(f"the watch period is over and it cannot be called well yet: {missing}")
    because = f"{because} {waits}".strip()
    verdict = Verdict(now, VerdictKind.UNDECIDED, because)
    return [Draft(K.VERDICT, because, {"verdict": verdict.as_json()}), _begin_watch(runbook, now, because)]


def _resolve(incident: Incident, after: Incident, now: datetime) -> list[Draft]:
    """The way to resolved from ``after``, or what a person must do first (said once)."""
    drafts: list[Draft] = []
    for measure in open_temporary(after):
        if not measure.simulated:
            ask = (
                f"Undo {measure.action} {measure.id}, or accept it as permanent: the watch period has passed."
            )
            return [] if ask in incident.checks else [Draft(K.NEXT, ask, {"checks": [ask, *incident.checks]})]
        drafts.append(_settled(measure))
    return [
        *drafts,
        Draft(K.MOVED, "The watch period has passed and nothing temporary is left.", {"to": "resolved"}),
    ]


def _settled(measure: Measure) -> Draft:
    if measure.action in GOING_BACK and measure.state is MeasureState.CONFIRMED:
        because = f"Accepted as permanent in the replay: {measure.params.get('to')} goes on serving."
        return Draft(K.KEPT, because, {"measure": measure.id})
    kind = K.UNDONE if measure.state in (MeasureState.APPLIED, MeasureState.CONFIRMED) else K.EXPIRED
    return Draft(kind, "The service stands without it: taken back.", {"measure": measure.id})
