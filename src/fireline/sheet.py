"""What one step of a tick writes: seen by the step at once, in the journal all together or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from fireline.clock import from_micros, micros
from fireline.store import Store, Tx
from fireline.terms.fold import apply
from fireline.terms.incident import Incident
from fireline.terms.timeline import Draft, Entry


@dataclass
class Sheet:
    """Drafts about one incident, and what it amounts to with them."""

    incident: Incident
    now: datetime
    drafts: list[Draft] = field(default_factory=list)

    def add(self, drafts: Iterable[Draft]) -> None:
        """Notes ``drafts``; the incident is what it will be once they are written."""
        for draft in drafts:
            place = len(self.incident.timeline) + 1
            entry = Entry(
                self.incident.id, place, self.now, draft.kind, draft.by, draft.because, dict(draft.data)
            )
            self.incident = apply(self.incident, entry)
            self.drafts.append(draft)


@dataclass
class Bookmark:
    """Which steps of a tick are done: written in the transaction of each step, so that a tick that died is
    taken up where it stopped, and no step sees what a later one wrote.

    ``phase`` counts the steps of the tick, ``done`` names the incidents that the step has seen to.
    """

    service: str
    now: datetime | None = None
    phase: int = 0
    done: list[str] = field(default_factory=list)

    @classmethod
    def found(cls, store: Store, service: str) -> Bookmark:
        """Where the last tick stopped."""
        kept = store.get_state(f"tick:{service}")
        if kept is None:
            return cls(service)
        phase, done = json.loads(kept.body)
        return cls(service, from_micros(kept.tick), phase, done)

    def passed(self, now: datetime, phase: int, incident: str) -> bool:
        """Whether the step ``phase`` of the tick at ``now`` has seen to ``incident``."""
        return self.now == now and (phase < self.phase or (phase == self.phase and incident in self.done))

    def turn(self, now: datetime, phase: int, incident: str | None = None) -> None:
        """The step ``phase`` of the tick at ``now`` begins, or has seen to ``incident``."""
        if (self.now, self.phase) != (now, phase):
            self.now, self.phase, self.done = now, phase, []
        if incident is not None:
            self.done.append(incident)

    def keep(self, tx: Tx) -> None:
        """Writes it down with what else ``tx`` writes."""
        if self.now is not None:
            tx.put_state(
                f"tick:{self.service}", micros(self.now), json.dumps([self.phase, self.done]).encode()
            )
