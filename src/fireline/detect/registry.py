"""The kinds there are: a file in ``monitors/`` is a kind, and there is no other list."""

from __future__ import annotations

from functools import cache

from fireline.detect import monitors
from fireline.detect.kinds import Kind
from fireline.listing import made_of


@cache
def kinds() -> tuple[Kind, ...]:
    """Every kind in ``fireline.detect.monitors``, by file name."""
    return tuple(made_of(monitors, Kind))


def kind_named(name: str) -> Kind:
    """The kind called ``name``; KeyError lists those there are."""
    for kind in kinds():
        if kind.name == name:
            return kind
    raise KeyError(f"no monitor kind {name!r}; there are: {', '.join(sorted(k.name for k in kinds()))}")
