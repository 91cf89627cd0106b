"""Where kinds that read further layouts are tried: a file here names a town and a fault for each of them.

``KINDS`` of a module: the kind's name -> a ``Place``. Kinds of the four layouts that every service has are
tried in ``tests.support.town`` and have their faults in ``tests/detect/test_kinds.py``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fireline.detect.baseline import Baseline
from tests.support.town import Tables, Town

Edit = Callable[[Town, Tables, float], None]


@dataclass(frozen=True)
class Place:
    """``town`` gives (cached) a town of 28 days of reference and at least 6 live ones, and its baseline;
    ``fault`` edits its counts from a day on; ``wanted`` is the feature to be named, if there is one."""

    town: Callable[[], tuple[Town, Baseline]]
    fault: Edit
    wanted: str | None = None
    empty_is_data: bool = False


def places() -> Mapping[str, Place]:
    """Every kind's place, from the files of this folder."""
    found: dict[str, Place] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        found |= importlib.import_module(f"{__name__}.{info.name}").KINDS
    return found
