"""Verdicts of safety scorers as flags, in the shapes they are logged in; GenAI spans as events.

Pure mappings: a `/v1/moderations`-shaped result (or a list of them, or the JSON of one) gives the flags it
raises; the attributes of an OpenTelemetry GenAI span give the columns of an event.
"""

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
        except ValueError:
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


ATTRIBUTES: Mapping[str, str] = {
    "gen_ai.response.id": "request_id",
    "gen_ai.response.model": "version",
    "gen_ai.request.model": "version",
    "gen_ai.tool.name": "tools",
    "gen_ai.conversation.id": "source",
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.request.temperature": "temperature",
    "gen_ai.request.max_tokens": "max_tokens",
    "gen_ai.response.finish_reasons": "finish_reason",
    "error.type": "status",
    "server.address": "host",
}
"""Attribute of a GenAI span -> column of an event; the first named wins."""


def event_of(attributes: Mapping[str, Any], start_ns: int, end_ns: int) -> dict[str, Any]:
    """The event that a GenAI client span tells of; ``start_ns`` and ``end_ns`` are nanoseconds since 1970.

    Evaluation results (`gen_ai.evaluation.NAME`, true or a score) become flags.

    >>> told = {"gen_ai.request.model": "m1", "gen_ai.usage.input_tokens": 12}
    >>> event_of(told | {"gen_ai.evaluation.toxicity": 0.9}, 1_000_000_000, 1_250_000_000)
    {'time': 1000000, 'latency_ms': 250.0, 'version': 'm1', 'input_tokens': 12, 'toxic': True}
    """
    event: dict[str, Any] = {"time": start_ns // 1000, "latency_ms": (end_ns - start_ns) / 1e6}
    for attribute, column in ATTRIBUTES.items():
        value = attributes.get(attribute)
        if value is not None:
            event.setdefault(column, ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value)
    prefix = "gen_ai.evaluation."
    for attribute, value in attributes.items():
        if attribute.startswith(prefix) and isinstance(value, (bool, int, float)):
            name = flag_of(attribute.removeprefix(prefix))
            event[name] = event.get(name, False) or (value if isinstance(value, bool) else value >= SCORE)
    return event
