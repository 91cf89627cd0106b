"""What a crossing means, for somebody who was asleep: the words where a kind has none of its own.

A sentence is a headline (what is wrong, with the figure and what is usual) and over how many events that is.
"""

from __future__ import annotations

from collections.abc import Mapping

from fireline.terms.words import CHANCES, share

RATES: Mapping[str, str] = {
    "canary_failing": "canary {what} fails",
    "category_drift": "{what} is {value}",
    "clock_skew": "rows are dated ahead of the clock",
    "dependency_errors": "calls to {what} fail",
    "dependency_latency": "calls to {what} are slow",
    "dictionary_change": "{what} holds values the reference never held",
    "duplicate_rate": "rows are copies that came before",
    "error_rate": "answers are errors",
    "fallback_share": "answers come from a fallback",
    "flag_rate": "{what} is set",
    "label_coverage": "labels are missing at the age they usually come",
    "late_share": "rows come later than allowed",
    "missing_column": "{what} is absent",
    "null_rate": "{what} is missing",
    "out_of_range": "{what} lies out of its range",
    "saturation": "{what} is beyond its limit",
    "silent_source": "requests come from {what} {value}",
    "staleness": "{what} is older than allowed",
    "unknown_tool": "tools are called that the reference never called",
    "unknown_words": "words of {value} are new",
    "unseen_category": "{what} holds values the reference never held",
    "vanished_category": "{value} still comes",
}
"""Kind of rate -> what a hit is; ``{what}`` is the feature or series, ``{value}`` the channel."""

MEANS: Mapping[str, str] = {
    "accuracy": "the share of wrong predictions",
    "auc": "AUC",
    "average_precision": "average precision",
    "brier": "the Brier score",
    "ece": "the calibration error (ECE)",
    "f1": "F1",
    "hit_rate": "the share of queries with a good item in the first ten",
    "log_loss": "the log loss",
    "macro_f1": "the mean F1 of the classes",
    "mrr": "the mean reciprocal rank",
    "tool_calls": "tool calls a request",
}
"""Kind of mean -> what the figure is called."""

LINES: Mapping[str, str] = {"error_lines": "error lines of {what}", "report_rate": "users' reports of {what}"}
"""Kind counted in chances of a line -> what a line is."""

ALIKE = 0.05
"""Standardised values closer than this to the reference are alike for a reader."""

LATENCY: Mapping[str, str] = {
    "over 1.25 x p95": "answers take over 1.25 times the usual p95",
    "over p95": "answers take longer than the usual p95",
}


def headline(kind: str, test: str, what: str, channel: str, seen: float, usual: float, rival: str) -> str:
    """What is wrong, with the figure ``seen`` and the ``usual`` one; ``rival`` says whose the usual one is.

    >>> headline("null_rate", "rate", "carrier", "", 0.12, 0.001, "usually")
    'carrier is missing: 12 %, usually 0.1 %'
    >>> headline("numeric_drift", "mean", "dep_hour", "location", 0.712, -0.0712, "usually")
    'dep_hour lies 0.71 sd above the reference, usually 0.071 below'
    >>> headline("numeric_drift", "mean", "amount", "scale", 0.537, -0.0124, "usually")
    'amount spreads wider than in the reference: by 0.54 sd, usually alike'
    >>> headline("auc", "mean", "score_label", "", 0.651, 0.722, "usually")
    'AUC 0.651, usually 0.722'
    """
    if kind in LINES:
        lines = LINES[kind].format(what=what)
        return f"{lines}: {CHANCES * seen:.2g} a minute, {rival} {CHANCES * usual:.2g}"
    if test == "rate":
        said = LATENCY.get(channel) or RATES.get(kind, f"{kind.replace('_', ' ')} of {{what}} {{value}}")
        value = channel.removeprefix("=").replace("=", " = ", 1)
        phrase = said.replace("{what}", what).replace("{value}", value).strip()
        return f"{phrase}: {share(seen)}, {rival} {share(usual)}"
    if channel in ("location", "scale") or kind == "gauge_shift":
        return _moved(f"the {what}" if kind == "score_drift" else what, channel, seen, usual, rival)
    if kind == "calibration":
        return _calibration(channel, seen, usual, rival)
    name = MEANS.get(kind, f"{kind.replace('_', ' ')} of {what}")
    if kind in ("accuracy", "hit_rate"):
        return f"{name}: {share(seen)}, {rival} {share(usual)}"
    return f"{name} {seen:.3g}, {rival} {usual:.3g}"


def _moved(what: str, channel: str, seen: float, usual: float, rival: str) -> str:
    """Where standardised values lie, or how far they spread, against the reference's."""
    up, alike = seen >= 0, abs(usual) < ALIKE
    if channel == "scale":
        how = "wider" if up else "narrower"
        turned = "" if (usual >= 0) == up else " narrower" if up else " wider"
        before = "alike" if alike else f"by {abs(usual):.2g}{turned}"
        return f"{what} spreads {how} than in the reference: by {abs(seen):.2g} sd, {rival} {before}"
    place = "the reference" if channel else "its usual place"
    side = "above" if up else "below"
    other = "above" if usual >= 0 else "below"
    before = "close to it" if alike else f"{abs(usual):.2g} {other}"
    return f"{what} lies {abs(seen):.2g} sd {side} {place}, {rival} {before}"


def _calibration(channel: str, seen: float, usual: float, rival: str) -> str:
    if channel == "bias":
        how = "more" if seen >= 0 else "less"
        turned = "" if seen * usual >= 0 else " the other way"
        before = f"by {abs(100 * usual):.2g}{turned}"
        points = f"{abs(100 * seen):.2g} points"
        return f"the truth comes {how} often than scores say: by {points}, {rival} {before}"
    how = "too sure of themselves" if seen < 0 else "too cautious"
    return f"scores are {how}: by {seen:+.2g}, {rival} {usual:+.2g} (0 is calibrated)"
