"""The peers: each turns a view into one number an hour, above 1 where it raises an alarm as it comes.

So a threshold that is tuned is a multiple of the one it comes with. Hours a peer cannot judge are NaN; a view
it has nothing for gives None.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.detecting.service import Array
from bench.detecting.views import View

HERE = Path(__file__).parent
Score = Callable[[View, int], "Array | None"]
DELTAS = (0.3, 0.02, 0.002, 1e-5)
EVIDENTLY, NANNYML = "evidently==0.7.17", "nannyml==0.13.1"


def psi_fixed(view: View, split: int) -> Array | None:
    """PSI of the hour against the whole reference, over .2 (half a count added to each cell)."""
    if view.histogram is None:
        return None
    p = view.histogram[:split].sum(axis=0) + 0.5
    q = view.histogram[split:] + 0.5
    p, q = p / p.sum(), q / q.sum(axis=1, keepdims=True)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=1) / 0.2)


def js_distances(histogram: Array, split: int) -> Array:
    """Jensen-Shannon distance [hours] of each hour to the whole reference."""
    p = histogram[:split].sum(axis=0) + 1e-9
    p = p / p.sum()
    q = (histogram + 1e-9) / (histogram + 1e-9).sum(axis=1, keepdims=True)
    m = (p + q) / 2
    halves = 0.5 * (p * np.log(p / m)).sum(axis=1) + 0.5 * (q * np.log(q / m)).sum(axis=1)
    return np.sqrt(np.maximum(halves, 0))


def three_sigma(view: View, split: int) -> Array:
    """JS distance above mean + 3 sd of the reference's hours; a figure further than 3 sd from its mean."""
    values = view.figure if view.histogram is None else js_distances(view.histogram, split)
    usual = values[:split][np.isfinite(values[:split])]
    away = values[split:] - usual.mean()
    if view.histogram is None:
        away = np.abs(away)
    return np.asarray(away / max(3 * float(usual.std()), 1e-12))


def adwin(view: View, split: int) -> Array:
    """ADWIN (river) on the hourly figure, warmed up on the reference; above 1 where delta .002 sees a change.

    To tune it, other deltas run beside: the score is .002 over the smallest that sees one.
    """
    from river.drift import ADWIN

    found = np.zeros(len(view.figure) - split)
    for delta in DELTAS:
        detector = ADWIN(delta=delta)
        for hour, value in enumerate(view.figure):
            if np.isfinite(value):
                detector.update(float(value))
                if hour >= split and detector.drift_detected:
                    found[hour - split] = max(found[hour - split], 1.001 * 0.002 / delta)
    return found


PEERS: dict[str, Score] = {"PSI > .2": psi_fixed, "3 sigma": three_sigma, "ADWIN": adwin}


def package(name: str, python: Path, views: Sequence[View], split: int) -> list[Array | None]:
    """The hourly scores of ``views`` by a real package, run by the ``python`` it is installed for.

    ``name`` is ``evidently`` or ``nannyml``; the counts pass through a file, and so does the answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, told = Path(folder) / "views.npz", Path(folder) / "scores.json"
        arrays: dict[str, Array] = {"split": np.array(split)}
        for i, one in enumerate(views):
            arrays[f"{i}.{one.kind}"] = one.figure if one.histogram is None else one.histogram
        np.savez(given, allow_pickle=False, **arrays)
        script = HERE / f"in_{name}.py"
        clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        subprocess.run(
            [str(python), "-W", "ignore", str(script), str(given), str(told)],
            check=True, env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        answers = json.loads(told.read_text(encoding="utf-8"))
    return [None if one is None else np.array(one, dtype=np.float64) for one in answers]
