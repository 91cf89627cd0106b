"""Which rung of the fallback ladder to stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fireline.contain.facts import Facts
from fireline.runbook.schema import Runbook, Rung
from fireline.terms import words
from fireline.terms.cause import CauseKind

SAFE_KINDS = ("reduced", "cached", "rules")
"""Kinds a fallback may choose by itself. Refusing all requests or letting all pass must be named in the
row."""

KIND_WORDS = {
    "current": "the current model",
    "last_known_good": "the last-known-good version",
    "reduced": "a reduced model",
    "cached": "cached answers",
    "rules": "fixed rules",
    "closed": "refusing requests",
    "open": "letting requests pass unchecked",
}


def choose(
    runbook: Runbook, facts: Facts, wanted: Iterable[str], tried: Callable[[Rung], str | None]
) -> tuple[Rung | None, str]:
    """The rung to fall back to, and why it is that one (or why there is none).

    ``wanted`` are rung names or kinds, best first. ``tried`` says why a rung is not to be used again, or
    None. Only rungs below the one in use count.
    """
    wanted = tuple(wanted) or SAFE_KINDS
    if not runbook.ladder:
        return None, "the runbook has no fallback ladder"
    below = _below(runbook.ladder, facts.rung)
    passed: list[str] = []
    for want in wanted:
        for rung in below:
            if want not in (rung.name, rung.kind):
                continue
            reason = tried(rung) or _unfit(rung, facts, runbook)
            if reason is None:
                return rung, f"rung {rung.name} is {KIND_WORDS[rung.kind]}"
            passed.append(f"{rung.name}: {reason}")
    if passed:
        return None, f"no rung is left ({'; '.join(passed)})"
    names = words.listing([KIND_WORDS.get(want, want) for want in wanted], "or")
    return None, f"the ladder has no rung below this one with {names}"


def _below(ladder: tuple[Rung, ...], current: str | None) -> tuple[Rung, ...]:
    for place, rung in enumerate(ladder):
        if rung.name == current or (current is None and rung.kind == "current"):
            return ladder[place + 1 :]
    return ladder


def _unfit(rung: Rung, facts: Facts, runbook: Runbook) -> str | None:
    version = rung.version
    if version is None and rung.kind == "last_known_good" and runbook.last_known_good:
        version = runbook.last_known_good.version
    if version is not None and version == facts.bad_version:
        return f"it is served by {version}, which is what is bad"
    if version is not None and version in facts.equally_bad:
        return f"{version} is as bad on the same traffic"
    if rung.kind == "last_known_good" and facts.kind is not CauseKind.DEPLOY:
        return "an older version reads the same inputs on the same machines"
    return None
