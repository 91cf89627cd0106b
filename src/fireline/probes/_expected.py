"""Whether an answer is the one a canary expects."""

from __future__ import annotations

import json
from typing import Any

from fireline.probes import Answer
from fireline.runbook.canaries import Expected

MISSING = object()


def wrong(expect: Expected, answer: Answer) -> str:
    """What is wrong with ``answer``, or "" where it is right."""
    if answer.trouble:
        return answer.trouble
    if answer.status != expect.status:
        return f"answered {answer.status}, not {expect.status}"
    if expect.within is not None and answer.took_ms > 1000 * expect.within.total_seconds():
        return f"took {answer.took_ms:.0f} ms, more than {1000 * expect.within.total_seconds():.0f}"
    if expect.contains is not None and expect.contains not in answer.body:
        return "lacks the text it must hold"
    if expect.lacks is not None and expect.lacks in answer.body:
        return "holds text it must not hold"
    return _values(expect, answer.body) if expect.values else ""


def _values(expect: Expected, body: str) -> str:
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return "is not JSON"
    for path, wanted in expect.values.items():
        found = _at(whole, path)
        if found is MISSING:
            return f"has no {path}"
        if isinstance(wanted, tuple):
            low, high = wanted
            if isinstance(found, bool) or not isinstance(found, (int, float)) or not low <= found <= high:
                return f"has {path} = {_short(found)}, not within {low:g} to {high:g}"
        elif found != wanted or isinstance(found, bool) != isinstance(wanted, bool):
            return f"has {path} = {_short(found)}, not {_short(wanted)}"
    return ""


def _at(value: Any, path: str) -> Any:
    """What lies at a dotted path: names of fields, numbers of items."""
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:40] + "..."
