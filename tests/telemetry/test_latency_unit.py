"""Latencies logged in seconds or nanoseconds are counted in milliseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fireline.runbook.schema import Columns
from fireline.telemetry.intake import Intake
from fireline.terms.piece import Piece


@pytest.mark.parametrize(("unit", "factor"), [("s", 1e3), ("ms", 1.0), ("us", 1e-3), ("ns", 1e-6)])
def test_a_latency_is_kept_in_milliseconds(unit: Any, factor: float) -> None:
    table = pa.table({"at": [1_767_225_600, 1_767_225_601], "took": [250.0, None]})
    columns = Columns(time="at", latency_ms="took", latency_unit=unit)
    piece = Piece(table, "f", np.arange(1, 3), tuple(table.column_names))
    taken = Intake(columns).take(piece, "t")
    assert taken.events.column("latency_ms").to_pylist() == [pytest.approx(250 * factor), None]
    assert "latency_unit" not in columns.roles()
