"""What a guard says of itself: plain data, for a status page or a log line."""

from __future__ import annotations

from typing import Any

from fireline.clock import iso
from fireline.guard.ladder import Ladder, Rung
from fireline.guard.plan import Plan, instant


def of_rung(rung: Rung) -> dict[str, Any]:
    """One rung: what it is, how its breaker stands, what it did, and when it was last exercised."""
    rate, calls = rung.breaker.failure_rate()
    exercised = max(rung.exercised_at or 0.0, rung.last_answered or 0.0)
    return {
        "name": rung.name, "kind": rung.kind, "version": rung.version, "breaker": rung.breaker.state,
        "failure_rate": round(rate, 4), "calls_in_window": calls, "trips": rung.breaker.trips,
        "answered": rung.answered, "failed": rung.failed, "fell": rung.fell, "shadowed": rung.shadowed,
        "last_answered": _time(rung.last_answered), "last_exercised": _time(exercised or None),
        "last_error": rung.last_error,
    }  # fmt: skip


def of_plan(plan: Plan) -> dict[str, Any]:
    """The routes and the split in force, and the routes that lead nowhere here."""
    return {
        "routes": [str(way.told) for _, _, way in plan.routes],
        "split": [
            {"below": top, "version": way.rung.version, "rung": way.rung.name} for top, way in plan.split
        ],
        "usual": plan.usual.rung.name,
        "lost": [str(route) for route in plan.lost],
    }


def of_ladder(ladder: Ladder) -> list[dict[str, Any]]:
    """Every rung, best answer first."""
    return [of_rung(rung) for rung in ladder]


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else iso(instant(seconds))
