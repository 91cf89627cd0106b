from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from fireline.telemetry.hashing import hash_text
from fireline.telemetry.labels import join_labels, match_labels, unknown_labels

START = datetime(2013, 3, 1, tzinfo=UTC)
CLOCK = pa.timestamp("us", tz="UTC")


def hours(n):
    return START + timedelta(hours=n)


def events(rows):
    """(hour, id[, version])."""
    return pa.table({
        "time": pa.array([hours(row[0]) for row in rows], CLOCK),
        "request_id": pa.array([row[1] for row in rows], pa.string()),
        "version": pa.array([row[2] if len(row) > 2 else "A" for row in rows], pa.string()),
    })  # fmt: skip


def labels(rows, kind="float64"):
    """(hour known, id, label[, version])."""
    return pa.table({
        "request_id": pa.array([row[1] for row in rows], pa.string()),
        "label": pa.array([row[2] for row in rows]).cast(kind),
        "label_time": pa.array([hours(row[0]) for row in rows], CLOCK),
        "version": pa.array([row[3] if len(row) > 3 else None for row in rows], pa.string()),
    })  # fmt: skip


def joined(*args, **more):
    return join_labels(*args, **more).column("label").to_pylist()


def test_each_event_gets_its_label_and_the_time_it_was_known():
    found = join_labels(events([(0, "a"), (1, "b"), (2, "c")]), labels([(5, "c", 1.0), (6, "a", 0.0)]))
    assert found.column("label").to_pylist() == [0.0, None, 1.0]
    assert found.column("label_time").to_pylist() == [hours(6), None, hours(5)]


def test_a_label_is_never_seen_before_it_was_known():
    one, other = events([(0, "a")]), labels([(5, "a", 1.0)])
    assert joined(one, other, now=hours(4.99)) == [None]
    assert joined(one, other, now=hours(5)) == [1.0]


def test_the_last_revision_known_wins():
    one, other = events([(0, "a")]), labels([(9, "a", 3.0), (5, "a", 1.0), (7, "a", 2.0), (7, "a", 2.5)])
    assert [joined(one, other, now=hours(n)) for n in (4, 5, 7, 9)] == [[None], [1.0], [2.5], [3.0]]


def test_at_equal_age_no_label_counts_that_came_later():
    one = events([(0, "a"), (10, "b")])
    other = labels([(5, "a", 1.0), (6, "a", 0.0), (15.5, "b", 1.0)])
    assert joined(one, other, age=timedelta(hours=5)) == [1.0, None]
    assert joined(one, other, age=timedelta(hours=6)) == [0.0, 1.0]
    assert joined(one, other, age=timedelta(hours=6), now=hours(5.5)) == [1.0, None]


def test_a_label_of_one_version_is_for_its_answer_alone():
    one = events([(0, "a", "A"), (0, "a", "B")])
    assert joined(one, labels([(1, "a", 1.0, "B")])) == [None, 1.0]
    assert joined(one, labels([(1, "a", 1.0, "B"), (2, "a", 0.0)])) == [0.0, 0.0]
    assert joined(one, labels([(1, "a", 0.0), (2, "a", 1.0, "B")])) == [0.0, 1.0]


def test_classes_are_words():
    assert joined(events([(0, "a")]), labels([(1, "a", "late")], "string")) == ["late"]


def test_nothing_to_join():
    assert joined(events([]), labels([(1, "a", 1.0)])) == []
    assert joined(events([(0, "a")]), labels([])) == [None]
    assert joined(events([(0, "a")]), pa.table({})) == [None]


def test_labels_of_nobody():
    ids = np.sort(hash_text(pa.array(["a", "b"])))
    assert unknown_labels(labels([(1, "b", 1.0), (1, "c", 1.0)]), ids).tolist() == [False, True]


some_events = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from("abcde"), st.sampled_from("AB")), max_size=20
)
some_labels = st.lists(
    st.tuples(
        st.integers(0, 40), st.sampled_from("abcde"), st.floats(0, 1), st.sampled_from(["A", "B", None, None])
    ),
    max_size=30,
)


@given(some_events, some_labels, st.none() | st.integers(0, 40), st.none() | st.integers(0, 20))
def test_the_join_is_the_rule_in_so_many_words(some, other, now, age):
    limit = {"now": None if now is None else hours(now), "age": None if age is None else timedelta(hours=age)}
    found = match_labels(events(some), labels(other), **limit)
    for (at, name, version), place in zip(some, found.tolist(), strict=True):
        fits = [
            (known, i) for i, (known, label_name, _, whose) in enumerate(other)
            if label_name == name and whose in (None, version)
            and (now is None or known <= now) and (age is None or known <= at + age)
        ]  # fmt: skip
        assert place == (max(fits)[1] if fits else -1)
