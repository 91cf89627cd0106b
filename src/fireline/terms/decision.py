"""A decision: which row of the decision table held, what it asks for, and the sentence why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fireline.terms.measure import Authority


@dataclass(frozen=True, slots=True)
class Decision:
    """One walk through the decision table.

    ``row`` counts from 0 and is None when no row holds; ``action`` is None when nothing is to be done.
    ``passed_over`` says of each row that held and was not taken why not; ``ticket`` that no row was asked,
    since nothing paged.
    """

    because: str
    row: int | None = None
    action: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    authority: Authority = "observe"
    cause: str | None = None
    passed_over: tuple[str, ...] = ()
    ticket: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """Two decisions of the same key say the same; the second is not worth an entry."""
        return (
            self.row,
            self.action,
            json.dumps(dict(self.params), sort_keys=True),
            self.authority,
            self.cause,
            self.ticket,
        )

    def as_json(self) -> dict[str, Any]:
        """The decision as a ``decided`` entry carries it."""
        return {
            "row": self.row,
            "action": self.action,
            "params": dict(self.params),
            "authority": self.authority,
            "cause": self.cause,
            "passed_over": list(self.passed_over),
            **({"ticket": True} if self.ticket else {}),
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any], because: str = "") -> Decision:
        """The decision that ``as_json`` wrote."""
        return cls(
            because=because or str(data.get("because", "")),
            row=data.get("row"),
            action=data.get("action"),
            params=dict(data.get("params") or {}),
            authority=data.get("authority", "observe"),
            cause=data.get("cause"),
            passed_over=tuple(data.get("passed_over") or ()),
            ticket=bool(data.get("ticket")),
        )
