"""A crossing in words and figures: the finding a person will read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from fireline.clock import MICROS, from_micros
from fireline.detect.kinds import Kind, Monitor, Told
from fireline.detect.sentences import headline
from fireline.detect.track import Crossing
from fireline.terms import words
from fireline.terms.alert import Finding, Urgency
from fireline.terms.counts import Scope


def finding(
    kind: Kind,
    monitor: Monitor,
    scope: Scope,
    crossing: Crossing,
    seconds: int,
    at: datetime,
    level: float,
    against: str | None,
    told: Told | None = None,
) -> Finding:
    """The finding of one crossing; ``seconds`` is the judged tick, ``level`` the page level, ``told`` the
    kind's own words for it."""
    lead = int(np.argmax(crossing.shares))
    seen, usual = figure(crossing.seen[lead]), figure(crossing.usual[lead])
    if told is not None and told.seen is not None and told.usual is not None:
        seen, usual = figure(told.seen), figure(told.usual)
    direction: Literal["up", "down"] = "up" if seen >= usual else "down"
    channel = monitor.channels[lead]
    since = from_micros(crossing.since * seconds * MICROS)
    events = int(crossing.weight[lead])
    says = told.because if told else _headline(kind, monitor, lead, seen, usual, at - since, against)
    urgency: Urgency = "page" if crossing.level == "page" and kind.urgency == "page" else "ticket"
    return Finding(
        monitor=kind.name,
        family=monitor.family or kind.family,
        series=monitor.series,
        at=at,
        urgency=urgency,
        evidence=round(float(np.log10(crossing.statistic)), 3),
        threshold=round(float(np.log10(level)), 3),
        feature=monitor.feature_of(lead),
        segment=scope.segment,
        version=scope.version,
        against=against,
        seen=seen,
        usual=usual,
        unit=(told.unit if told else "") or kind.unit,
        direction=direction,
        since=since,
        because=_in_own_words(told, scope, events) if told else _sentence(kind, says, scope, events),
        details={
            "channel": channel,
            "events": events,
            "level": crossing.level,
            "tick_seconds": seconds,
            "headline": says,
        }
        | (dict(told.details) if told else {}),
    )


def figure(value: float) -> float:
    """Six significant digits: beyond them the order of adding up would show."""
    return float(f"{float(value):.6g}") if np.isfinite(value) else 0.0


def share_in_words(value: float) -> str:
    """A share as people say it.

    >>> share_in_words(0.0312), share_in_words(0.00042), share_in_words(1.0)
    ('3.1 %', '0.042 %', '100 %')
    """
    percent = 100 * value
    if percent < 1e-4:
        return "0 %"
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %" if percent >= 1 else f"{percent:.2g} %"


def _where(scope: Scope) -> str:
    if scope.kind == "service":
        return ""
    return f" in {scope.column} {scope.value}" if scope.segment else f" for version {scope.value}"


def _in_own_words(told: Told, scope: Scope, events: int) -> str:
    return told.because + _where(scope) + (f", over {events:,}" if told.seen is None else "")


def _headline(
    kind: Kind, monitor: Monitor, lead: int, seen: float, usual: float, silent: timedelta,
    against: str | None,
) -> str:  # fmt: skip
    """What is wrong, in the words of its title."""
    what, channel = monitor.feature_of(lead) or monitor.series, monitor.channels[lead]
    if kind.test == "silence":
        of = f" of {monitor.feature}" if monitor.feature else ""
        return f"no {kind.unit}{of} for {words.length(silent)}, usually {usual:.3g} a minute"
    if kind.unit == "log events":
        return f"traffic {np.expm1(seen):.0f} events a tick, usually {np.expm1(usual):.0f}"
    rival = "the other versions on the same traffic" if against else "usually"
    return headline(kind.name, kind.test, what, channel, seen, usual, rival)


def _sentence(kind: Kind, headline: str, scope: Scope, events: int) -> str:
    if kind.test == "silence" or kind.unit in ("log events", "share of chances"):
        return headline
    where = _where(scope).strip()
    return (f"{where}: " if where else "") + f"{headline}, over {events:,}"
