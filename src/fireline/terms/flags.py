"""Flags by their names: which family of harm a column such as `is_toxic` or `unsafe` speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

FAMILIES: Mapping[str, str] = {
    "toxic": "toxic_rate",
    "unsafe": "toxic_rate",
    "harmful": "toxic_rate",
    "hate": "toxic_rate",
    "harass": "toxic_rate",
    "violence": "toxic_rate",
    "sexual": "toxic_rate",
    "self-harm": "toxic_rate",
    "self_harm": "toxic_rate",
    "refus": "refusal_rate",
    "declin": "refusal_rate",
    "pii": "pii",
    "personal": "pii",
    "leak": "pii",
    "inject": "injection",
    "jailbreak": "injection",
}
"""A part of a flag's name -> the alert family it belongs to; the first that fits."""


def family_of_flag(flag: str) -> str:
    """The alert family of a flag's name; `other` where no word says it.

    >>> family_of_flag("is_toxic"), family_of_flag("answer_unsafe"), family_of_flag("escalated")
    ('toxic_rate', 'toxic_rate', 'other')
    """
    lowered = flag.lower()
    return next((family for part, family in FAMILIES.items() if part in lowered), "other")


def flags_of(family: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that belong to ``family``, in their order."""
    return [name for name in names if family_of_flag(name) == family]
