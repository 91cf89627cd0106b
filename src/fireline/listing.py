"""Folders that are their own registry: a file in them is a kind, and there is no other list."""

from __future__ import annotations

import importlib
import pkgutil
from inspect import isabstract
from types import ModuleType
from typing import Any


def made_of(package: ModuleType, base: type) -> list[Any]:
    """One of each class of ``base`` that the files of ``package`` define, by file name.

    What the classes of one file share may be abstract: it is none itself.

    >>> from fireline.detect import monitors
    >>> from fireline.detect.kinds import Kind
    >>> sorted(kind.name for kind in made_of(monitors, Kind))[:2]
    ['absolute_error', 'accuracy']
    """
    found = []
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            mine = isinstance(value, type) and value.__module__ == module.__name__
            if mine and issubclass(value, base) and not isabstract(value):
                found.append(value())
    return found
