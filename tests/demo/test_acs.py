"""The census log for nulls: complete, shuffled, with labels later than predictions."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq

from tests.support import acs


def test_the_census_log_is_a_null_with_labels(tmp_path):
    log = acs.event_log(tmp_path, days=28, rows=20_000)
    events, labels = pq.read_table(log.events).to_pandas(), pq.read_table(log.labels).to_pandas()
    assert len(events) == len(labels) == 20_000
    assert events.time.is_monotonic_increasing
    assert events.time.dt.date.nunique() == 28
    joined = events.merge(labels, on="request_id")
    assert (joined.label_time > joined.time).all()
    half = joined.time < joined.time.median()
    share = [joined.label[half].mean(), joined.label[~half].mean()]
    assert abs(np.diff(share)[0]) < 0.03
