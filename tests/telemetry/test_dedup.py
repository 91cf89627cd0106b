from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from fireline.telemetry.dedup import Dedup, event_keys
from fireline.telemetry.hashing import hash_text

HOUR = 3600 * 10**6
START = 1_363_000_000 * 10**6


def events(rows):
    """Rows of (hours, id) or (hours, id, version, shadow, late) as a canonical batch, in order of arrival."""
    full = [(*row, *("A", False, False)[len(row) - 2 :]) for row in rows]
    return pa.table(
        {
            "time": pa.array([START + int(row[0] * HOUR) for row in full], pa.int64()).cast(
                pa.timestamp("us", tz="UTC")
            ),
            "request_id": pa.array([row[1] for row in full], pa.string()),
            "version": pa.array([row[2] for row in full], pa.string()),
            "shadow": pa.array([row[3] for row in full], pa.bool_()),
            "late": pa.array([row[4] for row in full], pa.bool_()),
        }
    )


def ids(table):
    return table.column("request_id").to_pylist()


def run(dedup, batches):
    """Kept rows as (id, time) over several batches, each committed."""
    kept = []
    for batch in batches:
        split = dedup.split(batch)
        dedup.remember(split.keys)
        kept += list(zip(ids(split.kept), split.kept.column("time").to_pylist(), strict=True))
    return kept


def by_hand(rows, horizon):
    """The rule in so many words."""
    kept, clock = [], -(10**18)
    for hours, name, version, shadow, _ in rows:
        key = (name, version, shadow)
        near = [at for k, at in kept if k == key and abs(at - hours) <= horizon and at >= clock - horizon]
        if not near:
            kept.append((key, hours))
            clock = max(clock, hours)
    return [(key[0], at) for key, at in kept]


def test_a_request_sent_twice_counts_once():
    split = Dedup("svc").split(events([(0, "a"), (1, "b"), (2, "a"), (3, "c"), (3, "a")]))
    assert ids(split.kept) == ["a", "b", "c"]
    assert ids(split.dropped) == ["a", "a"]


def test_another_version_or_a_shadow_call_is_no_duplicate():
    rows = [(0, "a"), (0, "a", "B"), (0, "a", "A", True), (0, "a", "B", True)]
    assert len(Dedup("svc").split(events(rows)).kept) == 4
    one, other = (event_keys(name, events(rows)) for name in ("svc", "other"))
    assert not set(one.tolist()) & set(other.tolist())


def test_after_the_horizon_an_id_may_come_again():
    dedup = Dedup("svc", timedelta(hours=24))
    assert ids(dedup.split(events([(0, "a"), (23, "a"), (24, "a"), (25, "a"), (48, "a")])).kept) == ["a", "a"]


def test_splitting_alone_remembers_nothing():
    dedup = Dedup("svc")
    batch = events([(0, "a"), (0, "b")])
    assert dedup.split(batch).keys == dedup.split(batch).keys
    assert len(dedup.split(batch).kept) == 2


log = st.lists(
    st.tuples(
        st.integers(0, 120), st.sampled_from("abc"), st.sampled_from("AB"), st.booleans(), st.booleans()
    ),
    max_size=60,
)


@given(log, st.data())
def test_any_cut_into_batches_and_any_restart_keep_the_same_rows(rows, data):
    horizon = timedelta(hours=24)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=5)))
    edges = [0, *cuts, len(rows)]
    whole = run(Dedup("svc", horizon), [events(rows)])
    stored, kept = [], []
    for low, high in pairwise(edges):
        dedup = Dedup("svc", horizon, stored=stored)
        split = dedup.split(events(rows[low:high]))
        stored.append(replace(split.keys, clock=split.keys.last))
        kept += list(zip(ids(split.kept), split.kept.column("time").to_pylist(), strict=True))
    assert kept == whole
    spoken = [(name, (at.timestamp() * 10**6 - START) / HOUR) for name, at in whole]
    assert spoken == by_hand(rows, 24)


def test_the_window_forgets_and_stays_small():
    dedup = Dedup("svc", timedelta(hours=1))
    for hour in range(200):
        split = dedup.split(events([(hour + i / 100, f"{hour}-{i}") for i in range(50)]))
        dedup.remember(split.keys)
    assert sum(len(part[1]) for part in dedup._window) <= 150


def test_many_small_batches_are_as_good_as_one():
    rng = np.random.default_rng(0)
    rows = [(i / 60, f"r{rng.integers(0, 3000)}", "A", False, False) for i in range(3_000)]
    whole = run(Dedup("svc"), [events(rows)])
    small = run(Dedup("svc"), [events(rows[i : i + 10]) for i in range(0, 3_000, 10)])
    assert small == whole


def test_hashes_differ_where_text_differs():
    words = [
        f"{prefix}{'x' * size}{i}" for prefix in ("", "\0", "é") for size in range(20) for i in range(50)
    ]
    assert len(set(hash_text(pa.array(words)).tolist())) == len(set(words))


@given(st.lists(st.text(max_size=20), max_size=20), st.integers(0, 20))
def test_a_hash_depends_on_the_text_alone(words, at):
    whole = pa.array(["pad", *words], pa.string())
    sliced, chunked = (
        whole.slice(1),
        pa.chunked_array([whole.slice(1, at), whole.slice(1 + min(at, len(words)))]),
    )
    alone = [hash_text(pa.array([word], pa.string()))[0] for word in words]
    assert hash_text(sliced).tolist() == hash_text(chunked).tolist() == alone
