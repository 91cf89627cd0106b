"""From a row of the decision table to a measure that makes sense now, or to the reason why none does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fireline.contain import ladder
from fireline.contain.facts import Facts
from fireline.contain.spent import why_not_again
from fireline.runbook.schema import DecisionRow, Runbook, Rung
from fireline.terms import words
from fireline.terms.incident import Incident

LAST_KNOWN_GOOD = "last_known_good"
ALL = 0.999


@dataclass(frozen=True, slots=True)
class Proposal:
    """A measure as it would be.

    ``before`` says how calls go now, which is what undoing restores; ``why`` why this measure, ``instead_of``
    why not the one the row asked for.
    """

    action: str
    params: Mapping[str, Any]
    infinitive: str
    past: str
    dry_run: str
    expected: str
    before: str
    why: str = ""
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row that holds is passed over; ``spent`` when it made sense and was tried or refused already."""

    because: str
    spent: bool = False


def propose(incident: Incident, facts: Facts, row: DecisionRow, runbook: Runbook) -> Proposal | Refusal:
    """What ``row`` asks for, made concrete.

    A rollback that makes no sense falls down the ladder instead; one that was tried leaves it to the next
    row.
    """
    if row.action == "fallback":
        return _fallback(incident, facts, row, runbook)
    if row.action not in ("rollback", "route_share"):
        return Refusal(
            f"nothing can do `{row.action}`: the runbook may name rollback, route_share, fallback or none"
        )
    found = _to_older(incident, facts, row, runbook)
    if isinstance(found, Proposal) or found.spent:
        return found
    lower = _fallback(incident, facts, row, runbook, instead_of=found.because)
    return lower if isinstance(lower, Proposal) else Refusal(f"{found.because}; {lower.because}")


def _to_older(incident: Incident, facts: Facts, row: DecisionRow, runbook: Runbook) -> Proposal | Refusal:
    to = row.params.get("to", LAST_KNOWN_GOOD)
    if to == LAST_KNOWN_GOOD:
        if runbook.last_known_good is None:
            return Refusal("the runbook names no last-known-good version to go back to")
        to = runbook.last_known_good.version
    if (beside := facts.beside_versions) is not None:
        says = f'{beside.kind} "{beside.what}" came with no version, so an older version does not undo it'
        return Refusal(f"{says}: whoever made it takes it back")
    bad = facts.bad_version or _most_served(facts, but=to)
    if bad is None:
        return Refusal(f"no version other than {to} is known to serve")
    if to == bad:
        return Refusal(f"{to} is the version that is bad")
    if to in facts.equally_bad:
        return Refusal(f"{to} is as bad as {bad} on the same traffic")
    if facts.shares.get(to, 0.0) >= ALL:
        return Refusal(f"{to} answers everything already")
    found = (
        _rollback(incident, facts, runbook, to, bad)
        if row.action == "rollback"
        else _route(incident, facts, row, to, bad)
    )
    again = why_not_again(incident, found.action, found.params)
    return Refusal(f"to {found.infinitive}: {again}", spent=True) if again else found


def _most_served(facts: Facts, but: str) -> str | None:
    others = sorted((v for v in facts.shares if v != but), key=lambda v: (-facts.shares[v], v))
    return others[0] if others else None


def _rollback(incident: Incident, facts: Facts, runbook: Runbook, to: str, bad: str) -> Proposal:
    good = runbook.last_known_good
    known_by = good.known_by if good and good.version == to else ""
    served = (
        f", which answers {words.share(facts.shares[bad])} of the traffic now," if bad in facts.shares else ""
    )
    return Proposal(
        "rollback",
        {"from": bad, "to": to},
        infinitive=f"roll back {bad} to {to}",
        past=f"rolled back {bad} to {to}",
        dry_run=f"All traffic goes to {to}; {bad}{served} answers nothing any more.",
        expected=_expected(incident),
        before=_now(facts, bad),
        why=f"{to} is known good: {words.clause(known_by)}" if known_by else "",
    )


def _route(incident: Incident, facts: Facts, row: DecisionRow, to: str, bad: str) -> Proposal:
    share = float(row.params.get("share", 0.0))
    return Proposal(
        "route_share",
        {"version": bad, "share": share, "to": to},
        infinitive=f"leave {bad} only {words.share(share)} of the traffic and give the rest to {to}",
        past=f"left {bad} only {words.share(share)} of the traffic and given the rest to {to}",
        dry_run=f"{words.share(share)} of the traffic goes to {bad}, {words.share(1 - share)} to {to}.",
        expected=_expected(incident, share),
        before=_now(facts, bad),
    )


def _now(facts: Facts, bad: str) -> str:
    share = facts.shares.get(bad)
    return (
        f"{bad} answers {words.share(share)} of the calls" if share is not None else "all calls the usual way"
    )


def _fallback(
    incident: Incident, facts: Facts, row: DecisionRow, runbook: Runbook, instead_of: str = ""
) -> Proposal | Refusal:
    before = facts.rung or next((rung.name for rung in runbook.ladder if rung.kind == "current"), "current")

    def tried(rung: Rung) -> str | None:
        return why_not_again(incident, "fallback", {"rung": rung.name})

    rung, why = ladder.choose(runbook, facts, _wanted(row), tried)
    if rung is None:
        return Refusal(why)
    said = f"rung {rung.name} ({ladder.KIND_WORDS[rung.kind]})"
    loses = f" {words.sentence(rung.because)}" if rung.because else ""
    return Proposal(
        "fallback",
        {"rung": rung.name, "from": before},
        infinitive=f"fall back to {said}",
        past=f"fallen back to {said}",
        dry_run=f"Every request is answered by {said} instead of {before}.{loses}",
        expected=_expected(incident),
        before=f"all calls from rung {before}",
        instead_of=instead_of,
    )


def _wanted(row: DecisionRow) -> tuple[str, ...]:
    """The rungs a row names, by name or kind; none means: the safe kinds in their order."""
    given = row.params.get("rung", row.params.get("rungs", ()))
    return (given,) if isinstance(given, str) else tuple(str(one) for one in given)


def _expected(incident: Incident, left: float = 0.0) -> str:
    """The figure that hurts most, and where it should go back to; ``left`` is the share that stays
    exposed."""
    hurting = [a for a in incident.alerts if a.get("seen") is not None and a.get("usual") is not None]
    pages = [a for a in hurting if a["urgency"] == "page"] or hurting
    if not pages:
        return "The figures that alerted go back to what is usual."
    worst = max(pages, key=lambda a: (a["family"] in words.HARM, a["evidence"] - a["threshold"], a["id"]))
    seen, usual = float(worst["seen"]), float(worst["usual"])
    goal = usual + left * (seen - usual)
    unit, kind = str(worst.get("unit") or ""), str(worst["family"])
    said = words.sentence(words.family(kind)).rstrip(".")
    return f"{said} back from {words.figure(seen, kind, unit)} to about {words.figure(goal, kind, unit)}."
