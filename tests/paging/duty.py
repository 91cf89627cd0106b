"""A night on call without a database: one incident's journal, an outbox in a list, a clock that jumps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from fireline.oncall import Arrangement, Paging, due, unwanted
from fireline.terms.guards import MOVES
from fireline.terms.incident import State
from fireline.terms.page import Page, PageDraft, PageState
from fireline.terms.severity import Severity
from fireline.terms.timeline import Draft
from tests.lifecycle.make import T0, Journal, K, alerted, moved, opened

STEPS = {"steps": [{"channels": ["ops"]}, {"channels": ["boss", "mail"], "after": "5m"}]}


def paging(**more: Any) -> Paging:
    return Paging.model_validate({**STEPS, "repage_every": "5m", "ack_lasts": "30m", "max": 12, **more})


def severity(level: str) -> Draft:
    return Draft(K.SEVERITY, "It is as bad as that.", {"severity": level})


def acked(by: str = "ada") -> Draft:
    return Draft(K.ACKED, f"{by} has it.", {"person": by}, by=by)


@dataclass
class Night:
    """Everything that is due is sent at once, unless ``sends`` says otherwise."""

    paging: Paging = field(default_factory=paging)
    journal: Journal = field(default_factory=Journal)
    pages: list[Page] = field(default_factory=list)
    at: datetime = T0
    sends: PageState = PageState.SENT
    base_url: str = "https://fireline.example.org"

    def begin(self, urgency: str = "page", mode: str = "real", level: str | None = "SEV2") -> Night:
        self.write(opened(mode), alerted(urgency=urgency), moved("declared"), moved("triaging"))
        if level:
            self.write(severity(level))
        return self

    def write(self, *drafts: Draft) -> None:
        self.journal.write(self.at, *drafts)

    def move(self, to: str, because: str = "It goes on.", **more: Any) -> None:
        """Move without what the guards ask for first: a watch that passed, a measure that holds."""
        assert State(to) in MOVES[self.journal.now.state]
        self.journal.force(self.at, moved(to, because, **more))

    def ask(self) -> list[PageDraft]:
        """What is due now, put into the outbox, and what is unwanted taken out of it."""
        cadence = {Severity.SEV1: timedelta(minutes=30), Severity.SEV2: timedelta(hours=2)}
        arrangement = Arrangement(self.paging, self.base_url, "America/New_York", cadence)
        drafts = due(self.journal.now, arrangement, self.pages, self.at)
        for draft in drafts:
            assert draft.key not in {page.key for page in self.pages}
            attempts = 0 if self.sends is PageState.WAITING else 1
            page = Page(
                len(self.pages) + 1, draft.incident, draft.service, draft.kind, draft.channel, "", draft.key,
                draft.due_at, draft.because, draft.message, draft.plan, self.sends, attempts, self.at,
            )  # fmt: skip
            self.pages.append(page)
        for page, why in unwanted(self.journal.now, self.pages):
            self.pages[page.id - 1] = replace(page, state=PageState.DROPPED, last_error=why)
        return drafts

    def after(self, **later: float) -> list[tuple[str, str]]:
        """(kind, channel) of what is due that much later."""
        self.at += timedelta(**later)
        return [(draft.kind.value, draft.channel) for draft in self.ask()]

    def through(self, **span: float) -> list[tuple[float, str, str]]:
        """(minutes since the alert, kind, channel) of everything that becomes due in a span of minutes."""
        end, said = self.at + timedelta(**span), []
        while True:
            minutes = (self.at - T0) / timedelta(minutes=1)
            said += [(minutes, draft.kind.value, draft.channel) for draft in self.ask()]
            if self.at >= end:
                return said
            self.at += timedelta(seconds=30)
