"""Errors of predicted numbers are said in the label's own units: seconds of an arrival, not spreads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fireline.detect.example import plan
from fireline.detect.kinds import Behind, Kind, Monitor
from fireline.detect.monitors.accuracy import RegressionError
from fireline.detect.monitors.regression import ErrorBias, Rmse


@pytest.mark.parametrize(
    ("kind", "seen", "says"),
    [
        (Rmse(), 0.44, "root mean squared error 330, usually 180 (0.44 of the usual spread of predictions)"),
        (RegressionError(), 0.44, "predictions are off on average by 330, usually 180 (0.44 of the "
                                  "usual spread of predictions)"),
        (ErrorBias(), 0.44, "predictions lie too low by 330 on average, usually by 180 (0.44 of their usual "
                            "spread)"),
        (ErrorBias(), -0.44, "predictions lie too high by 330 on average, usually by 180 the other way (0.44 "
                             "of their usual spread)"),
    ],
)  # fmt: skip
def test_an_error_is_told_in_the_units_of_the_label(kind: Kind, seen: float, says: str) -> None:
    scaled = replace(plan("regression"), error_scale=750.0)
    told = kind.tell(scaled, Monitor(kind.name, "x"), 0, Behind(np.zeros(1), np.zeros(1), seen, 0.24))
    assert told is not None
    assert told.because == says
