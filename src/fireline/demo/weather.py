"""Hourly weather at the three airports, joined as it was known when a prediction was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

READINGS = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
_HOUR = 3600 * 1_000_000


def weather_at(
    weather: Any, origin: NDArray[np.object_], at: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """The reading of the full hour before each instant ``at`` (int64 us) at each ``origin``; NaN where none
    is.

    Only what had been observed by then is joined: no forecast, nothing from the flight's own future.
    """
    hours = (
        weather["time_hour"].str.replace("Z", "").to_numpy(dtype="datetime64[us]").astype(np.int64) // _HOUR
    )
    row = {key: index for index, key in enumerate(zip(weather["origin"], hours.tolist(), strict=True))}
    asked = zip(origin.tolist(), (at // _HOUR).tolist(), strict=True)
    index = np.array([row.get(key, -1) for key in asked], dtype=np.int64)
    found = {}
    for name in READINGS:
        values = weather[name].to_numpy(dtype=np.float64)
        found[name] = np.where(index >= 0, values[index], np.nan)
    return found
