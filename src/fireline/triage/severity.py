"""How bad it is: the runbook's severity map first, else harm, its size, its share of the traffic and who is
exposed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fireline.terms.alert import Finding
from fireline.terms.severity import Severity
from fireline.triage.words import figure as say
from fireline.triage.words import share as as_share

if TYPE_CHECKING:
    from fireline.runbook.schema import Runbook, Slo

HARMFUL: Mapping[str, str] = {
    "error_rate": "answers fail",
    "latency": "answers are slow",
    "auc": "the model ranks worse",
    "accuracy": "the model is wrong more often",
    "calibration": "probabilities are off",
    "kpi": "the business figure moved",
    "toxic_rate": "toxic answers rose",
    "refusal_rate": "refusals rose",
    "pii": "personal data leaked",
    "injection": "injected requests rose",
    "fairness": "groups are treated unequally",
    "traffic": "traffic changed",
    "freshness": "no data arrives",
    "canary": "the new version is worse",
    "score_drift": "scores moved",
}
ABSOLUTE = frozenset({"drift", "score_drift", "calibration", "fairness"})
"""Families whose usual figure lies about zero: their effect is the difference itself."""
GRAVE = frozenset({"pii", "toxic_rate", "injection"})


@dataclass(frozen=True)
class Harm:
    """What severity is judged by. ``effect`` is how much worse, relative to usual (1 = twice as bad);
    ``share`` of the traffic that is affected; ``burn`` the worst burn rate of a declared objective, 0 when
    none burns."""

    findings: tuple[Finding, ...]
    effect: float
    share: float
    burn: float
    worst: Finding | None

    @property
    def paged(self) -> bool:
        return any(f.urgency == "page" for f in self.findings)

    @property
    def families(self) -> frozenset[str]:
        return frozenset(f.family for f in self.findings)


def harm_of(findings: tuple[Finding, ...], share: float, runbook: Runbook) -> Harm:
    """The harm in the findings: the largest relative effect among the harmful families, else among all."""
    harmful = [f for f in findings if f.family in HARMFUL] or list(findings)
    sized = sorted(((effect_of(f), -i) for i, f in enumerate(harmful)), reverse=True)
    effect, place = sized[0] if sized else (0.0, 0)
    return Harm(findings, effect, share, max((burn_of(f, runbook) for f in findings), default=0.0),
                harmful[-place] if sized else None)  # fmt: skip


def effect_of(finding: Finding) -> float:
    """How much worse than usual, relative to usual: 1 means twice as bad. For AUC the loss of what it has
    over chance, for accuracy the growth of the error; 0 when unknown."""
    seen, usual = finding.seen, finding.usual
    if seen is None or usual is None or not (math.isfinite(seen) and math.isfinite(usual)):
        return 0.0
    if finding.family == "auc" and finding.unit in ("", "AUC"):
        return max(0.0, (usual - seen) / max(usual - 0.5, 0.02))
    if finding.family == "accuracy" and finding.unit == "share" and 0 < usual < 1:
        return max(0.0, (usual - seen) / max(1 - usual, 0.01))
    if finding.unit.endswith(("sd", "difference")) or finding.family in ABSOLUTE:
        return abs(seen - usual)
    if usual == 0:
        return 10.0 if seen else 0.0
    return min(abs(seen - usual) / max(abs(usual), 1e-3), 1000.0)


def burn_of(finding: Finding, runbook: Runbook) -> float:
    """How fast a finding spends the error budget of the declared objectives: 1 spends it exactly."""
    if finding.seen is None:
        return 0.0
    worst = 0.0
    for slo in runbook.slos:
        budget = 1 - slo.objective
        if (slo.indicator == "availability" and finding.family == "error_rate" and budget > 0) or (
            budget > 0 and _bad_of(slo, finding)
        ):
            worst = max(worst, finding.seen / budget)
        elif slo.indicator == "accuracy" and finding.monitor == "accuracy" and budget > 0:
            wrong = finding.seen if finding.unit == "share wrong" else 1 - finding.seen
            worst = max(worst, wrong / budget)
        elif (
            slo.indicator == "latency"
            and finding.family == "latency"
            and budget > 0
            and 0 <= finding.seen <= 1
        ):
            worst = max(worst, finding.seen / budget)
        elif slo.indicator == "auc" and finding.monitor == "auc" and slo.objective > 0.5:
            worst = max(worst, (1 - finding.seen) / max(1 - slo.objective, 1e-6))
    return worst


def _bad_of(slo: Slo, finding: Finding) -> bool:
    """Whether a finding's figure is the share of bad events of an objective on one feature, flag or rung."""
    about = {"null_share": "null_rate", "flag_rate": "flag_rate", "fallback_share": "fallback_share"}
    wanted = about.get(slo.indicator)
    named = slo.of is None or finding.feature == slo.of
    return wanted == finding.monitor and named and finding.unit == "share"


def judge_severity(harm: Harm, runbook: Runbook) -> tuple[Severity, str]:
    """The severity and the sentence why. When unsure, the higher."""
    for rule in runbook.severity:
        if _fits(rule.when, harm, runbook):
            why = rule.because or "the runbook's severity map says so"
            return rule.severity, f"{_facts(harm, runbook)}: {why}"
    if not harm.paged:
        return Severity.SEV3, f"tickets only, nobody is known to be hurt: {_facts(harm, runbook)}"
    points, reasons = _points(harm, runbook)
    severity = Severity.SEV1 if points >= 5 else Severity.SEV2 if points >= 2 else Severity.SEV3
    return severity, f"{_facts(harm, runbook)}; {', '.join(reasons)}" if reasons else _facts(harm, runbook)


def _fits(when: Mapping[str, Any], harm: Harm, runbook: Runbook) -> bool:
    exposure = runbook.exposure
    holds: Mapping[str, Callable[[Any], bool]] = {
        "family": lambda v: bool(harm.families & set(v)),
        "urgency": lambda v: ("page" if harm.paged else "ticket") == v,
        "harm": lambda v: exposure.harm in v,
        "reversible": lambda v: bool(exposure.reversible == v),
        "autonomy": lambda v: exposure.autonomy in v,
        "share_at_least": lambda v: bool(harm.share >= v),
        "effect_at_least": lambda v: bool(harm.effect >= v),
        "burn_at_least": lambda v: bool(harm.burn >= v),
    }
    return all(holds[key](value) for key, value in when.items() if key in holds)


def _points(harm: Harm, runbook: Runbook) -> tuple[int, list[str]]:
    points = 1
    reasons: list[str] = []
    if harm.families & (set(HARMFUL) - {"score_drift", "traffic"}):
        points += 1
    if harm.effect >= 3:
        points, reasons = points + 2, [*reasons, "the effect is very large"]
    elif harm.effect >= 0.5:
        points, reasons = points + 1, [*reasons, "the effect is large"]
    if harm.share >= 0.5:
        points, reasons = points + 1, [*reasons, "most of the traffic is hit"]
    elif harm.share < 0.1:
        points, reasons = points - 1, [*reasons, "little of the traffic is hit"]
    exposure = runbook.exposure
    if exposure.harm == "high":
        points, reasons = points + 1, [*reasons, "a wrong answer may hurt somebody"]
    elif exposure.harm == "low":
        points, reasons = points - 1, [*reasons, "a wrong answer does little harm"]
    if not exposure.reversible:
        points, reasons = points + 1, [*reasons, "the harm cannot be undone"]
    if exposure.autonomy == "alone":
        points, reasons = points + 1, [*reasons, "nobody looks over its answers"]
    if harm.burn >= 14.4:
        points, reasons = points + 2, [*reasons, f"an error budget burns {harm.burn:.0f} times too fast"]
    elif harm.burn >= 6:
        points, reasons = points + 1, [*reasons, f"an error budget burns {harm.burn:.0f} times too fast"]
    if harm.families & GRAVE:
        points, reasons = points + 1, [*reasons, "content that does harm by itself"]
    return points, reasons


def _facts(harm: Harm, runbook: Runbook) -> str:
    worst = harm.worst
    if worst is None:
        return "no finding"
    of = f"{as_share(harm.share)} of the traffic, harm {runbook.exposure.harm}"
    if said := worst.details.get("headline"):
        return f"{said}; {of}"
    what = HARMFUL.get(worst.family, f"{worst.family.replace('_', ' ')} changed")
    if worst.seen is not None and worst.usual is not None:
        what += f" ({say(worst.seen, worst.unit)}, usually {say(worst.usual, worst.unit)})"
    return f"{what} for {of}"
