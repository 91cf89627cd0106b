"""A batch beside the reference: PSI of each input against what chance and a tolerated drift would read.

Online monitors need ticks; a job that writes a file a night has one look at all of it. Its PSI over n rows
and m of the reference, divided by 1/n + 1/m, is a noncentral chi-square of B - 1 degrees whose noncentrality
is the true PSI over the same: the tolerated one (0.05) is the null, so that a million rows do not call a
shadow a change, and the level of a look is what the month's false alarms leave for each comparison
(docs/detection.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fireline.detect.metrics import Array, enough_for_psi, psi, psi_noise, smoothed
from fireline.detect.tails import noncentral_chi_square_tail
from fireline.terms.counts import Series

TOLERATED = 0.05
"""PSI of a drift that is not worth noticing: a mean that moved by .22 standard deviations, by its square."""

Verdict = Literal["unlike", "alike", "too few rows"]


@dataclass(frozen=True)
class Compared:
    """One input of a batch, of all rows or of those where the column asked for is ``value``.

    ``psi`` as it reads, ``noise`` what it reads without drift, ``p`` the chance of as much with the tolerated
    drift; ``cell`` names the cell that tells most of it, ``usual`` and ``now`` are its shares.
    """

    feature: str
    value: str | None
    rows: int
    psi: float
    noise: float
    p: float
    verdict: Verdict
    cell: str
    usual: float
    now: float


def level(false_alarms: float, looks: int, comparisons: int) -> float:
    """The chance each of ``comparisons`` may take, of ``looks`` batches with ``false_alarms`` in all."""
    return false_alarms / max(looks * comparisons, 1)


def compare(series: Series, value: str | None, usual: Array, now: Array, alpha: float) -> Compared:
    """Counts [width] of a batch, ``now``, beside those of the reference, ``usual``, at level ``alpha``."""
    found, noise, cell = psi(usual, now), psi_noise(usual, now), _telling(usual, now)
    p = _chance(usual, now, found)
    enough = enough_for_psi(usual, now)
    return Compared(
        feature=series.name.removeprefix("feature:"), value=value, rows=int(now.sum()), psi=found,
        noise=noise, p=p, verdict="too few rows" if not enough else "unlike" if p <= alpha else "alike",
        cell=words(series, cell), usual=_share(usual, cell), now=_share(now, cell),
    )  # fmt: skip


def _chance(usual: Array, now: Array, found: float) -> float:
    n, m = float(now.sum()), float(usual.sum())
    if not n or not m:
        return float("nan")
    scale, cells = 1 / n + 1 / m, int(((usual > 0) | (now > 0)).sum())
    return noncentral_chi_square_tail(found / scale, max(cells - 1, 1), TOLERATED / scale)


def _telling(usual: Array, now: Array) -> int:
    """The cell that adds most to PSI."""
    p, q = smoothed(usual, now)
    return int(np.argmax((q - p) * np.log(q / p)))


def _share(counts: Array, cell: int) -> float:
    return float(counts[cell] / counts.sum()) if counts.sum() else float("nan")


def words(series: Series, cell: int) -> str:
    """A cell as people say it: a range, a value, or what it stands for."""
    name, last = series.cells[cell], len(series.edges) - 1
    if name == "null":
        return "missing"
    if series.kind != "numeric":
        return {"other": "rare values", "unseen": "values never seen"}.get(
            name, f"= {name.removeprefix('=')}"
        )
    if name in ("below", "above"):
        return f"{name} {series.edges[0 if name == 'below' else last]:.4g}"
    low, high = series.edges[cell], series.edges[cell + 1]
    return f"= {low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
