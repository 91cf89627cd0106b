"""Rows with given hourly counts, for packages that want rows. Runs in the packages' own environments."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def views(path: str) -> Iterator[tuple[str, Any, int]]:
    """(kind, array [hours] or [hours, B], first live hour) of each view in the file."""
    with np.load(path) as archive:
        split = int(archive["split"])
        names = sorted((n for n in archive.files if n != "split"), key=lambda n: int(n.split(".")[0]))
        for name in names:
            yield name.split(".", 1)[1], archive[name], split


def values(kind: str, bins: int) -> Any:
    """What the rows of each bin hold: the middle of the bin's normal quantiles, or a name."""
    if kind != "numeric":
        return np.array([f"v{i}" for i in range(bins)])
    from statistics import NormalDist

    return np.array([NormalDist().inv_cdf((i + 0.5) / bins) for i in range(bins)])


def script(main: Any) -> None:
    """Runs ``main(given, told)`` on the command line's two paths."""
    main(sys.argv[1], Path(sys.argv[2]))
