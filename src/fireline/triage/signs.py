"""Reading the signs: the onset, the versions, the platform, the callers, the labels, and the inputs."""

from __future__ import annotations

import math

from fireline.triage.input_signs import input_signs
from fireline.triage.sign import A, C, D, I, K, L, N, Seen, Sign, U, scaled
from fireline.triage.surroundings import PLATFORM, Platform
from fireline.triage.words import figure as say
from fireline.triage.words import length, listed, share, where

LABELS_OFF = {L: 4.0, C: -1.0, N: -1.0, D: -2.5, U: -2.0, I: -1.5, A: -2.0}


def read_signs(seen: Seen) -> list[Sign]:
    """All signs of the case."""
    readers = (_versions, _shape, _against_days, _mix, _quality, _platform, _callers, _labels, _place)
    found = input_signs(seen)
    for reader in readers:
        found += reader(seen)
    return found


def _versions(seen: Seen) -> list[Sign]:
    split = seen.split
    if split.verdict == "only_new":
        weights = {D: 5.0, U: -4.0, N: -5.0, C: -5.0, I: -2.5, A: -3.0, L: -5.0}
        return [Sign("one version alone", split.because, scaled(weights, split.strength), split.new)]
    if split.verdict == "equal":
        weights = {D: -5.0, U: 0.5, N: 0.5, C: 0.5, I: 0.3, A: 0.3, L: 0.5, K: 0.5}
        return [Sign("versions equal", split.because, scaled(weights, split.strength), versions_only=True)]
    if split.verdict == "unclear" and split.moved:
        says = f"{split.new} reads {listed(list(split.moved), 3)} differently from {split.old}"
        return [Sign("reads differently", says, {D: 2.0, U: -1.0, N: -1.0, C: -1.0}, split.new)]
    return []


def _shape(seen: Seen) -> list[Sign]:
    if seen.onset.shape == "ramp":
        says = f"it crept in over about {length(seen.onset.rise)}"
        return [Sign("gradual", says, {N: 1.5, C: 2.0, D: -2.0, U: -1.5, I: -1.0, A: -1.0, L: -1.5})]
    if seen.onset.shape == "step" and seen.onset.strength > 8:
        weights = {N: -1.0, C: -1.5, D: 0.5, U: 0.5, I: 0.5, A: 0.5, L: 0.5, K: 0.5}
        # An interval of a day cannot tell a step from a slope.
        sharp = min(1.0, 6 / max(seen.onset.width.total_seconds() / 3600, 1.0))
        return [Sign("step", "it came in a step", scaled(weights, sharp))]
    return []


def _against_days(seen: Seen) -> list[Sign]:
    """A coincidence with a deploy is no step: the figure must have moved more than it does from day to
    day."""
    step = seen.main
    if step is None or step.days < 5 or seen.split.verdict == "only_new":
        return []
    if abs(step.z) < 2.5 or step.drift > 0.6:
        gone = f", and {share(min(step.drift, 1.0))} of the way was gone before" if step.drift > 0.6 else ""
        says = f"the step at the onset is {abs(step.z):.1f} times what days usually differ by{gone}"
        return [Sign("no step", says, {D: -3.0, U: -2.0, I: -1.0, A: -1.0, L: -1.0, N: 1.0, C: 1.0})]
    if abs(step.z) >= 5 and not step.jump < 0.5:
        says = f"the step at the onset is {abs(step.z):.0f} times what days usually differ by"
        weights = {D: 0.5, U: 0.5, I: 0.5, A: 0.5, L: 0.5, K: 0.5, N: -1.5, C: -1.0}
        # Where the interval is wide it is large, but not known to have come at once.
        return [Sign("clear step", says, weights if math.isfinite(step.jump) else scaled(weights, 0.3))]
    return []


def _mix(seen: Seen) -> list[Sign]:
    told = [r for r in seen.reweighed if math.isfinite(r.explained)]
    found = []
    if seen.found.scope == "mix":
        found.append(Sign("mix", seen.found.because, {N: 1.0, C: -1.0, L: -0.5, D: -0.5}))
    if not told:
        return found
    best = told[0]
    # A figure that did not fire has moved too little to tell much.
    told_by = 1.0 if best.family in seen.families else 0.4
    says = (
        f"reweighted to today's {listed(list(best.columns), 3)}, the reference reads {best.figure} "
        f"{say(best.expected, best.unit)} (usually {say(best.usual, best.unit)}, today "
        f"{say(best.seen, best.unit)})"
    )
    if 0.5 <= best.explained <= 1.6:
        weights = scaled({N: 2.5, C: -2.0, L: -2.0, D: -1.5, U: -1.0, I: -1.5}, told_by)
        return [*found, Sign("explained by the mix", f"{says}: the mix explains it", weights)]
    if best.explained < 0.3:
        weights = {N: -3.5 if seen.quality else -2.0, C: 1.2, L: 0.5, D: 0.5, U: 0.3}
        weights = scaled(weights, told_by)
        return [*found, Sign("not explained by the mix", f"{says}: the mix does not explain it", weights)]
    return found


def _quality(seen: Seen) -> list[Sign]:
    if seen.quality:
        return []
    if seen.families & {"label_coverage"}:
        return [Sign("no quality alert", "no measure of quality fired", {C: -4.0})]
    says = "no measure of quality fired"
    return [Sign("no quality alert", says, {C: -3.5, L: -4.0})]


def _platform(seen: Seen) -> list[Sign]:
    platform, found = seen.platform, []
    fired = seen.families & PLATFORM
    if "duplicates" in fired:
        says = "events were delivered more than once, which the model has no part in"
        found.append(Sign("delivery", says, {U: 3.0, I: 1.0, D: -1.5, N: -2.0, C: -3.0, L: -3.0, A: -0.5}))
    elif fired and (platform.slow or platform.failing or fired & {"traffic", "freshness", "resource"}):
        first = " before anything else" if platform.first else ""
        says = f"{listed(sorted(fired))} moved{first}: {_steps(platform)}"
        intact = not seen.inputs.broken
        weights = {
            I: (3.0 if platform.first else 1.0) + (1.0 if intact else 0.0),
            N: -3.0,
            C: -3.5,
            L: -3.5,
            U: -0.5,
        }
        if "latency" not in fired and not platform.slow:
            weights[I] -= 1.5
        found.append(Sign("platform", says, weights))
    elif platform.watched and not platform.slow and not platform.failing and not platform.falls:
        found.append(Sign("platform calm", f"the platform is as usual: {_steps(platform)}", {I: -3.5}))
    if platform.host is not None:
        found.append(
            Sign(
                "one host", f"only host {platform.host} is bad", {I: 3.5, D: -1.0, U: -2.0, N: -2.0, C: -2.0}
            )
        )
    if platform.falls:
        says = f"{share(platform.fallback)} of the requests fall to a lower rung, as calls above it fail"
        found.append(Sign("falling", says, {I: 3.0, U: 0.5, N: -3.0, C: -3.0, L: -3.0}))
    if platform.timeouts > 0.5 and (platform.failing or platform.falls):
        says = f"{share(platform.timeouts)} of the errors are time-outs or refusals"
        found.append(Sign("time-outs", says, {I: 1.5}))
    return found


def _steps(platform: Platform) -> str:
    parts = []
    for name, step in (("slow answers", platform.latency), ("errors", platform.errors)):
        if step is not None and math.isfinite(step.now):
            parts.append(f"{name} {share(step.now)} (usually {share(step.usual)})")
    if math.isfinite(platform.volume):
        parts.append(f"traffic {platform.volume:.2g} times the usual")
    return ", ".join(parts) or "nothing else is logged"


def _callers(seen: Seen) -> list[Sign]:
    callers, found = seen.callers, []
    if callers.concentrated:
        burst = callers.off_rhythm > 0.1 or callers.copied or "injection" in seen.families
        found.append(
            Sign(
                "few sources",
                callers.in_words(),
                {A: 4.5 if burst else 3.0, N: -1.0, U: -0.5, C: -1.0, L: -1.0},
            )
        )
    elif callers.copied:
        found.append(Sign("near copies", callers.in_words(), {A: 2.5, N: -0.5}))
    else:
        found.append(Sign("callers as usual", callers.in_words(), {A: -2.5}))
    if seen.families & {"injection"}:
        found.append(
            Sign(
                "injection flags",
                "requests flagged as injection rose",
                {A: 3.5, I: -2.0, L: -2.0, N: -1.0, U: -2.0},
            )
        )
    volume = seen.platform.volume
    if math.isfinite(volume) and volume > 1.3 and not callers.concentrated:
        says = f"traffic is {volume:.2g} times the usual at these hours, from no few sources"
        found.append(Sign("more traffic", says, {N: 1.0, I: 0.3}))
    return found


def _labels(seen: Seen) -> list[Sign]:
    truth, found = seen.truth, []
    if not truth.known:
        return []
    if truth.missing or truth.late or truth.flooding:
        found.append(Sign("labels off", f"the labels themselves changed: {truth.in_words()}", LABELS_OFF))
    elif truth.rate_stepped and _scores_stayed(seen):
        says = f"the share of positives stepped while scores did not follow: {truth.in_words()}"
        job = 2.5 if truth.by_arrival > 3 else 0.3
        found.append(Sign("label rate stepped", says, {L: job, C: 0.7, N: -1.0, D: -1.0}))
    else:
        found.append(
            Sign(
                "labels as usual",
                f"labels are as complete and as late as usual: {truth.in_words()}",
                {L: -1.5},
            )
        )
    if seen.quality and truth.by_arrival > 3:
        says = "the change lines up with when labels arrived, not with when the requests were made"
        found.append(
            Sign("by arrival", says, {L: min(3.0, truth.by_arrival / 2), C: -1.0, D: -1.0, U: -1.0, N: -1.0})
        )
    elif seen.quality and truth.by_arrival < -3:
        says = "the change lines up with when the requests were made, not with when labels arrived"
        found.append(Sign("by event", says, {L: -2.0}))
    return found


def _scores_stayed(seen: Seen) -> bool:
    """The mean score moved by less than a third of what the mean label did."""
    label, score = seen.truth.positive, seen.mean_score
    return label is not None and score is not None and abs(score.size) < 0.33 * abs(label.size)


def _place(seen: Seen) -> list[Sign]:
    found = seen.found
    if found.scope != "slice" or found.slice is None or "host" in found.slice:
        return []
    if "source" in found.slice:
        return [Sign("one source", f"the harm is where {where(found.slice)}", {U: 1.0, A: 0.5, I: -0.5})]
    says = f"the harm is where {where(found.slice)} and not elsewhere"
    return [Sign("one place", says, {U: 0.3, D: -0.2, C: -0.5, N: -0.3})]
