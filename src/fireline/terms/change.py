"""A change: what happened to a service (deploy, config, campaign); never what Fireline does about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fireline.clock import iso, parse_time


@dataclass(frozen=True, slots=True)
class Change:
    """One recorded change.

    ``kind`` is a word such as deploy, config, campaign, schema, data, infrastructure, label, holiday;
    ``inferred`` marks a change read off the events themselves (a version first seen), not one announced.
    """

    at: datetime
    kind: str
    what: str
    service: str
    version: str | None = None
    segment: Mapping[str, str] | None = None
    link: str | None = None
    inferred: bool = False

    def as_json(self) -> dict[str, Any]:
        """The change as in a change log; absent parts are left out."""
        found: dict[str, Any] = {
            "at": iso(self.at),
            "kind": self.kind,
            "what": self.what,
            "service": self.service,
        }
        for name in ("version", "segment", "link"):
            value = getattr(self, name)
            if value is not None:
                found[name] = dict(value) if name == "segment" else value
        if self.inferred:
            found["inferred"] = True
        return found

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Change:
        """The change that ``as_json`` wrote."""
        return cls(**{**data, "at": parse_time(data["at"])})
