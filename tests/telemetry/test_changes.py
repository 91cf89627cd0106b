import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.errors import InputError
from fireline.telemetry.changes import first_seen, infer_versions, read_changes
from fireline.terms.change import Change

START = datetime(2013, 3, 1, tzinfo=UTC)
DEPLOY = {
    "at": "2013-03-18T06:00:00Z",
    "kind": "deploy",
    "what": "B to 20 %",
    "service": "flights",
    "version": "B",
}


def read(tmp_path, *lines, service="flights", **more):
    path = tmp_path / "changes.jsonl"
    path.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )
    return read_changes(path, service, **more)


def hours(n):
    return START + timedelta(hours=n)


def events(rows):
    """(hour, version[, shadow, late])."""
    full = [(*row, *(False, False)[len(row) - 2 :]) for row in rows]
    return pa.table({
        "time": pa.array([hours(row[0]) for row in full], pa.timestamp("us", tz="UTC")),
        "version": pa.array([row[1] for row in full], pa.string()),
        "shadow": pa.array([row[2] for row in full], pa.bool_()),
        "late": pa.array([row[3] for row in full], pa.bool_()),
    })  # fmt: skip


class TestReading:
    def test_every_part_of_a_change(self, tmp_path):
        more = {"segment": {"origin": "EWR", "hour": 7}, "link": "https://example.org/1"}
        (change,), bad = read(tmp_path, DEPLOY | more)
        assert not bad
        assert change == Change(
            datetime(2013, 3, 18, 6, tzinfo=UTC), "deploy", "B to 20 %", "flights", "B",
            {"origin": "EWR", "hour": "7"}, "https://example.org/1",
        )  # fmt: skip

    def test_in_order_of_time_and_each_once(self, tmp_path):
        later = DEPLOY | {"at": "2013-03-19T06:00:00Z"}
        changes, _ = read(tmp_path, later, DEPLOY, b"", DEPLOY)
        assert [c.at.day for c in changes] == [18, 19]

    def test_changes_of_others_are_left_out_and_those_of_all_are_ours(self, tmp_path):
        everybody = [
            {k: v for k, v in DEPLOY.items() if k != "service"},
            DEPLOY | {"service": "*", "version": "C"},
        ]
        changes, bad = read(tmp_path, DEPLOY | {"service": "hotels"}, *everybody)
        assert [(c.service, c.version) for c in changes] == [("flights", "B"), ("flights", "C")]
        assert not bad
        assert len(read(tmp_path, DEPLOY | {"service": "hotels"}, DEPLOY, others=True)[0]) == 2

    def test_times_as_logs_write_them(self, tmp_path):
        times = ["2013-03-18T06:00:00Z", 1_363_586_400, 1_363_586_400_000, "2013-03-18 06:00"]
        changes, bad = read(tmp_path, *({**DEPLOY, "at": at, "what": str(at)} for at in times))
        assert not bad
        assert {c.at for c in changes} == {datetime(2013, 3, 18, 6, tzinfo=UTC)}
        (local,), _ = read(tmp_path, DEPLOY | {"at": "2013-03-18 02:00"}, timezone="America/New_York")
        assert local.at == datetime(2013, 3, 18, 6, tzinfo=UTC)

    def test_a_version_that_is_a_number(self, tmp_path):
        changes, _ = read(
            tmp_path, DEPLOY | {"version": 7}, DEPLOY | {"version": 8.0}, DEPLOY | {"version": "8.0"}
        )
        assert sorted(c.version for c in changes) == ["7", "8", "8.0"]

    @pytest.mark.parametrize(("line", "reason"), [
        (b"{", "not JSON"), (b"[1]", "not a JSON object"), (b'{"kind": "deploy"}', "no 'at'"),
        (b'{"at": "2013-03-18"}', "no 'kind'"), (b'{"at": "soon", "kind": "deploy"}', "'soon' is not a time"),
        (b'{"at": true, "kind": "deploy"}', "is not a time"), (b"\xff\xfe{}", "not UTF-8"),
        (b'{"at": "2013-03-18", "kind": "x", "segment": "EWR"}', "segment"),
    ])  # fmt: skip
    def test_a_bad_line_is_named_and_the_others_are_kept(self, tmp_path, line, reason):
        changes, (bad,) = read(tmp_path, DEPLOY, line, DEPLOY | {"version": "C"})
        assert len(changes) == 2
        assert reason in bad.reason
        assert (bad.line, bad.row) == (2, 2)
        assert bad.file.endswith("changes.jsonl")
        assert '"at"' in bad.todo

    def test_a_line_of_many_megabytes(self, tmp_path):
        changes, (bad,) = read(tmp_path, b'{"at": "' + b"x" * 20_000_000 + b'"}', DEPLOY)
        assert len(changes) == 1
        assert "20.0 MB" in bad.reason
        assert len(bad.raw) == 2_000

    def test_no_such_file(self, tmp_path):
        with pytest.raises(InputError, match=r"none\.jsonl.*--changes"):
            read_changes(tmp_path / "none.jsonl", "flights")

    def test_an_empty_change_log_is_no_changes(self, tmp_path):
        assert read(tmp_path) == ([], [])


class TestInferring:
    def test_a_version_that_appears_was_deployed(self):
        log = events([(0, "A"), (5, "A"), (6, "B"), (7, "A"), (9, "C"), (10, "B")])
        found = infer_versions(log, "flights")
        assert [(c.version, c.at, c.kind, c.inferred) for c in found] == [
            ("B", hours(6), "deploy", True), ("C", hours(9), "deploy", True),
        ]  # fmt: skip
        assert {c.service for c in found} == {"flights"}

    def test_versions_there_from_the_start_were_not(self):
        assert infer_versions(events([(0, "A"), (0.1, "B"), (0.5, "C"), (50, "A")]), "flights") == []

    @pytest.mark.parametrize(
        ("gap", "inferred"), [(0.5, False), (1.0, False), (1.1, True), (-0.1, False), (-0.5, True)]
    )
    def test_what_was_announced_is_not_inferred(self, gap, inferred):
        told = [Change(hours(6 - gap), "deploy", "B", "flights", "B")]
        assert bool(infer_versions(events([(0, "A"), (6, "B")]), "flights", told)) == inferred

    def test_shadow_calls_and_late_rows_tell_nothing(self):
        log = events([(0, "A"), (3, "B", True, False), (4, "B", False, True), (6, "B")])
        assert [c.at for c in infer_versions(log, "flights")] == [hours(6)]

    def test_a_log_without_versions(self):
        assert infer_versions(events([(0, ""), (5, "")]), "flights") == []
        assert infer_versions(events([]), "flights") == []

    @given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ABC")), max_size=30), st.integers(0, 30))
    def test_batch_by_batch_tells_the_same(self, rows, cut):
        seen = first_seen(events(rows[cut:]), first_seen(events(rows[:cut])))
        assert infer_versions(seen, "flights") == infer_versions(events(rows), "flights")
