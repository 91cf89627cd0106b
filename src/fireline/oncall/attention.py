"""What an incident's journal says about being called: why it wants somebody, and who answered.

Reasons and answers are compared by their place in the journal, never by the clock: an answer covers what was
written before it, also within the same instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fireline.oncall.write import ASKS
from fireline.terms.incident import OVER, Incident, State
from fireline.terms.severity import Severity
from fireline.terms.timeline import Entry, EntryKind

FIRELINE = "fireline"
MODES = frozenset({"real", "drill", "test"})
"""Modes in which people are called. What is only replayed calls nobody."""
ENDED = frozenset({State.RESOLVED, State.LEARNING}) | OVER
HELD = frozenset({State.CONTAINED, State.RECOVERING, State.VERIFYING})
ANSWERS = frozenset({EntryKind.ACKED, EntryKind.APPROVED, EntryKind.DENIED, EntryKind.ROLE})
"""What only somebody who is awake writes: an acknowledgement, an answer to a question, taking a role."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody is wanted: entry ``seq`` of the journal."""

    seq: int
    at: datetime
    because: str


@dataclass(frozen=True, slots=True)
class Attention:
    """Where it stands. ``reasons`` are those of this round, a relapse or a reopening begins the next one;
    ``answer`` is the last entry of a person who took notice."""

    round: int
    reasons: tuple[Reason, ...]
    answer: Entry | None

    @property
    def open(self) -> tuple[Reason, ...]:
        """Reasons that nobody has answered."""
        seq = self.answer.seq if self.answer else 0
        return tuple(reason for reason in self.reasons if reason.seq > seq)


def attention(incident: Incident) -> Attention:
    """What ``incident`` says about being called."""
    if incident.mode not in MODES:
        return Attention(0, (), None)
    reader = _Reader()
    for entry in incident.timeline:
        reader.read(entry)
    return Attention(reader.round, tuple(reader.reasons), reader.answer)


class _Reader:
    """Reads a timeline once, in order."""

    def __init__(self) -> None:
        self.round = 0
        self.reasons: list[Reason] = []
        self.answer: Entry | None = None
        self.state = State.SUSPECTED
        self.worst: Severity | None = None
        self.calling = False
        self.by_hand = False

    def read(self, entry: Entry) -> None:
        if entry.kind in ANSWERS and entry.by != FIRELINE:
            self.answer = entry
        match entry.kind:
            case EntryKind.OPENED if entry.by != FIRELINE:
                self.by_hand = True
                self._want(entry, f"Declared by {entry.by}.")
            case EntryKind.ALERTED if entry.data["alert"]["urgency"] == "page":
                self.by_hand = False
                if not self.calling:
                    self._want(entry, "")
            case EntryKind.SEVERITY:
                self._severity(entry, Severity(entry.data["severity"]))
            case EntryKind.ASKED if self.calling:
                self._want(entry, ASKS)
            case EntryKind.MOVED:
                self._moved(entry, State(entry.data["to"]))

    def _want(self, entry: Entry, because: str) -> None:
        self.calling = True
        self.reasons.append(Reason(entry.seq, entry.at, because))

    def _severity(self, entry: Entry, severity: Severity) -> None:
        before, self.worst = self.worst, severity
        if before is None:
            if severity is Severity.SEV3 and self.by_hand:
                self.reasons, self.calling = [], False  # who declares a SEV3 calls nobody
            return
        if before.at_least(severity):
            self.worst = before
        elif self.calling:
            self._want(entry, f"Severity raised from {before.value} to {severity.value}.")

    def _moved(self, entry: Entry, to: State) -> None:
        back = to is State.TRIAGING and self.state in (State.VERIFYING, State.RESOLVED, State.LEARNING)
        self.state = to
        if back:
            self.round += 1
            if self.calling:
                self.reasons = []
                self._want(entry, "It is back.")
