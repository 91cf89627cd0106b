"""How bad it is: the runbook's severity map first, else harm, its size, its share of the traffic and who is
exposed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fireline.terms.alert import Finding
from fireline.terms.severity import Severity
from fireline.terms.slo import BURN_RULES, Burn, Total, burning
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
    ``share`` of the traffic that is affected; ``burn`` the declared objective whose error budget burns
    fastest, None when none burns."""

    findings: tuple[Finding, ...]
    effect: float
    share: float
    burn: Burn | None
    worst: Finding | None

    @property
    def paged(self) -> bool:
        return any(f.urgency == "page" for f in self.findings)

    @property
    def burns_fast(self) -> bool:
        """Whether a budget burns as fast as is worth waking somebody."""
        return self.burn is not None and self.burn.rule.urgency == "page"

    @property
    def families(self) -> frozenset[str]:
        return frozenset(f.family for f in self.findings)


def harm_of(
    findings: tuple[Finding, ...], share: float, runbook: Runbook, promised: Mapping[str, Total]
) -> Harm:
    """The harm in the findings: the largest relative effect among the harmful families, else among those
    that page, else among all; and what they do to what was ``promised``."""
    loud = [f for f in findings if f.urgency == "page"]
    harmful = [f for f in findings if f.family in HARMFUL] or loud or list(findings)
    sized = sorted(((effect_of(f), -i) for i, f in enumerate(harmful)), reverse=True)
    effect, place = sized[0] if sized else (0.0, 0)
    worst = harmful[-place] if sized else None
    return Harm(findings, effect, share, fastest(findings, runbook, promised), worst)


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


def fastest(findings: tuple[Finding, ...], runbook: Runbook, promised: Mapping[str, Total]) -> Burn | None:
    """Of the declared objectives that these findings have to do with the one whose error budget burns
    fastest, by the multi-window rules over all that was counted by now; None when none burns."""
    found = [
        burn
        for slo in runbook.slos
        if slo.name in promised and any(_concerns(slo, f) for f in findings)
        if (burn := burning(slo.promise, promised[slo.name])) is not None
    ]
    return max(found, key=lambda burn: (burn.rule.rate, burn.rate), default=None)


def _concerns(slo: Slo, finding: Finding) -> bool:
    """Whether a finding is about what an objective promises: of the families of its indicator and, where it
    names a feature, a flag or a group column, about that one."""
    if finding.family not in slo.known.families:
        return False
    feature = finding.feature or ""
    return slo.of is None or feature == slo.of or feature.startswith(f"{slo.of}=")


def judge_severity(harm: Harm, runbook: Runbook) -> tuple[Severity, str]:
    """The severity and the sentence why. When unsure, the higher."""
    for rule in runbook.severity:
        if _fits(rule.when, harm, runbook):
            why = rule.because or "the runbook's severity map says so"
            return rule.severity, _with_burn(f"{_facts(harm, runbook)}: {why}", harm)
    if not (harm.paged or harm.burns_fast):
        calm = f"tickets only, nobody is known to be hurt: {_facts(harm, runbook)}"
        return Severity.SEV3, _with_burn(calm, harm)
    points, reasons = _points(harm, runbook)
    severity = Severity.SEV1 if points >= 5 else Severity.SEV2 if points >= 2 else Severity.SEV3
    said = f"{_facts(harm, runbook)}; {', '.join(reasons)}" if reasons else _facts(harm, runbook)
    return severity, _with_burn(said, harm)


def _with_burn(said: str, harm: Harm) -> str:
    """The reason with what burns in a sentence of its own."""
    return said if harm.burn is None else f"{said.removesuffix('.')}. {harm.burn.because}"


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
        "burn_at_least": lambda v: bool(harm.burn is not None and harm.burn.rate >= v),
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
    if harm.burn is not None and harm.burns_fast:
        worth = 2 if harm.burn.rule is BURN_RULES[0] else 1
        points, reasons = points + worth, [*reasons, "a promise to users is being broken"]
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
