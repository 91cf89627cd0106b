"""Actions: what Fireline can do to a service. One file per kind; this listing is the registry.

An action never decides. It says what it would do (``dry_run``), what should come of it (``expected``) and how
it is taken back (``inverse``), and it does it once per idempotency key (``perform``). A new kind is a new
file here with ``ACTION`` in it; the contract suite in ``tests/act`` runs on it without being told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol

from fireline.errors import RunbookError, Where
from fireline.terms.measure import Measure
from fireline.terms.switch import Route, Switch, SwitchBoard, amended


@dataclass(frozen=True, slots=True)
class Hands:
    """What an action may touch, and the time it is."""

    switches: SwitchBoard
    at: datetime


class Action(Protocol):
    """One kind of action; ``name`` is its file's name and what a runbook's decision table calls it."""

    name: str

    def check(self, params: Mapping[str, Any]) -> None:
        """Raise RunbookError, with the key and what to do, when it cannot be done with ``params``."""
        ...

    def dry_run(self, params: Mapping[str, Any]) -> str:
        """What would be done, in one sentence."""
        ...

    def inverse(self, params: Mapping[str, Any], before: Switch | None) -> Mapping[str, Any]:
        """What takes it back: ``{"action": name, "params": {...}}``; ``before`` is the switch that is out
        now."""
        ...

    def expected(self, params: Mapping[str, Any]) -> str:
        """What should be seen when it helped, in one sentence."""
        ...

    def perform(self, hands: Hands, measure: Measure, key: str) -> Mapping[str, Any]:
        """Do it, once per ``key``, and give the receipt: JSON values, with ``told`` in words.

        Raises FirelineError; ``permanent`` False where trying again may do.
        """
        ...


@cache
def found() -> Mapping[str, Action]:
    """Every action there is, by name."""
    names = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    actions = [import_module(f"{__name__}.{name}").ACTION for name in names]
    return {action.name: action for action in actions}


def named(actions: Mapping[str, Action], name: str) -> Action:
    """The action called ``name``. Raises RunbookError when there is none."""
    action = actions.get(name)
    if action is None:
        raise RunbookError(
            f"there is no action {name!r}",
            todo=f"use one of: {', '.join(sorted(actions))}",
            where=Where(key="action"),
        )
    return action


def word(params: Mapping[str, Any], key: str, action: str) -> str:
    """A parameter that must be there and be a word. Raises RunbookError."""
    value = params.get(key)
    if not isinstance(value, str) or not value:
        raise RunbookError(
            f"{action} needs `{key}`",
            todo=f"put `{key}:` under the row's params, or say -p {key}=... at the command line",
            where=Where(key=f"params.{key}"),
        )
    return value


def share(params: Mapping[str, Any], action: str) -> float:
    """The parameter ``share``, which must be there and lie between 0 and 1. Raises RunbookError."""
    value = params.get("share")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise RunbookError(
            f"{action} needs `share` between 0 and 1, not {value!r}",
            todo="write 0.2 for a fifth of the calls",
            where=Where(key="params.share"),
        )
    return float(value)


def segment(params: Mapping[str, Any], action: str) -> dict[str, str] | None:
    """The parameter ``segment``, column to value, or None for all calls. Raises RunbookError."""
    value = params.get("segment")
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
        raise RunbookError(
            f"{action}: `segment` maps columns to values, and is not {value!r}",
            todo="write `segment: {carrier: UA}`, or leave it out for all calls",
            where=Where(key="params.segment"),
        )
    return {str(column): str(item) for column, item in sorted(value.items())}


def whom(params: Mapping[str, Any]) -> str:
    """The calls that ``segment`` means, in words."""
    calls = ", ".join(f"{column}={value}" for column, value in sorted((params.get("segment") or {}).items()))
    return f"calls with {calls}" if calls else "all calls"


def restoring(before: Switch | None) -> dict[str, Any]:
    """The inverse of anything that put a route out: take it off again; act adds whose route it is."""
    return {"action": "restore", "params": {"was": str(before) if before else "all calls the usual way"}}


def put(
    hands: Hands, measure: Measure, key: str, add: tuple[Route, ...] = (), drop: str | None = None
) -> dict[str, Any]:
    """Put the next switch out, with the routes ``add`` and without those of measure ``drop``; the receipt of
    it."""
    before = hands.switches.current(measure.service)
    switch = amended(before, measure.service, measure.ordinal, hands.at, measure.because, add=add, drop=drop)
    told = hands.switches.put(switch, key)
    return {"told": told.words, "already": told.already, "version": told.version, "switch": switch.as_json()}
