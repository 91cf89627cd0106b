"""How figures are said to people: lengths of time, clock times, shares, counts and families of monitors."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

FAMILY_WORDS = {
    "error_rate": "the error rate",
    "null_rate": "the share of missing values",
    "range": "the share of values out of range",
    "schema": "the schema",
    "drift": "the drift of the inputs",
    "score_drift": "the drift of the score",
    "auc": "the AUC",
    "accuracy": "the accuracy",
    "calibration": "the calibration",
    "latency": "the latency",
    "traffic": "the traffic",
    "freshness": "the freshness of the data",
    "duplicates": "the share of duplicates",
    "label_coverage": "the share of requests with a label",
    "fairness": "the gap between groups",
    "kpi": "the business figure",
    "toxic_rate": "the share of toxic answers",
    "refusal_rate": "the share of refusals",
    "pii": "the share of answers with personal data",
    "injection": "the share of injected prompts",
    "resource": "the use of resources",
    "job": "the batch job",
    "canary": "the synthetic canaries",
    "other": "the monitored figure",
}

_A_NAME = re.compile(r"[_\d]|\w\.\w|[a-z][A-Z]")
"""What only the name of a column or of a version has in it."""

SHARES = frozenset(
    {
        "error_rate",
        "null_rate",
        "range",
        "duplicates",
        "label_coverage",
        "accuracy",
        "toxic_rate",
        "refusal_rate",
        "pii",
        "injection",
    }
)
"""Families whose figure is a share, said in percent."""

HARM = ("error_rate", "auc", "accuracy", "calibration", "latency", "kpi", "toxic_rate", "refusal_rate", "pii",
        "injection", "fairness", "canary", "traffic", "freshness")  # fmt: skip
"""Families that hurt somebody by themselves; the others are causes and signs of it."""

CHANCES = 10_000
"""What is told of now and then is a rate of so many chances a minute."""


def length(span: timedelta) -> str:
    """A length of time in at most two units.

    >>> length(timedelta(hours=3, minutes=20))
    '3 h 20 min'
    >>> length(timedelta(days=1, hours=2, minutes=40)), length(timedelta(seconds=42))
    ('1 day 3 h', '42 s')
    """
    seconds = round(abs(span).total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return _two(minutes // 60, "h", minutes % 60, "min")
    hours = round(minutes / 60)
    days = hours // 24
    return _two(days, "day" if days == 1 else "days", hours % 24, "h")


def _two(many: int, unit: str, few: int, small: str) -> str:
    return f"{many} {unit} {few} {small}" if few else f"{many} {unit}"


def clock_time(at: datetime, timezone: str = "UTC") -> str:
    """The time of day where the service's users are.

    >>> from datetime import UTC
    >>> clock_time(datetime(2013, 3, 18, 6, 2, tzinfo=UTC), "America/New_York")
    '02:02'
    """
    return at.astimezone(ZoneInfo(timezone)).strftime("%H:%M")


def day_time(at: datetime, timezone: str = "UTC") -> str:
    """Day and time of day where the service's users are.

    >>> from datetime import UTC
    >>> day_time(datetime(2013, 3, 18, 6, 2, tzinfo=UTC), "America/New_York")
    '18 March 2013, 02:02'
    """
    local = at.astimezone(ZoneInfo(timezone))
    month = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
             "November", "December")[local.month - 1]  # fmt: skip
    return f"{local.day} {month} {local.year}, {local:%H:%M}"


def share(value: float) -> str:
    """A share in percent, with as many digits as tell something.

    >>> share(0.2), share(0.0312), share(0.00042), share(1.0)
    ('20 %', '3.1 %', '0.042 %', '100 %')
    """
    percent = 100 * value
    if abs(percent) < 1e-6:
        return "0 %"  # what is left of sums
    if abs(percent) >= 10:
        return f"{percent:.0f} %"
    return f"{percent:.2g} %"


def number(count: float) -> str:
    """A whole number with thousands apart.

    >>> number(1234567)
    '1,234,567'
    """
    return f"{round(count):,}"


def figure(value: float, family: str = "", unit: str = "") -> str:
    """A monitored figure as people say it.

    >>> figure(0.031, "error_rate"), figure(0.6512, "auc"), figure(812.4, "latency", "ms")
    ('3.1 %', '0.65', '810 ms')
    """
    if unit == "share difference":
        return f"{100 * value:+.1f} points"
    if unit == "relative difference":
        return f"{100 * value:+.1f} %"
    if unit == "share of chances":
        return f"{CHANCES * value:.2g} a minute"
    if unit == "reference sd":
        unit = "sd"
    if unit.startswith("share") or unit == "%" or (not unit and family in SHARES):
        return share(value)
    if unit == "PSI":
        value = max(value, 0.0)  # its noise is taken off, which may leave less than nothing
    if unit == "log events":
        return f"{number(math.expm1(value))} events a tick"
    if unit in ("ms", "s"):
        return f"{float(f'{value:.2g}'):,.0f} {unit}" if abs(value) >= 10 else f"{value:.2g} {unit}"
    said = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
    return f"{said} {unit}".strip() if unit and unit.lower() != family else said


def family(name: str) -> str:
    """A family of monitors in words."""
    return FAMILY_WORDS.get(name, name.replace("_", " "))


def listing(parts: list[str], last: str = "and") -> str:
    """Words in a row.

    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


_PLAIN_STARTS = frozenset(
    {
        "The",
        "A",
        "An",
        "All",
        "Only",
        "No",
        "Nothing",
        "Every",
        "Version",
        "Errors",
        "Nobody",
        "Both",
        "Since",
        "After",
        "Before",
        "It",
        "Its",
        "On",
        "In",
        "From",
        "This",
        "These",
        "Missing",
        "Where",
        "What",
        "One",
        "Two",
        "Of",
    }
)


def clause(sentence: str) -> str:
    """``sentence`` fit to follow a comma: no full stop, and a small first letter where that is safe.

    >>> clause("The score moved."), clause("UA is hit.")
    ('the score moved', 'UA is hit')
    """
    text = sentence.strip().rstrip(".")
    first = text.split(" ", 1)[0]
    return text[0].lower() + text[1:] if first in _PLAIN_STARTS else text


def brief(text: str, most: int = 140) -> str:
    """The first thing that ``text`` says, for a sentence that has other things to say too.

    >>> brief("The score moved; AUC fell.")
    'the score moved'
    >>> brief("Many inputs moved: dewp (PSI 0.75), humid (PSI 0.59) and 8 more", most=40)
    'Many inputs moved: dewp (PSI 0.75)'
    >>> brief("Many inputs moved: dewp (PSI 0.75), humid (PSI 0.59, median 61.9 to 46.7)", most=55)
    'Many inputs moved: dewp (PSI 0.75), humid'
    """
    said = clause(text).split("; ", 1)[0]
    if len(said) <= most:
        return said
    outside = [said.count("(", 0, at) == said.count(")", 0, at) for at in range(most)]
    cut = max((at for at in range(most) if said[at] == " " and outside[at]), default=0)
    return said[: cut if cut > 0 else most].rstrip(",: ")


def sentence(text: str) -> str:
    """``text`` as a sentence: a capital at its start and one full stop; a column's name keeps its letters.

    >>> sentence("it moved"), sentence("dep_hour moved"), sentence("doc.freshnessDays is missing")
    ('It moved.', 'dep_hour moved.', 'doc.freshnessDays is missing.')
    """
    text = text.strip()
    if not text:
        return ""
    first = text.split(" ", 1)[0].rstrip(".,:;!?")
    start = text[0] if _A_NAME.search(first) else text[0].upper()
    return start + text[1:] + ("" if text[-1] in ".!?" else ".")
