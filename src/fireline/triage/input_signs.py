"""Signs in the inputs: what broke, what stepped, what only wandered, and whether the answers changed."""

from __future__ import annotations

import math

from fireline.terms.words import brief
from fireline.triage.inputs import Inputs, Moved
from fireline.triage.sign import WANDERING, A, C, D, I, K, L, N, Seen, Sign, U, scaled
from fireline.triage.surroundings import PLATFORM
from fireline.triage.words import listed, share

OF_CONTENT = frozenset({"embedding_drift", "unknown_words"})
"""Monitors of what texts and embeddings hold, which the log keeps in no column."""
TELLING = 0.1
"""The PSI from which on an input that stepped may have to do with quality."""


def input_signs(seen: Seen) -> list[Sign]:
    """All signs in the inputs and the scores."""
    return [*_inputs(seen), *_tickets(seen), *_intact(seen), *_wanderers(seen), *_answers(seen)]


def _inputs(seen: Seen) -> list[Sign]:
    inputs = seen.inputs
    aside = [f for f in seen.findings if f.monitor == "quarantine_rate"]
    if aside:
        # What was put aside is in no figure: inputs that look as usual are those that were not.
        weights = {U: 5.0, D: 1.0, N: -3.5, C: -3.5, I: -2.0, A: -2.0, L: -4.0}
        return [Sign("rows put aside", f"rows cannot be read: {aside[-1].because}", weights)]
    if not inputs.looked:
        return []
    if seen.by_callers:
        says = f"inputs moved only in what {listed(list(seen.callers.sources), 3)} sent: {inputs.in_words()}"
        weights = {A: 2.0, U: -3.0, N: -2.0, C: -2.0, I: -1.0, L: -2.0, D: -2.0}
        return [Sign("inputs of few sources", says, weights)]
    own = set(seen.split.moved)
    broken = [m for m in seen.broken if m.feature not in own]
    if broken:
        return [_broken(broken, inputs)]
    if seen.split.verdict == "only_new" and seen.broken:
        says = f"the broken inputs are broken only in what {seen.split.new} reads: {listed(sorted(own), 3)}"
        return [Sign("input broken in one version", says, {D: 1.0, U: -2.0}, seen.split.new)]
    return _unbroken(seen, [m for m in inputs.moved if m.feature not in own])


def _broken(broken: list[Moved], inputs: Inputs) -> Sign:
    says = f"an input broke: {listed([m.says for m in broken], 3)}"
    few = len(broken) <= max(3, 0.34 * inputs.looked)
    weights = {U: 4.0 if few else 2.5, D: 0.5, N: -3.5, C: -3.5, I: 0.0, A: -2.0, L: -4.0}
    return Sign("input broken", says, weights)


def _unbroken(seen: Seen, plain: list[Moved]) -> list[Sign]:
    """What the inputs say where none of them is broken; ``plain`` are those that moved."""
    inputs = seen.inputs
    stepped = [m for m in plain if m.stepped and seen.matters(m) and (not seen.quality or m.psi >= TELLING)]
    few = len(plain) <= max(2, 0.2 * inputs.looked)
    if few and stepped and seen.onset.shape != "ramp":
        says = f"a few inputs stepped: {listed([m.says for m in stepped], 3)}"
        weights = {U: 2.0, D: 1.6, N: -1.0, C: -2.0, I: -1.0, L: -2.5}
        told = any(math.isfinite(m.step.jump) for m in stepped)
        return [Sign("few inputs stepped", says, weights if told else scaled(weights, 0.4))]
    if len(plain) >= 3 and not few:
        slow = sum(not m.stepped for m in plain) / len(plain)
        says = f"many inputs moved a little, {share(slow)} of them without a step: {inputs.in_words()}"
        weights = {N: 1.5 + slow, U: -1.5, D: -1.0 - slow, C: -0.5, I: -1.0, L: -1.5}
        return [Sign("many inputs moved", says, weights)]
    if seen.answers_moved:
        return [_own(seen, plain)]
    if seen.only_inputs and seen.out_of_bounds:
        # The judge is sure of it before the raw rows since a vague onset are.
        says = f"an input broke: {brief(seen.out_of_bounds[0].because).split(', over ')[0]}"
        return [Sign("input out of bounds", says, {U: 2.5, D: 0.5, N: -1.5, C: -2.0, I: 0.0, L: -3.0})]
    if plain or seen.only_inputs:
        says = (
            f"inputs moved a little: {inputs.in_words()}"
            if plain
            else "the drift is small and no input stepped"
        )
        return [Sign("some inputs moved", says, {N: 1.0, D: -0.5, C: -0.3, L: -0.5, I: -0.5})]
    made = sorted({f.feature for f in seen.findings if f.monitor in OF_CONTENT and f.feature})
    if made and not seen.score_moved:
        # Embeddings and words are no features of the log: that none of those moved must not hide it.
        says = f"{listed(made, 3)} moved, and {inputs.in_words()}"
        return [Sign("content moved", says, {N: 1.0, C: 0.5, D: 0.5, U: 0.5, L: -1.0})]
    if not seen.score_moved:
        says = f"inputs and scores are as usual: {inputs.in_words()}"
        return [Sign("inputs unchanged", says, {U: -3.0, N: -3.0, C: 1.0, L: 1.0, I: 0.5, A: -1.0})]
    says = f"inputs are as usual ({inputs.in_words()}) and the score moved"
    return [
        Sign(
            "score moved alone", says, {D: 1.5, K: 3.0, U: -3.0, N: -2.0, C: -1.0, I: -2.0, A: -3.0, L: -2.5}
        )
    ]


def _own(seen: Seen, plain: list[Moved]) -> Sign:
    """The answers changed and the inputs did not: the model did, or what it runs on."""
    names = listed(list(seen.answers_moved), 3)
    says = f"what the model itself gives changed ({names}), and {seen.inputs.in_words()}"
    weights = {D: 1.5, K: 3.0, U: -3.0, N: -2.0, C: -1.0, I: -2.0, A: -2.0, L: -2.5}
    return Sign("answers moved", says, scaled(weights, 0.6) if plain else weights)


def _tickets(seen: Seen) -> list[Sign]:
    """What hurts nobody and pages nobody is mostly the world's own drift; outages have other causes."""
    paged = any(f.urgency == "page" for f in seen.findings)
    if paged or seen.answers_moved or not seen.families <= {"drift", "score_drift"}:
        return []
    return [
        Sign(
            "drift without harm",
            "only drift was seen, and it hurts nobody yet",
            {N: 1.5, D: -1.0, I: -1.5, A: -1.0},
        )
    ]


def _intact(seen: Seen) -> list[Sign]:
    """Upstream faults break inputs or make them step; where none did, upstream is hardly to blame."""
    inputs = seen.inputs
    stepped = [m for m in inputs.stepped if seen.matters(m)]
    if seen.out_of_bounds or not inputs.looked or seen.broken or stepped:
        return []
    if not (inputs.moved or seen.only_inputs):
        return []
    return [Sign("no input stepped", "no input broke or stepped at the onset", {U: -2.5})]


def _answers(seen: Seen) -> list[Sign]:
    """Quality fell while the scores are what they always were: the answers are the old ones."""
    told = not seen.quality or seen.score_moved or bool(seen.broken) or seen.split.verdict == "only_new"
    if told or seen.score is None or seen.families & PLATFORM:
        return []
    says = "scores are distributed as usual: whatever was changed, the answers are the old ones"
    return [Sign("same answers", says, {D: -2.5, U: -2.0, C: 0.5, L: 0.5})]


def _wanderers(seen: Seen) -> list[Sign]:
    """Inputs such as the weather, that move from day to day by themselves."""
    moved = seen.inputs.moved
    if seen.quality and any(r.explained < 0.3 for r in seen.reweighed):
        return []
    if not moved or seen.broken or any(m.wander < WANDERING for m in moved):
        return []
    says = f"{listed([m.feature for m in moved], 3)} wander by themselves from day to day"
    return [Sign("wandering inputs", says, {N: 1.5, U: -1.0, D: -0.5})]
