"""New guardrails as a change of the runbook, for a person to accept: a unified diff of its file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

import yaml

from fireline.learn.facts import alerts, detected_at, standing
from fireline.learn.items import BROKEN_INPUTS, moved_cells
from fireline.runbook.schema import Runbook
from fireline.terms import words
from fireline.terms.incident import Incident

FILE = "runbook.yaml"
KEY = "monitors"


def proposed_monitors(incident: Incident, runbook: Runbook) -> list[dict[str, Any]]:
    """Monitor rules that would make this fault page sooner; none that the runbook has already.

    An input that broke pages by itself from now on: usually drift is a ticket, but of this one it is known
    that it hurts. A ticket that fired before the page becomes a page.
    """
    top = next(iter(standing(incident)), None)
    if top is None or top["cause"] not in BROKEN_INPUTS:
        return []
    why = f"Incident {incident.id}: it moved when {words.clause(incident.title or 'the service went bad')}."
    known = runbook.columns.features
    features = [name for name, *_ in moved_cells(incident) if name in known]
    early = [a for a in incident.alerts if a["urgency"] == "ticket" and a["fired_at"] <= _detected(incident)]
    wanted = [("drift", name) for name in features[:3]]
    wanted += [(str(a["family"]), str(a["feature"])) for a in early if a.get("feature") in known]
    have = {(rule.monitor, rule.feature) for rule in runbook.monitors if rule.urgency == "page"}
    fresh = [pair for pair in dict.fromkeys(wanted) if pair not in have]
    return [{"monitor": m, "feature": f, "urgency": "page", "because": why} for m, f in fresh]


def _detected(incident: Incident) -> str:
    found = alerts(incident)
    return str(found[0]["fired_at"]) if found else str(detected_at(incident))


def diff(incident: Incident, runbook: Runbook, text: str | None = None) -> str:
    """The proposed change as a unified diff, or "" when nothing is proposed.

    With ``text``, the runbook's file, the diff applies to it. Without it, or where its ``monitors`` cannot be
    found, the diff shows that section alone.
    """
    rules = proposed_monitors(incident, runbook)
    if not rules:
        return ""
    if text is not None:
        after = _inserted(text, rules)
        if after is not None:
            return _unified(text, after)
    have = [_short(rule) for rule in runbook.plain()[KEY]]
    return _unified(_section(have), _section([*have, *rules]))


def _short(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as people write it: without what is not set."""
    return {key: value for key, value in rule.items() if value not in (None, "", False)}


def _section(rules: list[dict[str, Any]]) -> str:
    return f"{KEY}:\n{_items(rules, '  ')}" if rules else f"{KEY}: []\n"


def _items(rules: list[dict[str, Any]], indent: str) -> str:
    plain = yaml.safe_dump(rules, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False)
    return "".join(indent + line for line in plain.splitlines(keepends=True))


def _inserted(text: str, rules: list[dict[str, Any]]) -> str | None:
    """``text`` with ``rules`` at the end of its monitors; None when the result would not read as meant."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    start = next((at for at, line in enumerate(lines) if re.match(rf"{KEY}\s*:", line)), None)
    if start is None:
        changed = [*lines, f"{KEY}:\n", _items(rules, "  ")]
    elif re.match(rf"{KEY}\s*:\s*(\[\s*\]|~|null)?\s*(#.*)?$", lines[start]) is None:
        return None
    else:
        end = start + 1
        while end < len(lines) and (re.match(r"[\s#-]", lines[end]) or not lines[end].strip()):
            end += 1
        while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
            end -= 1
        first = next((line for line in lines[start + 1 : end] if line.lstrip().startswith("-")), None)
        indent = first[: len(first) - len(first.lstrip())] if first else "  "
        head = lines[start] if first else f"{KEY}:\n"
        changed = [*lines[:start], head, *lines[start + 1 : end], _items(rules, indent), *lines[end:]]
    after = "".join(changed)
    return after if _adds(text, after, rules) else None


def _adds(before: str, after: str, rules: list[dict[str, Any]]) -> bool:
    """Whether ``after`` reads as ``before`` with exactly ``rules`` added."""
    try:
        old, new = yaml.safe_load(before) or {}, yaml.safe_load(after)
    except yaml.YAMLError:
        return False
    if not isinstance(old, dict) or not isinstance(new, dict):
        return False
    return bool(new == old | {KEY: [*(old.get(KEY) or []), *rules]})


def _unified(before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{FILE}", f"b/{FILE}"
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)
