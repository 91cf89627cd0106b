"""The kinds there are: a file in ``monitors/`` is a kind, and there is no other list."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from inspect import isabstract

from fireline.detect import monitors
from fireline.detect.kinds import Kind


@cache
def kinds() -> tuple[Kind, ...]:
    """Every kind in ``fireline.detect.monitors``, by file name."""
    found: list[Kind] = []
    for info in sorted(pkgutil.iter_modules(monitors.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{monitors.__name__}.{info.name}")
        found += [
            value()
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, Kind)
            and value.__module__ == module.__name__
            and not isabstract(value)  # what kinds of one file share is none itself
        ]
    return tuple(found)


def kind_named(name: str) -> Kind:
    """The kind called ``name``; KeyError lists those there are."""
    for kind in kinds():
        if kind.name == name:
            return kind
    raise KeyError(f"no monitor kind {name!r}; there are: {', '.join(sorted(k.name for k in kinds()))}")
