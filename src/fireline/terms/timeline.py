"""The timeline: facts in order. An incident is nothing but the fold of its entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from fireline.clock import iso


class EntryKind(StrEnum):
    """Every kind of fact, with the keys of its ``data``."""

    OPENED = "opened"  # service, mode, title
    ALERTED = "alerted"  # alert (Alert.as_json)
    SEVERITY = "severity"  # severity
    ONSET = "onset"  # earliest, latest (iso)
    SLICE = "slice"  # slice ({col: value or [lo, hi]} or None)
    CAUSES = "causes"  # causes ([Cause.as_json])
    EVIDENCE = "evidence"  # evidence ([Evidence.as_json])
    NEXT = "next"  # checks ([str]): what a responder should look at next
    DECIDED = "decided"  # row (int or None), action (str or None), authority
    ASKED = "asked"  # measure, default, due (iso): when the default applies
    REQUESTED = "requested"  # measure (Measure.as_json)
    APPROVED = "approved"  # measure
    DENIED = "denied"  # measure
    CLAIMED = "claimed"  # measure, worker
    APPLIED = "applied"  # measure, receipt
    FAILED = "failed"  # measure, permanent
    CONFIRMED = "confirmed"  # measure
    EFFECT = "effect"  # measure, effect
    UNDONE = "undone"  # measure
    KEPT = "kept"  # measure: accepted as permanent, no longer temporary
    EXPIRED = "expired"  # measure
    FREED = "freed"  # measure
    VERDICT = "verdict"  # verdict (Verdict.as_json)
    WAIVED = "waived"  # what: a guard waived by a person, with the reason
    MOVED = "moved"  # to (state)
    WATCH = "watch"  # until (iso)
    ROLE = "role"  # role, person
    ACKED = "acked"  # person
    PAGED = "paged"  # page (PageKind), channel, to, key: somebody was called or told
    NOTE = "note"  # text
    REVIEW = "review"  # review (Review.as_json)
    REVIEW_APPROVED = "review_approved"  # person
    ACTION_ITEM = "action_item"  # item


@dataclass(frozen=True, slots=True)
class Draft:
    """A fact about to be written: the journal gives it its place."""

    kind: EntryKind
    because: str
    data: Mapping[str, Any] = field(default_factory=dict)
    by: str = "fireline"


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact as written: ``seq`` counts from 1 within its incident without gaps."""

    incident: str
    seq: int
    at: datetime
    kind: EntryKind
    by: str
    because: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"seq": self.seq, "at": iso(self.at), "kind": self.kind.value, "by": self.by,
                "because": self.because, **dict(self.data)}  # fmt: skip
