from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fireline.errors import StoreError
from fireline.store import Keys, LakeFile, Mark, Store, Stored
from fireline.terms.counts import CountsRow
from fireline.terms.quarantine import BadRow
from tests.support.incidents import T0


def row(first: int, ticks: int = 1, grain: int = 60, scope: str = "service", late: bool = False) -> CountsRow:
    return CountsRow("layout-1", grain, scope, first, ticks, late, bytes([first % 256]))


def file(name: str = "a.parquet", min_us: int = 0, max_us: int = 99, kind: str = "events") -> LakeFile:
    return LakeFile(kind, name, 10, min_us, max_us, "flights")


def test_a_batch_is_all_there_or_not_at_all(store: Store) -> None:
    bad = [
        BadRow(
            "log.csv",
            "bad_time",
            "not a time",
            "write ISO 8601",
            row=7,
            line=8,
            column="time",
            raw="x" * 3000,
        ),
        BadRow("log.csv", "ragged_row", "3 of 4 columns", "", line=9),
    ]
    with store.begin() as tx:
        assert tx.commit_batch(
            "b1",
            at=T0,
            lake_file=file(),
            counts=[row(1), row(2)],
            keys=b"\x00k",
            cursor=("log.csv", "100"),
            quarantine=bad,
        )
    assert store.has_batch("b1")
    assert store.counts(60, 0, 10) == [row(1), row(2)]
    assert store.keys(0) == [Keys("b1", 0, 99, b"\x00k")]
    assert store.cursor("log.csv") == "100"
    assert store.lake_files("events", 0, 1) == [file()]
    first, second = store.quarantined("b1")
    assert (first.row, first.line, first.column, len(first.raw)) == (7, 8, "time", 2000)
    assert second == bad[1]

    with pytest.raises(RuntimeError), store.begin() as tx:  # noqa: PT012
        tx.commit_batch(
            "b2", at=T0, lake_file=file("b"), counts=[row(5)], keys=b"k", cursor=("log.csv", "200")
        )
        raise RuntimeError
    assert not store.has_batch("b2")
    assert store.cursor("log.csv") == "100"
    assert len(store.counts(60, 0, 10)) == 2


def test_one_scope_is_read_alone_and_when_it_was_first_counted(store: Store) -> None:
    """What was rolled up counts in its own ticks; what came late does not begin anything."""
    rows = [row(9), row(3, grain=900), row(40, scope="version=A"), row(1, late=True)]
    with store.begin() as tx:
        tx.commit_batch("b1", at=T0, service="flights", counts=rows)
    assert store.counts(60, 0, 99, scope="service", late=False) == [row(9)]
    assert store.counts(60, 0, 99, scope="version=A") == [row(40, scope="version=A")]
    assert store.first_counted("flights", "layout-1", "service") == 540
    assert store.first_counted("flights", "layout-1", "version=A") == 2400
    assert store.first_counted("flights", "layout-2", "service") is None
    assert store.first_counted("other", "layout-1", "service") is None


def test_a_batch_committed_before_is_recognised_and_not_counted_twice(store: Store) -> None:
    for first_time in (True, False):
        with store.begin() as tx:
            taken = tx.commit_batch(
                "b1", at=T0, lake_file=file(), counts=[row(1)], cursor=("s", "1"), cursor_was=None
            )
        assert taken is first_time
    assert store.counts(60, 0, 10) == [row(1)]


def test_two_who_read_the_same_source_do_not_count_the_same_rows(store: Store) -> None:
    with store.begin() as tx:
        tx.commit_batch("s:0-10", at=T0, counts=[row(1)], cursor=("s", "10"), cursor_was=None)
    with pytest.raises(StoreError, match="taken up to 10 by somebody else") as refused, store.begin() as tx:
        tx.commit_batch("s:0-20", at=T0, counts=[row(1), row(2)], cursor=("s", "20"), cursor_was=None)
    assert not refused.value.permanent
    with store.begin() as tx:
        tx.commit_batch("s:10-20", at=T0, counts=[row(2)], cursor=("s", "20"), cursor_was="10")
    assert store.counts(60, 0, 10) == [row(1), row(2)]


def test_a_batch_may_hold_nothing_but_bad_rows(store: Store) -> None:
    with store.begin() as tx:
        tx.commit_batch("b1", at=T0, quarantine=[BadRow("log.csv", "bad_time", "not a time", "", row=1)])
        with pytest.raises(StoreError, match="dedup keys and no lake file"):
            tx.commit_batch("b2", at=T0, keys=b"k")
    assert store.lake_files("events", 0, 1000) == []
    assert len(store.quarantined()) == 1


def test_counts_are_read_by_grain_overlap_lateness_service_and_layout(store: Store) -> None:
    long, early, late = row(0, ticks=50), row(3), row(4, late=True)
    with store.begin() as tx:
        tx.commit_batch("b1", at=T0, service="flights", counts=[long, early, row(9, grain=900), late])
        tx.commit_batch("b2", at=T0, service="fares", counts=[row(4)])
    assert store.counts(60, 4, 5, service="flights") == [long, late]
    assert store.counts(60, 4, 5, late=False, service="flights") == [long]
    assert store.counts(60, 49, 60) == [long]
    assert store.counts(60, 50, 60) == []
    assert store.counts(900, 0, 10) == [row(9, grain=900)]
    assert store.counts(60, 0, 99, layout="layout-2") == []


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=25)


@given(spans=SPANS, start=st.integers(-5, 70), length=st.integers(0, 30))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_range_finds_exactly_the_rows_that_touch_it(
    store: Store, spans: list[tuple[int, int]], start: int, length: int
) -> None:
    rows = [row(first, ticks) for first, ticks in spans]
    with store.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM counts")
        connection.exec_driver_sql("DELETE FROM batches")
    with store.begin() as tx:
        tx.commit_batch("b", at=T0, counts=rows)
    stop = start + length
    touching = [
        r for r in rows if any(start <= tick < stop for tick in range(r.first_tick, r.first_tick + r.ticks))
    ]
    assert store.counts(60, start, stop) == touching


def test_keys_beyond_the_horizon_are_forgotten(store: Store) -> None:
    with store.begin() as tx:
        tx.commit_batch("b1", at=T0, lake_file=file("a", 0, 99), keys=b"1")
        tx.commit_batch("b2", at=T0, lake_file=file("b", 50, 200), keys=b"2")
    assert [key.batch for key in store.keys(99)] == ["b1", "b2"]
    assert [key.batch for key in store.keys(100)] == ["b2"]
    with store.begin() as tx:
        assert tx.forget_keys(100) == 1
    assert [key.batch for key in store.keys(0)] == ["b2"]
    assert [f.file for f in store.lake_files("events", 0, 1000)] == ["a", "b"], "the lake file stays"


def test_lake_files_are_found_by_kind_and_time(store: Store) -> None:
    with store.begin() as tx:
        tx.commit_batch("b2", at=T0, lake_file=file("late.parquet", 100, 199))
        tx.commit_batch("b1", at=T0, lake_file=file("early.parquet", 0, 99))
        tx.commit_batch("b3", at=T0, lake_file=file("labels.parquet", 0, 99, kind="labels"))
    assert [f.file for f in store.lake_files("events", 0, 200)] == ["early.parquet", "late.parquet"]
    assert [f.file for f in store.lake_files("events", 99, 100)] == ["early.parquet"]
    assert [f.file for f in store.lake_files("events", 100, 101)] == ["late.parquet"]
    assert store.lake_files("labels", 0, 200, service="fares") == []


def test_the_judge_remembers_with_the_tick_it_belongs_to(store: Store) -> None:
    assert store.get_state("judge:flights") is None
    for tick in (1, 2):
        with store.begin() as tx:
            tx.put_state("judge:flights", tick, bytes([0, tick]))
    assert store.get_state("judge:flights") == Stored("judge:flights", 2, b"\x00\x02")


def test_a_tick_is_judged_once_even_by_two_engines(store: Store) -> None:
    start = store.mark("flights")
    assert start is None
    first = Mark("flights", 10, 600_000_000)
    with store.begin() as tx:
        tx.put_mark(first, was=start)
    with pytest.raises(StoreError, match="judged up to tick 10") as refused, store.begin() as tx:
        tx.put_mark(Mark("flights", 10, 600_000_000), was=start)
    assert not refused.value.permanent
    with pytest.raises(StoreError, match="judged up to tick 10"), store.begin() as tx:
        tx.put_mark(Mark("flights", 9, 600_000_000), was=first)
    with store.begin() as tx:
        tx.put_mark(Mark("flights", 11, 660_000_000), was=first)
    assert store.mark("flights") == Mark("flights", 11, 660_000_000)
