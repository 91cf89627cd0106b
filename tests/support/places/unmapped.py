"""The kind that reads which rows bring columns nobody mapped: some always came, and a new one appears."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa

from fireline.detect.baseline import Baseline
from fireline.telemetry.unmapped import UNMAPPED
from tests.support import town as towns
from tests.support.places import Place
from tests.support.places.answering import _more, _service
from tests.support.town import Town


def _dressed(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    names = np.array([None, '["meta"]', '["meta", "trace"]'], object)
    return table.append_column(UNMAPPED, pa.array(names[rng.integers(0, 3, len(table))], pa.string()))


@cache
def town() -> tuple[Town, Baseline]:
    """A service that logs more than its runbook names: two requests a minute."""
    made = towns.build(seed=7, rate=2.0, live=7, dress=_dressed)
    return made, towns.baseline(made)


KINDS = {"new_column": Place(town, _service("new_columns", _more(1, 0, 0.2)))}
