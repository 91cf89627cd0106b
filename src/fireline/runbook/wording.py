"""The runbook in words: what a responder reads instead of keys and values."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fireline.runbook.durations import say_duration
from fireline.runbook.schema import (
    DecisionRow,
    Exposure,
    MonitorRule,
    Runbook,
    Rung,
    SeverityRule,
    Silence,
    Slo,
)
from fireline.terms import words

CAUSES = {
    "deploy": "a deploy",
    "upstream_data": "broken data from upstream",
    "natural_drift": "the world moving by itself",
    "concept_drift": "the truth itself changing",
    "infrastructure": "the infrastructure",
    "attack": "an attack or abuse",
    "label_pipeline": "the labels, not the answers",
    "unknown": "unknown",
}
RUNGS = {
    "current": "the current model",
    "last_known_good": "the last-known-good version",
    "reduced": "a simpler model",
    "cached": "cached answers",
    "rules": "fixed rules",
    "closed": "refuse: no answer",
    "open": "let everything pass",
}
HARM = {
    "low": "A bad answer annoys somebody.",
    "medium": "A bad answer costs somebody money or time.",
    "high": "A bad answer can hurt somebody.",
}
AUTONOMY = {
    "advises": "A person decides with its help.",
    "supervised": "It decides, and a person can step in.",
    "alone": "It decides alone, and nobody looks.",
}
AUTHORITY = {
    "observe": "yours to do: Fireline only says so",
    "ask": "Fireline asks first",
    "auto": "Fireline does it at once",
}


def exposure(found: Exposure) -> list[str]:
    """Who is hurt and how badly, sentence by sentence."""
    undo = "It can be undone afterwards." if found.reversible else "It cannot be undone."
    users = [words.sentence(found.users)] if found.users.strip() else []
    return [*users, HARM[found.harm], undo, AUTONOMY[found.autonomy]]


def decision_when(row: DecisionRow) -> str:
    """The conditions of a decision row.

    >>> decision_when(DecisionRow(when={"cause": ["deploy"], "new_version": True}, action="rollback"))
    'the likeliest cause is a deploy, and one version alone is bad'
    """
    when, parts = row.when, []
    if "cause" in when:
        parts.append(f"the likeliest cause is {words.listing([CAUSES[c] for c in when['cause']], 'or')}")
    if "family" in when:
        families = [words.family(f) for f in when["family"]]
        parts.append(f"it began with {words.listing(families, 'or')}")
    if "severity" in when:
        parts.append(f"it is a {words.listing([str(s) for s in when['severity']], 'or')}")
    if "new_version" in when:
        parts.append("one version alone is bad" if when["new_version"] else "no version alone is bad")
    return ", and ".join(parts) or "nothing above fits"


def decision_does(row: DecisionRow, runbook: Runbook) -> str:
    """What a decision row does."""
    good = runbook.last_known_good.version if runbook.last_known_good else None
    to = row.params.get("to")
    target = str(to) if to and to != "last_known_good" else good or "the last-known-good version"
    if row.action == "none":
        return "change nothing"
    if row.action == "rollback":
        return f"roll back to {target}"
    if row.action == "route_share":
        share = row.params.get("share")
        part = (
            f"leave it {words.share(float(share))}" if isinstance(share, int | float) else "leave it a share"
        )
        return f"{part} of the traffic, send the rest to {target}"
    if row.action == "fallback":
        rungs = row.params.get("rungs") or [row.params.get("rung", "the next rung")]
        return f"fall back to {words.listing([RUNGS.get(str(r), str(r)) for r in rungs], 'or')}"
    return row.action.replace("_", " ")


def decision_terms(row: DecisionRow) -> str:
    """Who may do it, and until when."""
    if row.action == "none":
        return ""
    text = AUTHORITY[row.authority]
    if row.authority == "observe":
        return text
    if row.authority == "ask":
        silent = "does it" if row.unanswered == "do" else "leaves it"
        text += f"; without an answer in {say_duration(row.answer_within)} it {silent}"
    return f"{text}; ends by itself after {say_duration(row.expires)}"


def severity_when(rule: SeverityRule) -> str:
    """The conditions of a severity rule.

    >>> severity_when(SeverityRule(when={"urgency": "page", "share_at_least": 0.5}, severity="SEV1"))
    'somebody was paged, and at least 50 % of the traffic is affected'
    """
    return ", and ".join(_severity_part(*one) for one in rule.when.items()) or "in every other case"


def _severity_part(key: str, value: Any) -> str:
    match key:
        case "family":
            return f"{words.listing([words.family(one) for one in value], 'or')} raised an alert"
        case "urgency":
            return "somebody was paged" if value == "page" else "a ticket was opened"
        case "harm":
            return f"the harm is {words.listing(list(value), 'or')}"
        case "reversible":
            return "the harm can be undone" if value else "the harm cannot be undone"
        case "autonomy":
            return words.listing([words.clause(AUTONOMY[one]) for one in value], "or")
        case "share_at_least":
            return f"at least {words.share(value)} of the traffic is affected"
        case "effect_at_least":
            return f"it is at least {words.share(value)} worse than usual"
        case _:
            return f"an error budget burns {value:g} times too fast"


def slo(found: Slo) -> str:
    """An objective in words.

    >>> slo(Slo(name="speed", indicator="latency", objective=0.95, threshold=200))
    '95 % of answers within 200 ms, over 28 days'
    """
    share = f"{100 * found.objective:.4g} %"
    says = found.known.says
    if found.indicator == "freshness" and found.of is not None:
        says = "values of {of} no older than usual, or samples within its limit"
    said = says.format(
        threshold=found.threshold or 0, of=found.of, side="least" if found.side == "floor" else "most",
        slices=slices(found.sliced or timedelta(hours=1)),
    )  # fmt: skip
    return f"{share} of {said}, over {say_duration(found.window)}"


def slices(piece: timedelta) -> str:
    """Time slices of one length.

    >>> slices(timedelta(hours=1)), slices(timedelta(hours=6))
    ('hours', 'slices of 6 hours')
    """
    named = {timedelta(minutes=1): "minutes", timedelta(hours=1): "hours", timedelta(days=1): "days"}
    return named.get(piece, f"slices of {say_duration(piece)}")


def rung(found: Rung, runbook: Runbook) -> str:
    """What answers on a rung."""
    version = found.version
    if version is None and found.kind == "last_known_good" and runbook.last_known_good:
        version = runbook.last_known_good.version
    fails = (
        f"; if it fails too, it fails {found.fails}"
        if found.fails and found.kind not in ("closed", "open")
        else ""
    )
    return RUNGS[found.kind] + (f", {version}" if version else "") + fails


def monitor_rule(found: MonitorRule, zone: str) -> str:
    """What differs from the inferred monitors."""
    what = found.monitor.replace("_", " ") + (f" of {found.feature}" if found.feature else "")
    parts = ["off"] if found.off else []
    if found.tolerance is not None:
        parts.append(f"tolerance {found.tolerance:g}")
    if found.threshold is not None:
        parts.append(f"fixed threshold {found.statistic or ''} {found.threshold:g}".replace("  ", " "))
    if found.urgency is not None:
        parts.append(f"a {found.urgency}")
    if found.until is not None:
        parts.append(f"until {moment(found.until, zone)}")
    return f"{what}: {', '.join(parts) or 'as inferred'}"


def silence(found: Silence, zone: str) -> str:
    """What is silent, and until when."""
    parts = [found.monitor, found.feature, *(f"{k} {v}" for k, v in sorted((found.segment or {}).items()))]
    return f"{' '.join(p for p in parts if p)} until {moment(found.until, zone)}"


def moment(at: datetime, zone: str) -> str:
    """An instant where the users are, with the zone said."""
    return f"{words.day_time(at, zone)} ({zone})"
