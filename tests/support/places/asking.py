"""Kinds that read who asks and how alike requests are: a town with sources and hosts."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa

from fireline.detect.baseline import Baseline
from tests.support import logs
from tests.support import town as towns
from tests.support.places import Edit, Place
from tests.support.town import Tables, Town


def _with_sources(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    n = len(table)
    sources = np.char.add("client-", rng.zipf(1.6, n).clip(1, 400).astype(str))
    hosts = rng.choice(["host-a", "host-b", "host-c"], n)
    more = {"source": pa.array(sources), "host": pa.array(hosts)}
    for name, values in more.items():
        table = table.append_column(name, values)
    return table


@cache
def town() -> tuple[Town, Baseline]:
    """A binary service whose requests have a source and a host."""
    columns = logs.runbook().columns.model_dump(exclude_none=True) | {"source": "source", "host": "host"}
    made = towns.build(seed=3, live=7, dress=_with_sources, columns=columns)
    return made, towns.baseline(made)


def _pile(series: str, share: float) -> Edit:
    """``share`` of what is counted falls into one bucket."""

    def edit(town: Town, tables: Tables, day: float) -> None:
        name = "sources" if series == "buckets" else "likeness"
        counts = next(c for s, c in tables[name, 900].items() if s.kind == "service")
        part = counts[int(day * 86_400) // 900 :, town.plan.layout(name).span(series)]
        rows = part.sum(axis=1)
        part[:] = np.random.default_rng(0).binomial(part, 1 - share)
        part[:, 7] += rows - part.sum(axis=1)

    return edit


def _silent(town: Town, tables: Tables, day: float) -> None:
    layout = town.plan.layout("sources")
    counts = next(c for s, c in tables["sources", 900].items() if s.kind == "service")
    part = counts[int(day * 86_400) // 900 :]
    at = layout.offsets["host"]
    part[:, at] -= part[:, at + 1]
    part[:, at + 1] = 0


KINDS = {
    "source_concentration": Place(town, _pile("buckets", 0.5)),
    "near_duplicates": Place(town, _pile("alike", 0.4)),
    "perturbation_cluster": Place(town, _pile("near", 0.7)),
    "silent_source": Place(town, _silent),
}
