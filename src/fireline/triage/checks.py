"""What a responder should look at next: three to six sentences that fit this case."""

from __future__ import annotations

from fireline.terms.cause import Cause, CauseKind
from fireline.triage.sign import Seen
from fireline.triage.words import listed, share, where

MOST = 6


def next_checks(seen: Seen, causes: tuple[Cause, ...]) -> tuple[str, ...]:
    """Labels first where quality set it off and they are not as usual, then what would prove or disprove the
    likeliest causes; labels that are well are said so at the end."""
    standing = [c for c in causes if not c.rejected]
    told: list[str] = []
    blamed = any(c.cause is CauseKind.LABEL_PIPELINE and c.score >= 0.1 for c in standing)
    well = seen.truth.well and not blamed
    if seen.quality and not well:
        told.append(f"Label completeness by age first: {seen.truth.in_words()}.")
    for place, cause in enumerate(standing[:3]):
        if place == 0 or cause.score >= 0.1:
            told += _for(cause, seen)
    told += _place(seen)
    told += [c.next_check for c in standing[:3] if c.next_check]
    if len(told) < 3:
        told += [
            "Read what happened around the onset in the logs of the service and of its sources.",
            "Look at a few raw requests from before and after the onset side by side.",
        ]
    told = list(dict.fromkeys(told))
    if seen.quality and well:
        told = [*told[: MOST - 1], f"Labels were looked at and are as usual: {seen.truth.in_words()}."]
    return tuple(told[:MOST])


def _for(cause: Cause, seen: Seen) -> list[str]:
    if cause.cause is CauseKind.DEPLOY:
        return _deploy(cause, seen)
    if cause.cause is CauseKind.UPSTREAM_DATA:
        names = listed([m.feature for m in seen.inputs.broken or seen.inputs.moved], 3)
        return [f"Ask the source of {names} what it sent since the onset."] if names else []
    if cause.cause is CauseKind.NATURAL_DRIFT:
        names = listed(seen.inputs.names, 3)
        return [f"Compare {names} with the same weeks of last year or with the calendar."] if names else []
    if cause.cause is CauseKind.INFRASTRUCTURE and seen.platform.host:
        return [
            f"Take {seen.platform.host} out of rotation on one call path and see whether the others stay "
            f"well."
        ]
    if cause.cause is CauseKind.UNKNOWN and seen.answers_moved:
        names = listed(list(seen.answers_moved), 3)
        return [
            "Ask whoever runs or trains the model what changed in it, its prompt or its provider: "
            f"{names} moved."
        ]
    if cause.cause is CauseKind.ATTACK and seen.callers.sources:
        return [f"Read ten requests each of {listed(list(seen.callers.sources), 3)}."]
    return []


def _deploy(cause: Cause, seen: Seen) -> list[str]:
    version = cause.change.version if cause.change else None
    split = seen.split
    told = []
    if split.moved and version == split.new:
        told.append(
            f"Read how {version} computes {listed(list(split.moved), 3)}: it differs from {split.old} there."
        )
    if split.verdict != "only_new" and version:
        told.append(f"Shadow the version before {version} on today's requests: is it well?")
    if cause.change and version is None and not cause.change.inferred:
        told.append(
            f'Ask whoever made the {cause.change.kind} "{cause.change.what}" to take it back, and see '
            f"whether the figure recovers."
        )
    if cause.change and cause.change.link:
        told.append(f"Open {cause.change.link}.")
    return told


def _place(seen: Seen) -> list[str]:
    if seen.found.slice is not None:
        part = share(seen.found.share)
        return [
            f"Ask what is special where {where(seen.found.slice)} ({part} of the traffic): its own source "
            f"or route?"
        ]
    return []
