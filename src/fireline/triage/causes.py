"""Ranked hypotheses: score = softmax of log prior + timing + signs; every one says what speaks for and
against it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from fireline.terms.cause import Cause, CauseKind
from fireline.terms.change import Change
from fireline.triage.sign import Seen, Sign
from fireline.triage.signs import read_signs
from fireline.triage.suspects import Suspect
from fireline.triage.words import listed

PRIORS: Mapping[CauseKind, float] = {
    CauseKind.DEPLOY: 0.45, CauseKind.UPSTREAM_DATA: 0.17, CauseKind.NATURAL_DRIFT: 0.13,
    CauseKind.INFRASTRUCTURE: 0.12, CauseKind.CONCEPT_DRIFT: 0.05, CauseKind.LABEL_PIPELINE: 0.04,
    CauseKind.ATTACK: 0.03, CauseKind.UNKNOWN: 0.02,
}  # fmt: skip
"""After the SRE workbook's causes of outages (push 37 %, config 31 %, user behaviour 9 %, pipeline 6 %,
provider 5 %, performance and capacity 10 %, hardware 2 %), with what only a model has (drift, labels) given
its share."""

UNANNOUNCED = 0.6
"""The share of causes other than deploys that no change log tells of."""

COINCIDENCE = -2.5
KEPT = 0.25
UNLIKELY = 0.02
MOST_ROWS = 16
TELLING = 1.5
"""The weight from which on a sign is said beside that no change matches."""

LABELS: Mapping[CauseKind, str] = {
    CauseKind.DEPLOY: "a deploy",
    CauseKind.UPSTREAM_DATA: "upstream data",
    CauseKind.NATURAL_DRIFT: "natural drift",
    CauseKind.CONCEPT_DRIFT: "concept drift",
    CauseKind.INFRASTRUCTURE: "the infrastructure",
    CauseKind.ATTACK: "an attack",
    CauseKind.LABEL_PIPELINE: "the label pipeline",
}

NEXT: Mapping[CauseKind, str] = {
    CauseKind.DEPLOY: "Compare the versions on the same requests (shadow the old one) and read the diff of "
    "the code.",
    CauseKind.UPSTREAM_DATA: "Put yesterday's values of the broken feature back on a sample: does the "
    "figure recover?",
    CauseKind.NATURAL_DRIFT: "Look at the moved inputs by calendar and campaign, and at quality once labels "
    "are in.",
    CauseKind.CONCEPT_DRIFT: "Retrain on recent data and backtest: does the new model recover the figure?",
    CauseKind.INFRASTRUCTURE: "Split latency and errors by host and dependency, and look at time-outs and "
    "queues.",
    CauseKind.ATTACK: "Look at the busiest sources and a sample of their requests, and at what limits them.",
    CauseKind.LABEL_PIPELINE: "Check label completeness by age and the label job's last runs; leave the "
    "model alone.",
    CauseKind.UNKNOWN: "Ask the owners of the inputs and the platform what changed and was not announced.",
}


@dataclass
class _Hypothesis:
    kind: CauseKind
    suspect: Suspect | None
    weight: float
    supports: list[tuple[float, str]] = field(default_factory=list)
    contradicts: list[tuple[float, str]] = field(default_factory=list)
    score: float = 0.0

    def add(self, weight: float, says: str) -> None:
        self.weight += weight
        if weight >= 0.3:
            self.supports.append((weight, says))
        elif weight <= -0.3:
            self.contradicts.append((weight, says))


def rank_causes(seen: Seen, suspects: list[Suspect]) -> tuple[Cause, ...]:
    """Causes, best first, then the rejected ones."""
    signs = read_signs(seen)
    standing = [s for s in suspects if not s.out]
    found = [_judged(h, signs) for h in _hypotheses(seen, standing)]
    _share(found)
    told = _told(found, seen)
    blamed = _versions_of(told)
    told += [_ruled_out(s) for s in suspects if s.out and s.change.version not in blamed]
    kept = [c for c in told if not c.rejected]
    kept.sort(key=lambda c: (-c.score, c.cause.value))
    dropped = [c for c in told if c.rejected]
    dropped.sort(key=lambda c: (c.change is None, -c.score, c.cause.value))
    return tuple([*kept, *dropped][:MOST_ROWS])


def _versions_of(told: list[Cause]) -> set[str]:
    """The versions that standing causes blame: the other stages of their rollouts are no suspects of their
    own."""
    return {c.change.version for c in told if not c.rejected and c.change is not None and c.change.version}


def _hypotheses(seen: Seen, standing: list[Suspect]) -> list[_Hypothesis]:
    """Every kind of cause with and without each change that could be it.

    A deploy needs a change, announced or read off the events, so there is none without.
    """
    found: list[_Hypothesis] = []
    for kind, prior in PRIORS.items():
        mine = [s for s in standing if s.kind is kind]
        told = 1.0 if kind is CauseKind.DEPLOY else 1 - UNANNOUNCED
        found += [_with(kind, s, prior * told / _rollouts(mine)) for s in mine]
        if kind is not CauseKind.DEPLOY:
            found.append(_Hypothesis(kind, None, math.log(prior * (UNANNOUNCED if mine else 1.0))))
    # A change of a kind nobody knows may be any cause; it is said, and weighs little.
    return found


def _rollouts(mine: list[Suspect]) -> int:
    """How many rollouts the changes are: the stages of one version count once."""
    return max(1, len({s.change.version or s.change.at.isoformat() for s in mine}))


def _with(kind: CauseKind, suspect: Suspect, prior: float) -> _Hypothesis:
    made = _Hypothesis(kind, suspect, math.log(prior))
    made.add(suspect.timing, f"{suspect.name}: {suspect.says}")
    if suspect.bonus:
        made.add(suspect.bonus, suspect.fit or suspect.against)
    if kind is CauseKind.DEPLOY and suspect.timing < 0:
        made.add(COINCIDENCE, "its time fits no better than any other")
    return made


def _judged(hypothesis: _Hypothesis, signs: list[Sign]) -> _Hypothesis:
    change = hypothesis.suspect.change if hypothesis.suspect else None
    for sign in signs:
        weight = sign.weights.get(hypothesis.kind, 0.0)
        if hypothesis.kind is CauseKind.DEPLOY:
            weight = _for_deploy(weight, sign, change)
        if weight:
            hypothesis.add(weight, sign.says)
    return hypothesis


def _for_deploy(weight: float, sign: Sign, change: Change | None) -> float:
    """A sign about one version speaks for its own deploy and against any other."""
    version = change.version if change else None
    if sign.version is not None:
        if version == sign.version:
            return weight
        return -weight if version is not None else -0.6 * weight
    if sign.versions_only and version is None:
        return 0.0
    return weight


def _share(found: list[_Hypothesis]) -> None:
    top = max(h.weight for h in found)
    total = sum(math.exp(h.weight - top) for h in found)
    for h in found:
        h.score = math.exp(h.weight - top) / total


def _told(found: list[_Hypothesis], seen: Seen) -> list[Cause]:
    """One row per kind, its best hypothesis holding the kind's belief; other changes that fit about as well
    keep rows of their own, the rest are rejected suspects."""
    rows: list[Cause] = []
    for kind in PRIORS:
        mine = sorted((h for h in found if h.kind is kind), key=lambda h: (-h.score, _stamp(h)))
        if not mine:
            continue
        best = _first_stage(mine)
        versions = {best.suspect.change.version} - {None} if best.suspect else set()
        others = [h for h in mine if h is not best and h.suspect and h.suspect.change.version not in versions]
        own = [h for h in others if h.score >= KEPT * best.score and h.score >= UNLIKELY]
        rows.append(_row(best, sum(h.score for h in mine) - sum(h.score for h in others), seen))
        for h in others:
            rows.append(_row(h, h.score, seen) if h in own else _second(h, best))
    return rows


def _first_stage(mine: list[_Hypothesis]) -> _Hypothesis:
    """The best hypothesis; of several stages of one version's rollout the first that fits about as well."""
    best = mine[0]
    version = best.suspect.change.version if best.suspect else None
    stages = [h for h in mine if version and h.suspect and h.suspect.change.version == version]
    return min((h for h in stages if h.score >= KEPT * best.score), key=_stamp, default=best)


def _stamp(h: _Hypothesis) -> str:
    return h.suspect.change.at.isoformat() + h.suspect.change.what if h.suspect else ""


def _row(h: _Hypothesis, score: float, seen: Seen) -> Cause:
    supports, contradicts = _texts(h.supports), _texts(h.contradicts)
    rejected = score < UNLIKELY and h.kind is not CauseKind.UNKNOWN
    if h.kind is CauseKind.UNKNOWN and h.suspect is None:
        because = "no matching change: nothing that is known of the time around the onset explains this"
        because += "".join(f"; {says}" for weight, says in h.supports if weight >= TELLING)
    elif rejected:
        because = f"not {LABELS[h.kind]}: " + (
            contradicts[0] if contradicts else "other causes fit far better"
        )
    else:
        because = (f"{h.suspect.name}: {h.suspect.says}" if h.suspect else _head(h)) + _tail(h)
    change = h.suspect.change if h.suspect else None
    return Cause(h.kind, score, because, change, supports, contradicts, rejected, NEXT[h.kind])


def _head(h: _Hypothesis) -> str:
    top = _texts(h.supports)[:1]
    return f"{LABELS.get(h.kind, 'unknown')}: " + (
        top[0] if top else "no change matches, and little speaks against it"
    )


def _tail(h: _Hypothesis) -> str:
    """The best of the other reasons, after the change or the head."""
    said = _texts(h.supports)
    skip = f"{h.suspect.name}: {h.suspect.says}" if h.suspect else (said[0] if said else "")
    more = [s for s in said if s != skip][:1]
    return f"; {more[0]}" if more else ""


def _texts(pairs: list[tuple[float, str]]) -> tuple[str, ...]:
    return tuple(says for _, says in sorted(pairs, key=lambda p: -abs(p[0])))


def _second(h: _Hypothesis, best: _Hypothesis) -> Cause:
    """A change that could have done it but fits far less well than another."""
    assert h.suspect is not None
    better = best.suspect.name if best.suspect else LABELS.get(best.kind, "another cause")
    against = _texts(h.contradicts)
    why = f"{h.suspect.says}" + (f"; {against[0]}" if against else "") + f"; {better} fits better"
    return Cause(h.kind, h.score, why, h.suspect.change, _texts(h.supports), against, True, NEXT[h.kind])


def _ruled_out(suspect: Suspect) -> Cause:
    because = f"ruled out: {suspect.out}"
    kind = suspect.kind
    return Cause(kind, 0.0, because, suspect.change, (), (suspect.out,), True, "")


def summary(causes: tuple[Cause, ...]) -> str:
    """The likeliest cause in a few words."""
    standing = [c for c in causes if not c.rejected]
    if not standing:
        return "no matching cause"
    best = standing[0]
    rivals = [LABELS[c.cause] for c in standing[1:] if c.score > 0.2 and c.cause in LABELS]
    name = LABELS.get(best.cause, "no matching change")
    return name + (f" (or {listed(rivals)})" if rivals else "")
