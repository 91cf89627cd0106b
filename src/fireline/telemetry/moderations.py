"""Verdicts of safety scorers as flags, in the shapes they are logged in: a `/v1/moderations`-shaped result,
a list of them, or the JSON of one gives the flags it raises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

CATEGORIES: Mapping[str, str] = {
    "toxicity": "toxic",
    "hate": "toxic",
    "harassment": "toxic",
    "violence": "toxic",
    "sexual": "toxic",
    "self-harm": "toxic",
    "illicit": "toxic",
    "profanity": "toxic",
    "pii": "pii",
    "personal": "pii",
    "sensitive": "pii",
    "jailbreak": "jailbreak",
    "injection": "injection",
    "prompt-attack": "injection",
    "refus": "refusal",
}
"""A part of a category's name -> the flag it raises; the first that fits."""
SCORE = 0.5
"""A category with a score only is raised from here on."""


def flag_of(category: str) -> str:
    """The flag that a scorer's category raises; a category nobody knows raises a flag of its own name.

    >>> flag_of("hate/threatening"), flag_of("prompt_injection"), flag_of("self_harm"), flag_of("off_topic")
    ('toxic', 'injection', 'toxic', 'off_topic')
    """
    lowered = category.lower().replace("_", "-")
    return next((flag for part, flag in CATEGORIES.items() if part in lowered), category.lower())


def flags_in(result: Any) -> frozenset[str]:
    """The flags that a moderation result raises: its categories' own, and `flagged` where it says so.

    >>> sorted(flags_in({"results": [{"flagged": True, "categories": {"hate": True, "sexual": False}}]}))
    ['flagged', 'toxic']
    >>> flags_in('{"category_scores": {"jailbreak": 0.9, "pii": 0.1}}')
    frozenset({'jailbreak'})
    >>> flags_in(None), flags_in("no JSON")
    (frozenset(), frozenset())
    """
    if isinstance(result, (str, bytes)):
        try:
            result = json.loads(result)
        except (ValueError, RecursionError):
            return frozenset()
    if isinstance(result, (list, tuple)):
        return frozenset().union(*(flags_in(one) for one in result))
    if not isinstance(result, Mapping):
        return frozenset()
    found = {"flagged"} if result.get("flagged") is True else set()
    for key in ("results", "moderation"):
        if result.get(key) is not None:
            found |= flags_in(result[key])
    categories, scores = _mapping(result.get("categories")), _mapping(result.get("category_scores"))
    found |= {flag_of(name) for name, raised in categories.items() if raised is True}
    scored = {name: value for name, value in scores.items() if name not in categories}
    found |= {flag_of(n) for n, v in scored.items() if isinstance(v, (int, float)) and v >= SCORE}
    return frozenset(found)


def _mapping(value: Any) -> Mapping[str, Any]:
    """Arrow gives maps as lists of pairs."""
    if isinstance(value, (list, tuple)):
        return {str(pair[0]): pair[1] for pair in value if isinstance(pair, tuple) and len(pair) == 2}
    return value if isinstance(value, Mapping) else {}
