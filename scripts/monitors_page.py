"""Writes docs/reference/monitors.md from the docstrings of the monitor kinds, or prints it.

python scripts/monitors_page.py docs/reference/monitors.md
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from fireline.detect.kinds import Kind
from fireline.detect.registry import kinds

HEAD = """# Monitors

What Fireline watches, one section a kind. `fireline init` infers which of them a log allows; the runbook's
`monitors:` changes or switches them off, naming a kind (`null_rate`) or a whole family (`drift`). Some
watch only where `on: true` asks for them: [Watch quality and
fairness](../guides/watch-quality-and-fairness.md).

This page is made from the kinds themselves: `python scripts/monitors_page.py docs/reference/monitors.md`.
[Detection](../detection.md) explains the words: the judge, tolerance, tick, page and ticket.
"""
COUNTS = {
    "rates": "rates, by the minute",
    "shapes": "histograms, by the quarter of an hour",
    "delays": "delays of arrival",
    "quality": "labelled cohorts, by the hour",
    "signals": "signals, by the minute",
    "gauges": "gauges, by the quarter of an hour",
    "classes": "labelled cohorts by class, by the hour",
    "confidence": "scores on arrival, by the hour",
    "confusion": "labelled cohorts at the threshold, by the hour",
    "losses": "labelled cohorts' losses, by the hour",
    "outcomes": "outcomes by arm, by the hour",
    "rankings": "labelled cohorts by query, by the hour",
    "residuals": "labelled cohorts' errors, by the hour",
    "selection": "groups on arrival, by the hour",
    "treatment": "labelled cohorts by group, by the hour",
    "values": "sums and repeats of numeric values, by the quarter of an hour",
    "arrivals": "rows put aside and late ones, by the minute",
    "sources": "who asks, by the quarter of an hour",
    "likeness": "how alike requests are, by the quarter of an hour",
    "texts": "words of texts, by the quarter of an hour",
    "embeddings": "projections of embeddings, by the quarter of an hour",
    "ages": "ages of features, by the quarter of an hour",
    "scorers": "flags whose scorer is known, by the minute",
    "tools": "tools called, by the quarter of an hour",
}
TESTS = {"rate": "binomial", "mean": "Gaussian", "silence": "silence"}
SIDES = {"up": "upwards", "down": "downwards", "both": "both ways"}


def _tolerance(kind: Kind) -> str:
    if kind.test == "silence":
        return "none"
    if kind.test == "rate":
        return f"{kind.tolerance:g} times the usual odds"
    return f"{kind.tolerance:g} {kind.unit}"


def _section(kind: Kind) -> str:
    words, _, example = inspect.cleandoc(type(kind).__doc__ or "").partition("\n>>> ")
    code = "\n>>> " + example if example else ""
    rows = [
        ("family", f"`{kind.family}`"),
        ("reads", COUNTS.get(kind.layout, kind.layout)),
        ("test", f"{TESTS[kind.test]}, {SIDES[kind.sides]}, at least {kind.k} ticks"),
        ("tolerance", _tolerance(kind)),
        ("scopes", ", ".join(kind.scopes)),
        ("budget", kind.pool),
        ("by itself", f"a {kind.urgency}"),
        *([("watches", "only where the runbook asks for it, or as said above")] if kind.optional else []),
    ]
    lines = [f"| {name} | {says} |" for name, says in rows]
    table = "\n".join([lines[0], "|---|---|", *lines[1:]])
    block = f"\n\n```python{code}\n```" if code else ""
    return f"## `{kind.name}`\n\n{words.strip()}\n\n{table}{block}\n"


def page() -> str:
    """The whole page, kinds in the order of their names."""
    return "\n".join([HEAD, *(_section(kind) for kind in sorted(kinds(), key=lambda kind: kind.name))])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
