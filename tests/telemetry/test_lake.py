from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from fireline.errors import StoreError
from fireline.telemetry.lake import Lake

START = datetime(2013, 3, 1, tzinfo=UTC)


def events(first, n, **more):
    times = pa.array([START + timedelta(hours=first + i) for i in range(n)], pa.timestamp("us", tz="UTC"))
    return pa.table({"time": times, "x": pa.array(range(first, first + n), pa.float64())} | more)


def test_what_was_written_is_read(tmp_path):
    lake = Lake(tmp_path / "lake")
    paths = [lake.write("b1", "events", events(0, 3)), lake.write("b2", "events", events(3, 2))]
    assert paths == ["events/b1.parquet", "events/b2.parquet"]
    assert lake.read(paths).equals(events(0, 5))
    assert lake.read(reversed(paths)).column("x").to_pylist() == [3, 4, 0, 1, 2]


def test_a_stretch_of_time_and_some_columns(tmp_path):
    lake = Lake(tmp_path)
    path = lake.write("b", "events", events(0, 10))
    found = lake.read([path], ["x"], START + timedelta(hours=2), START + timedelta(hours=5))
    assert found.to_pydict() == {"x": [2, 3, 4]}


def test_labels_go_by_the_time_they_were_known(tmp_path):
    lake = Lake(tmp_path)
    path = lake.write("b", "labels", events(0, 4).rename_columns(["label_time", "label"]))
    assert lake.read([path], since=START + timedelta(hours=3)).column("label").to_pylist() == [3]


def test_a_column_that_one_file_lacks_is_missing_there(tmp_path):
    lake = Lake(tmp_path)
    paths = [
        lake.write("a", "events", events(0, 1)),
        lake.write("b", "events", events(1, 1, y=pa.array(["w"]))),
    ]
    assert lake.read(paths, ["x", "y", "z"]).to_pydict() == {"x": [0, 1], "y": [None, "w"]}


def test_of_many_events_about_as_many_as_asked_for_are_read_and_by_request(tmp_path):
    lake = Lake(tmp_path)
    ids = [f"r{i // 2}" for i in range(4000)]  # each request with its shadow call
    paths = [
        lake.write(f"b{part}", "events", events(part * 1000, 1000, request_id=pa.array(ids[part::4])))
        for part in range(4)
    ]
    whole = lake.read(paths, since=START + timedelta(hours=100))
    found = lake.read(paths, since=START + timedelta(hours=100), most=1000)
    assert 850 < len(found) < 1150
    chosen = pc.is_in(whole.column("request_id"), found.column("request_id").combine_chunks())
    assert found.equals(whole.filter(chosen)), "all of a request or nothing of it, in the same order"
    assert lake.read(paths, since=START + timedelta(hours=100), most=len(whole)).equals(whole)


def test_writing_a_batch_again_changes_nothing(tmp_path):
    lake = Lake(tmp_path)
    path = lake.write("b", "events", events(0, 3))
    first = (tmp_path / path).read_bytes()
    assert lake.write("b", "events", events(0, 3)) == path
    assert (tmp_path / path).read_bytes() == first
    assert [p.name for p in (tmp_path / "events").iterdir()] == ["b.parquet"]


def test_files_nobody_committed_are_swept_and_never_read(tmp_path):
    lake = Lake(tmp_path)
    kept, orphan = lake.write("kept", "events", events(0, 1)), lake.write("orphan", "labels", events(1, 1))
    (tmp_path / "events" / "half.parquet.7.partial").write_bytes(b"PAR1")
    (tmp_path / "events" / "a-note.txt").write_text("not ours")
    assert lake.read([kept]).num_rows == 1
    assert lake.sweep([kept]) == ["events/half.parquet.7.partial", orphan]
    assert sorted(p.name for p in tmp_path.rglob("*.*")) == ["a-note.txt", "kept.parquet"]
    assert Lake(tmp_path / "nowhere").sweep([]) == []


def test_a_committed_file_that_is_gone_is_said_to_be(tmp_path):
    with pytest.raises(StoreError, match=r"events/b\.parquet.*is gone"):
        Lake(tmp_path).read(["events/b.parquet"])


def test_a_batch_id_is_no_path(tmp_path):
    with pytest.raises(ValueError, match="batch id"):
        Lake(tmp_path).write("../b", "events", events(0, 1))


def test_a_disc_that_refuses_may_be_tried_again(tmp_path):
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "b.parquet").mkdir()
    with pytest.raises(StoreError) as caught:
        Lake(tmp_path).write("b", "events", events(0, 1))
    assert not caught.value.permanent
    assert not list((tmp_path / "events").glob("*.partial"))


def test_nothing_to_read(tmp_path):
    assert Lake(tmp_path).read([]).num_rows == 0
