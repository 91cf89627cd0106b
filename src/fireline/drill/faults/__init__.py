"""Every fault and its harmless twin: one file each, and the listing is the registry.

A file holds ``FAULT`` and ``TWIN``: the twin looks alike to a naive alarm and hurts nobody.

>>> sorted(faults())[:3]
['bad_deploy', 'burst_attack', 'calibration_break']
>>> twins()["harmless_deploy"].harmless
True
"""

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from fireline.drill.fault import Fault


@lru_cache(maxsize=1)
def pairs() -> tuple[tuple[Fault, Fault], ...]:
    """Every fault with its twin, by file name."""
    names = sorted(module.name for module in iter_modules(__path__))
    files = [import_module(f"{__name__}.{name}") for name in names]
    return tuple((file.FAULT, file.TWIN) for file in files)


def faults() -> dict[str, Fault]:
    """The faults by name."""
    return {fault.name: fault for fault, _ in pairs()}


def twins() -> dict[str, Fault]:
    """The harmless twins by name."""
    return {twin.name: twin for _, twin in pairs()}
