"""Words of texts, and how many of them the reference never held."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from fireline.clock import MICROS
from fireline.runbook.schema import Runbook
from fireline.telemetry.columns import Array, has, times
from fireline.telemetry.counters import Counter, Rows
from fireline.telemetry.grid import Marks
from fireline.telemetry.texts import HASHES, unsketched
from fireline.terms.counts import HOUR, QUARTER, ScopeKind, Series
from fireline.terms.plan import Layout, Plan

LEAST_TEXTS = 200


class Texts(Counter):
    """Per text column: n texts, their distinct words, and those unknown. ``values`` holds the reference's
    vocabulary as one bit for each word hash."""

    name = "texts"
    grains: ClassVar[Mapping[ScopeKind, int]] = {"service": QUARTER, "version": QUARTER}
    sums = True

    def declare(self, runbook: Runbook, plan: Plan, reference: Rows) -> tuple[Series, ...]:
        """One series for each text column with at least 200 texts."""
        found = []
        for text in runbook.columns.texts:
            name = f"{text}.sketch"
            if has(reference.table, name):
                hashes, sizes = unsketched(reference.table.column(name))
                if (sizes > 0).sum() >= LEAST_TEXTS:
                    hours = np.repeat(times(reference.table) // (HOUR * MICROS), sizes)
                    found.append(_series(text, hashes, hours, plan.reference))
        return tuple(found)

    def marks(self, plan: Plan, layout: Layout, rows: Rows) -> Marks:
        """Texts, words and unknown words of every row."""
        marks = Marks(layout.width)
        for series in layout.series:
            if not has(rows.table, f"{series.name}.sketch"):
                continue
            start = layout.offsets[series.name]
            hashes, sizes = unsketched(rows.table.column(f"{series.name}.sketch"))
            unknown = ~_vocabulary(series)[hashes]
            ends = np.concatenate([[0], np.cumsum(unknown)])
            stops = np.cumsum(sizes)
            marks.where(start, sizes > 0)
            marks.sums.append((start + 1, sizes))
            marks.sums.append((start + 2, ends[stops] - ends[stops - sizes]))
        return marks


def _series(text: str, hashes: Array, hours: Array, tag: str) -> Series:
    # A word of one text alone is as likely as not to be a name, and one text may come many times within a
    # session: what was said in two different hours is a word that will be said again. The first quarter alone
    # makes the vocabulary, so that what is usual is learnt mostly from texts that did not.
    early = hours <= hours.min() + (hours.max() - hours.min()) // 4
    within = np.bincount(np.unique((hours * HASHES + hashes)[early]) % HASHES, minlength=HASHES)
    counts = np.bincount(hashes, minlength=HASHES)
    known = within >= 2
    bits = base64.b64encode(np.packbits(known).tobytes()).decode()
    shares = (1.0, 1.0, round(float(counts[~known].sum() / max(counts.sum(), 1)), 9))
    return Series(
        text, "conditions", QUARTER, ("n", "words", "unknown"), (), (bits,), shares=shares, reference=tag
    )


def _vocabulary(series: Series) -> Array:
    """Which word hashes are known, bool [65536]."""
    packed = np.frombuffer(base64.b64decode(series.values[0]), np.uint8)
    return np.unpackbits(packed).astype(bool)
