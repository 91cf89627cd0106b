"""The harms `fireline coverage` plays: one file for each part of an event they touch.

>>> [harm.name for harm in harms()][:3]
['null jump', 'column gone', 'new column']
"""

from functools import lru_cache
from importlib import import_module

from fireline.drill.coverage.harm import Harm

FILES = ("inputs", "answers", "scores", "labels", "traffic", "places")


@lru_cache(maxsize=1)
def harms() -> tuple[Harm, ...]:
    """Every harm, in the order in which the page shows them."""
    found: list[Harm] = []
    for name in FILES:
        found += import_module(f"{__name__}.{name}").HARMS
    return tuple(found)
