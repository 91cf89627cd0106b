"""Did the measure help? Confirmed and effective are two facts; this is the second."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fireline.runbook.schema import Runbook
from fireline.terms import words
from fireline.terms.incident import Incident, State
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.standing import ERRANDS, last_verdict
from fireline.terms.timeline import Draft, EntryKind
from fireline.terms.verdict import Verdict, VerdictKind
from fireline.verify.comparison import SURE, Comparison, Figure

JUDGED_IN = (State.CONTAINING, State.CONTAINED, State.RECOVERING)


def judge_measure(
    incident: Incident, measure: Measure, evidence: Comparison | None, runbook: Runbook, now: datetime
) -> list[Draft]:
    """The verdict on a confirmed measure, as ``verdict`` and (with figures) ``effect`` entries.

    None when it is not to be judged now: it is not confirmed, or was judged already, or nothing new is to be
    said. An undecided verdict is written once, with what is missing.
    """
    if (
        measure.state is not MeasureState.CONFIRMED
        or measure.action in ERRANDS
        or incident.state not in JUDGED_IN
    ):
        return []
    if last_verdict(incident, measure.id) is not None:
        return []
    kind, because = _judge(measure, evidence, runbook)
    if kind is VerdictKind.UNDECIDED and _said(incident, measure):
        return []
    figures = evidence.as_json() if evidence else {}
    verdict = Verdict(now, kind, because, measure.id, measure.simulated, figures)
    drafts = [Draft(EntryKind.VERDICT, because, {"verdict": verdict.as_json()})]
    known = [f for f in evidence.figures if f.known] if evidence else []
    if evidence and known:
        says = words.sentence(known[0].says(evidence.harmed, evidence.contained))
        drafts.append(Draft(EntryKind.EFFECT, says, {"measure": measure.id, "effect": effect(evidence)}))
    return drafts


def _said(incident: Incident, measure: Measure) -> bool:
    return any(v.get("measure") == measure.id for v in incident.verdicts)


def effect(evidence: Comparison) -> dict[str, object]:
    """The measured effect: for each figure that is known, without and with the measure."""
    return {
        "how": evidence.how,
        "figures": [
            {"name": f.name, "without": round(f.pair.harmed, 6), "with": round(f.pair.contained, 6),
             "usual": round(f.reference, 6), "se": round(f.pair.gap_se, 6), "n": f.pair.n_contained}
            for f in evidence.figures
            if f.known and f.pair is not None
        ],
    }  # fmt: skip


def _judge(measure: Measure, evidence: Comparison | None, runbook: Runbook) -> tuple[VerdictKind, str]:
    if evidence is None:
        return VerdictKind.UNDECIDED, _nothing_seen(measure, runbook)
    said = {
        kind: [f for f in evidence.drivers if f.judged() == kind]
        for kind in ("effective", "ineffective", "harmless")
    }
    what = _what(measure)
    if said["effective"] and not _made_worse(evidence.drivers):
        why = _figures(said["effective"], evidence)
        rest = _rest(said["effective"]) + _no_better(said["ineffective"], evidence) + _beside(evidence)
        return VerdictKind.EFFECTIVE, words.sentence(f"{what} {_helps(measure)}: {why}{rest}")
    if said["ineffective"] and not said["effective"]:
        why = _figures(said["ineffective"], evidence)
        return VerdictKind.INEFFECTIVE, words.sentence(f"{what} {_helps_not(measure)}: {why}")
    return VerdictKind.UNDECIDED, words.sentence(
        f"whether {what} helps is not decided: {_missing(evidence, said)}"
    )


def _made_worse(figures: Iterable[Figure]) -> list[Figure]:
    """The figures that are surely worse with the measure, by an amount that matters, and worse than usual."""
    return [
        f
        for f in figures
        if f.known
        and f.pair
        and f.gap < -SURE * f.pair.gap_se
        and -f.gap >= max(f.tolerance, f.scale / 4)
        and f.left > f.tolerance
    ]


def _no_better(figures: list[Figure], evidence: Comparison) -> str:
    if not figures:
        return ""
    return f"; but {figures[0].says(evidence.harmed, evidence.contained)}: that has another cause"


def _what(measure: Measure) -> str:
    if measure.action == "rollback":
        return f"the rollback to {measure.params.get('to')}"
    if measure.action == "fallback":
        return f"the fallback to {measure.params.get('rung')}"
    return f"the {measure.action.replace('_', ' ')}"


def _helps(measure: Measure) -> str:
    return "would have helped" if measure.simulated else "helped"


def _helps_not(measure: Measure) -> str:
    return "would not have helped" if measure.simulated else "did not help"


def _figures(figures: list[Figure], evidence: Comparison) -> str:
    shown = "; ".join(f.says(evidence.harmed, evidence.contained) for f in figures[:3])
    most = max(f.pair.n_contained for f in figures if f.pair)
    unit = "ticks" if evidence.how == "series" else "requests"
    same = "the same " if evidence.how == "shadow" else ""
    return f"{shown} ({same}{words.number(most)} {unit})"


def _rest(figures: list[Figure]) -> str:
    """What the measure does not take away, where that is more than days differ by."""
    left = [f for f in figures if f.left_for_sure > f.tolerance]
    if not left:
        return ""
    worst = max(left, key=lambda f: f.left / max(f.harm, 1e-12))
    return (
        f"; about {words.share(worst.left / worst.harm)} of the harm is left, so the version is not all of it"
    )


def _beside(evidence: Comparison) -> str:
    """A figure nobody alerted on that the measure makes worse."""
    worse = _made_worse(f for f in evidence.figures if not f.wanted)
    return f"; but beware, {worse[0].says(evidence.harmed, evidence.contained)}" if worse else ""


def _missing(evidence: Comparison, said: dict[str, list[Figure]]) -> str:
    worse = _made_worse(evidence.drivers)
    if worse:
        better = _figures(said["effective"], evidence) if said["effective"] else "nothing"
        return f"it makes {better} better and {_figures(worse, evidence)} worse"
    wanted = [f for f in evidence.figures if f.wanted]
    open_ones = [f for f in evidence.drivers if f.judged() == "undecided"]
    if open_ones:
        return f"more events are needed; so far {_figures(open_ones, evidence)}"
    if said["harmless"]:
        return (
            f"the traffic {evidence.harmed} shows no harm in this time: "
            f"{_figures(said['harmless'], evidence)}"
        )
    return (
        "; ".join(f"{f.name}: {f.missing}" for f in wanted[:3]) or "no figure of the alerts can be compared"
    )


def _nothing_seen(measure: Measure, runbook: Runbook) -> str:
    what = _what(measure)
    if measure.simulated and measure.action in ("rollback", "route_share"):
        return words.sentence(
            f"whether {what} helps is not decided: the log has no shadow answers of "
            f"{measure.params.get('to')} on this "
            f"traffic, so nothing shows what it would have said"
        )
    if measure.simulated:
        return words.sentence(
            f"whether {what} helps is not decided: nothing in the log shows how that rung would have answered"
        )
    if measure.action == "fallback":
        return words.sentence(
            f"whether {what} helps is not decided: what alerted is moved by the fallback itself; repair the "
            f"cause, then undo it and see"
        )
    return words.sentence(f"whether {what} helps is not decided: no events have come since it was confirmed")
