"""Drafts of entries for tests: the shortest that the guards let through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fireline.terms.measure import Measure, MeasureState
from fireline.terms.timeline import Draft, EntryKind

T0 = datetime(2024, 3, 18, 6, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def opened(service: str = "flights", mode: str = "real", title: str = "scores drifted") -> Draft:
    return Draft(EntryKind.OPENED, "a monitor fired", {"service": service, "mode": mode, "title": title})


def note(text: str = "looked at it", by: str = "ada") -> Draft:
    return Draft(EntryKind.NOTE, text, {"text": text}, by=by)


def measure(name: str = "msr-1", service: str = "flights", incident: str = "inc-1", **more: Any) -> Measure:
    usual: dict[str, Any] = {
        "action": "rollback",
        "params": {"to": "A", "from": "B"},
        "because": "B is bad and A is known to be good",
        "authority": "auto",
        "state": MeasureState.REQUESTED,
        "requested_at": T0,
        "simulated": False,
        "expires_at": after(86_400),
    }
    return Measure(id=name, incident=incident, service=service, **(usual | more))


def requested(name: str = "msr-1", **more: Any) -> Draft:
    return Draft(EntryKind.REQUESTED, "the table says so", {"measure": measure(name, **more).as_json()})


def asked(
    name: str = "msr-1", default: str = "leave", due: str = "2024-03-18T06:15:00Z", **more: Any
) -> Draft:
    body = measure(name, state=MeasureState.ASKED, authority="ask", **more).as_json()
    return Draft(EntryKind.ASKED, "the table says ask", {"measure": body, "default": default, "due": due})


def about(kind: EntryKind, name: str = "msr-1", by: str = "ada", **data: Any) -> Draft:
    return Draft(kind, f"it was {kind.value}", {"measure": name, **data}, by=by)
