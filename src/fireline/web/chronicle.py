"""The timeline as people read it: each kind of entry with a word, a group to filter by, and a shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fireline.clock import parse_time
from fireline.terms import words
from fireline.web.briefing import cause_word, interval, sentence, slice_word, suspect
from fireline.web.marks import alert_name, measure_name

GROUPS = {
    "alerts": "Alerts",
    "assessment": "Assessment",
    "measures": "Decisions and measures",
    "verdicts": "Verdicts",
    "people": "People and states",
    "review": "Review",
}
_KINDS: dict[str, tuple[str, str]] = {
    "opened": ("opened", "alerts"),
    "alerted": ("alert", "alerts"),
    "severity": ("severity", "assessment"),
    "onset": ("onset", "assessment"),
    "slice": ("where", "assessment"),
    "causes": ("causes", "assessment"),
    "evidence": ("evidence", "assessment"),
    "next": ("to check", "assessment"),
    "decided": ("decided", "measures"),
    "asked": ("asked", "measures"),
    "requested": ("requested", "measures"),
    "approved": ("approved", "measures"),
    "denied": ("denied", "measures"),
    "claimed": ("claimed", "measures"),
    "applied": ("applied", "measures"),
    "failed": ("failed", "measures"),
    "confirmed": ("confirmed", "measures"),
    "effect": ("effect", "measures"),
    "undone": ("undone", "measures"),
    "kept": ("kept", "measures"),
    "expired": ("expired", "measures"),
    "freed": ("freed", "measures"),
    "verdict": ("verdict", "verdicts"),
    "waived": ("waived", "verdicts"),
    "watch": ("watch", "verdicts"),
    "moved": ("state", "people"),
    "role": ("role", "people"),
    "acked": ("acked", "people"),
    "paged": ("paged", "people"),
    "note": ("note", "people"),
    "review": ("review", "review"),
    "review_approved": ("approved", "review"),
    "action_item": ("to do", "review"),
}


@dataclass(frozen=True)
class Told:
    """One entry told: ``head`` is what happened in a few words, ``tail`` the reason.

    ``key`` is the same for entries that say the same again: another alert of the same monitor,
    feature and segment, causes still the same, the same advice.
    """

    kind: str
    word: str
    group: str
    tone: str
    head: str
    tail: str
    key: str


def tell(entry: Mapping[str, Any], timezone: str) -> Told:
    """The words of one entry as JSON (``Entry.as_json``); an unknown kind is told by its name."""
    kind = str(entry.get("kind", ""))
    word, group = _KINDS.get(kind, (kind.replace("_", " "), "people"))
    head = _head(kind, entry, timezone)
    because = sentence(str(entry.get("because") or ""))
    if kind == "alerted" and (entry.get("alert") or {}).get("urgency"):
        word = str(entry["alert"]["urgency"])
    tail = "" if sentence(head) == because else because
    return Told(
        kind, word, group, _tone(kind, entry), head, tail, f"{kind} {_key(kind, entry) or head or tail}"
    )


def _key(kind: str, entry: Mapping[str, Any]) -> str:
    if kind == "alerted":
        alert = entry.get("alert") or {}
        place = sorted((alert.get("segment") or {}).items())
        return f"{alert.get('urgency')} {alert.get('monitor')} {alert.get('feature')} {place}"
    if kind == "causes":
        cause = suspect({"causes": entry.get("causes")}) or {}
        return f"{cause.get('cause')} {(cause.get('change') or {}).get('at')}"
    if kind == "next":
        return re.sub(r"\d[\d.,]*", "#", _next(entry))  # the same advice with newer figures says nothing new
    if kind == "decided" and not entry.get("action"):
        # No measure, but for another reason: a ticket that pages since, another cause.
        return f"{entry.get('row')} {entry.get('cause')} {entry.get('ticket', False)}"
    return kind if kind == "evidence" else ""


def _next(entry: Mapping[str, Any]) -> str:
    return next((str(check) for check in entry.get("checks") or ()), "")


def _tone(kind: str, entry: Mapping[str, Any]) -> str:
    if kind == "alerted":
        return "page" if (entry.get("alert") or {}).get("urgency") == "page" else "ticket"
    if kind == "severity":
        return str(entry.get("severity") or "").lower()
    if kind in ("onset", "slice"):
        return "onset"
    if kind == "verdict":
        return str((entry.get("verdict") or {}).get("verdict") or "verdict")
    return _KINDS.get(kind, ("", "people"))[1]


def _head(kind: str, entry: Mapping[str, Any], timezone: str) -> str:
    if kind == "opened":
        return str(entry.get("title") or "")
    if kind == "alerted":
        return alert_name(entry.get("alert") or {})
    if kind == "severity":
        return str(entry.get("severity") or "")
    if kind == "onset" and entry.get("earliest"):
        return interval(parse_time(entry["earliest"]), parse_time(entry["latest"]), timezone)
    if kind == "slice":
        return slice_word(entry.get("slice")) or "the whole service"
    if kind == "causes":
        cause = suspect({"causes": entry.get("causes")})
        return (
            f"{words.share(float(cause.get('score') or 0))} {cause_word(cause)}"
            if cause
            else "no suspect left"
        )
    if kind == "evidence":
        count = len(entry.get("evidence") or entry.get("exhibits") or ())
        return f"{count} exhibit{'' if count == 1 else 's'} frozen"
    if kind == "next":
        return _next(entry)
    return _rest(kind, entry, timezone)


def _rest(kind: str, entry: Mapping[str, Any], timezone: str) -> str:
    if kind == "decided":
        return measure_name(entry) if entry.get("action") else "no measure"
    if isinstance(entry.get("measure"), Mapping):
        name = measure_name(entry["measure"])
        return f"would be: {name}" if entry["measure"].get("simulated") else name
    if kind == "verdict":
        verdict = entry.get("verdict") or {}
        return str(verdict.get("verdict", "")) + (" (simulated)" if verdict.get("simulated") else "")
    if kind == "watch" and entry.get("until"):
        return f"watching until {words.day_time(parse_time(entry['until']), timezone)}"
    if kind == "moved":
        return f"now {entry.get('to', '')}"
    if kind in ("role", "acked", "review_approved"):
        return " ".join(str(entry[key]) for key in ("person", "role") if entry.get(key))
    if kind == "paged":
        return f"{entry.get('page') or 'page'} by {entry.get('channel') or 'a channel'}"
    if kind == "action_item":
        return str((entry.get("item") or {}).get("what") or "")
    if kind == "review":
        return "review drafted"
    return ""
