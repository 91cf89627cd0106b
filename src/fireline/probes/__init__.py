"""Probes: how a known input is sent through the real service. One file per kind: the listing is the registry.

A kind is a module with ``KIND`` and ``sent(canary) -> Answer`` in it. A probe judges nothing and raises
nothing for what the service did: a service that cannot be reached is an answer too.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from fireline.runbook.canaries import Canary


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: ``status`` 0 and ``trouble`` where nothing did; ``took_ms`` on a monotonic clock."""

    status: int
    body: str
    took_ms: float
    trouble: str = ""


class Probe(Protocol):
    """A kind of probe."""

    KIND: str

    def sent(self, canary: Canary) -> Answer:
        """Send the canary once. Raises SettingsError for one that cannot be sent as it is written."""
        ...


@cache
def kinds() -> dict[str, Probe]:
    """Every kind by the name that runbooks call it."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    modules: list[Any] = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {module.KIND: module for module in modules}
