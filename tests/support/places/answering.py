"""Kinds that read texts, embeddings, feature times, tools and scorers: a town of an LLM service."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa

from fireline.detect.baseline import Baseline
from fireline.runbook.schema import Columns
from fireline.telemetry.columns import times
from fireline.telemetry.derived import derive
from tests.support import logs
from tests.support import town as towns
from tests.support.places import Edit, Place
from tests.support.town import Tables, Town

WORDS = np.array([f"word{i}" for i in range(400)])
MORE = {
    "texts": ["prompt"], "embeddings": ["vector"], "feature_times": {"x": "x_at"}, "tools": "called",
    "flags": ["toxic", "refused"],
}  # fmt: skip


def _asked(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    n = len(table)
    picked = WORDS[np.minimum(rng.zipf(1.5, (n, 8)) - 1, 399)]
    at = times(table)
    raw = pa.table({
        "prompt": pa.array([" ".join(row) for row in picked]),
        "vector": pa.array(list(rng.normal(0.3, 1, (n, 16)))),
        "x_at": pa.array(at - rng.integers(0, 3_600_000_000, n), pa.timestamp("us", "UTC")),
        "called": pa.array([["search"] if u < 0.3 else [] for u in rng.random(n)]),
    })  # fmt: skip
    columns = Columns(time="time", **{**MORE, "features": {"x": "numeric"}})
    for name, values in derive(columns, raw, at, "UTC").items():
        table = table.append_column(name, values)
    return table


@cache
def town() -> tuple[Town, Baseline]:
    """An LLM service: two requests a minute."""
    columns = logs.runbook().columns.model_dump(exclude_none=True) | MORE
    scorers = {"toxic": {"recall": 0.65, "false_positive_rate": 0.05}}
    made = towns.build(seed=5, rate=2.0, live=7, dress=_asked, columns=columns, scorers=scorers)
    return made, towns.baseline(made)


def _service(layout: str, change: Edit) -> Edit:
    def edit(town: Town, tables: Tables, day: float) -> None:
        counts = next(c for s, c in tables[layout, 900].items() if s.kind == "service")
        change(counts[int(day * 86_400) // 900 :])

    return edit


def _more(cell: int, of: int, share: float):
    def change(part: np.ndarray) -> None:
        rest = np.maximum(part[:, of] - part[:, cell], 0)
        part[:, cell] += np.random.default_rng(0).binomial(rest, share)

    return change


def _moved(part: np.ndarray) -> None:
    part[:, 3] += part[:, 0] * 800_000


def _twice(part: np.ndarray) -> None:
    part[:, 2] *= 3
    part[:, 3] *= 9


KINDS = {
    "unknown_words": Place(town, _service("texts", _more(2, 1, 0.3)), None),
    "embedding_drift": Place(town, _service("embeddings", _moved), "vector"),
    "stale_feature": Place(town, _service("ages", _more(1, 0, 0.5))),
    "unknown_tool": Place(town, _service("tools", _more(4, 0, 0.1))),
    "tool_calls": Place(town, _service("tools", _twice)),
    "corrected_flag_rate": Place(town, _service("scorers", _more(1, 0, 0.2)), "toxic"),
}
