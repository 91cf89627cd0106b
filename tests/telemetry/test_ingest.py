"""Logs in every shape become the same canonical batches; what cannot be used is put aside with a reason."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.errors import InputError, RunbookError
from fireline.ingest import log_of, open_log
from fireline.runbook.schema import Columns, Runbook
from fireline.telemetry.dedup import Dedup
from fireline.telemetry.intake import Intake
from fireline.terms.piece import Piece

START = datetime(2013, 3, 1, tzinfo=UTC)
COLUMNS = Columns(
    time="ts",
    request_id="id",
    version="model",
    segments=("carrier",),
    flags=("toxic",),
    service="svc",
    features={"distance": "numeric", "carrier": "categorical"},
    score="p_late",
    prediction="said",
    latency_ms="ms",
    status="code",
    label="late",
    label_time="landed",
    host="machine",
    shadow="shadow",
)


def rows(n=200, start=START, seed=0):
    """A plain log: one request a minute, labels three hours later."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        at = start + timedelta(minutes=i)
        found.append(
            {
                "ts": at.isoformat().replace("+00:00", "Z"),
                "id": f"r{i:05d}",
                "model": "AB"[i % 2],
                "svc": "flights",
                "carrier": ["UA", "DL", None][i % 3],
                "distance": round(float(rng.uniform(100, 3000)), 2),
                "toxic": bool(i % 50 == 0),
                "p_late": round(float(rng.uniform(0, 1)), 6),
                "said": int(i % 4 == 0),
                "ms": round(float(rng.gamma(2, 30)), 3),
                "code": 500 if i % 40 == 0 else 200,
                "late": i % 2,
                "landed": (at + timedelta(hours=3)).isoformat().replace("+00:00", "Z"),
                "machine": f"web-{i % 3}",
                "shadow": False,
            }
        )
    return found


def write(path, found):
    """Rows as Parquet, CSV or JSON lines."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(found), path)
    elif name.endswith(".csv"):
        with arrow_csv.CSVWriter(path, (table := pa.Table.from_pylist(found)).schema) as writer:
            writer.write_table(table)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in found))
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    return path


def read(*paths, columns=COLUMNS, **more):
    more = {"service": "flights", "task": "binary"} | more
    return open_log(paths, columns, **more)


def kinds(log):
    return {(kind, column or None): tally.rows for (kind, column), tally in log.quarantine.tallies.items()}


class TestCanonical:
    def test_the_columns_and_their_types(self, tmp_path):
        log = read(write(tmp_path / "log.csv", rows()))
        found = {field.name: str(field.type) for field in log.events().schema}
        assert found == {
            "time": "timestamp[us, tz=UTC]",
            "request_id": "string",
            "version": "string",
            "shadow": "bool",
            "weight": "double",
            "score": "double",
            "prediction": "double",
            "latency_ms": "double",
            "status": "string",
            "error": "bool",
            "host": "string",
            "carrier": "string",
            "distance": "double",
            "toxic": "bool",
            "row": "int64",
            "unmapped columns": "string",
            "late": "bool",
            "clock at arrival": "timestamp[us, tz=UTC]",
        }
        assert {field.name: str(field.type) for field in log.labels.schema} == {
            "request_id": "string",
            "label": "double",
            "label_time": "timestamp[us, tz=UTC]",
            "version": "string",
        }

    def test_values(self, tmp_path):
        given_rows = rows()
        log = read(write(tmp_path / "log.jsonl", given_rows))
        for row, was in zip(log.events().to_pylist(), given_rows, strict=True):
            assert row["time"].isoformat().replace("+00:00", "Z") == was["ts"]
            assert (row["request_id"], row["version"], row["score"]) == (
                was["id"],
                was["model"],
                was["p_late"],
            )
            assert (row["status"], row["error"]) == (str(was["code"]), was["code"] == 500)
            assert (row["carrier"], row["distance"], row["toxic"]) == (
                was["carrier"],
                was["distance"],
                was["toxic"],
            )
        assert log.events().column("row").to_pylist() == list(range(1, 201))
        assert log.rows == 200
        assert not log.quarantine.rows

    @pytest.mark.parametrize("other", ["log.csv", "log.jsonl", "log.csv.gz", "log.ndjson.gz"])
    def test_the_same_content_gives_the_same_batch(self, tmp_path, other):
        one, two = read(write(tmp_path / "log.parquet", rows())), read(write(tmp_path / other, rows()))
        assert one.events().equals(two.events())
        assert one.labels.equals(two.labels)

    def test_a_log_without_most_columns(self, tmp_path):
        path = tmp_path / "log.csv"
        path.write_text("when,x\n2013-03-01T00:00:00Z,1\n2013-03-01T00:00:01Z,2\n")
        log = open_log([path], Columns(time="when", features={"x": "numeric"}))
        first = log.events().to_pylist()[0]
        assert first["request_id"] == "log.csv#1"
        assert (first["version"], first["shadow"], first["weight"], first["error"]) == ("", False, 1.0, False)
        assert first["score"] is None

    @pytest.mark.parametrize("write_time", [
        lambda at: at.isoformat(), lambda at: at.timestamp(), lambda at: int(at.timestamp() * 1e3),
        lambda at: int(at.timestamp()) * 10**6, lambda at: int(at.timestamp()) * 10**9, str,
        lambda at: at.strftime("%Y-%m-%d %H:%M:%S"), lambda at: at.strftime("%Y/%m/%d %H:%M:%S UTC"),
        lambda at: at.strftime("%Y%m%dT%H%M%SZ"),
    ])  # fmt: skip
    @pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.parquet"])
    def test_times_in_many_forms(self, tmp_path, write_time, name):
        instants = [START + timedelta(hours=i) for i in range(5)]
        found = [{"when": write_time(at)} for at in instants]
        log = open_log([write(tmp_path / name, found)], Columns(time="when"))
        assert log.events().column("time").to_pylist() == instants
        assert not log.quarantine.rows

    def test_times_without_an_offset_are_in_the_zone_given(self, tmp_path):
        path = write(tmp_path / "log.csv", [{"when": "2013-03-18 02:00:00"}])
        log = open_log([path], Columns(time="when"), zone="America/New_York")
        assert log.first == datetime(2013, 3, 18, 6, tzinfo=UTC)
        assert "no offset: taken as America/New_York" in log.notes[0]

    def test_words_for_errors_and_flags(self, tmp_path):
        found = [
            {"ts": 1_362_096_000 + i, "code": code, "flag": flag}
            for i, (code, flag) in enumerate(
                [
                    ("ok", "yes"),
                    ("Timed Out", "0"),
                    ("503 Service Unavailable", "TRUE"),
                    (None, None),
                    ("no error", "f"),
                    ("DEADLINE_EXCEEDED", 1),
                    ("not_found", ""),
                ]
            )
        ]
        log = open_log(
            [write(tmp_path / "log.jsonl", found)], Columns(time="ts", status="code", flags=("flag",))
        )
        assert log.events().column("error").to_pylist() == [False, True, True, False, False, True, False]
        assert log.events().column("flag").to_pylist() == [True, False, True, False, False, True, False]

    def test_a_category_of_numbers_is_text_without_fractions(self, tmp_path):
        path = tmp_path / "log.parquet"
        when = pa.array([1, 2, 3]).cast(pa.timestamp("s")).cast(pa.int64())
        table = pa.table({"t": pc.add(when, 1_362_096_000), "zip": pa.array([10115.0, None, 80331.0])})
        pq.write_table(table, path)
        log = open_log([path], Columns(time="t", segments=("zip",)))
        assert log.events().column("zip").to_pylist() == ["10115", None, "80331"]

    def test_a_missing_number_is_missing_however_it_is_written(self, tmp_path):
        path = tmp_path / "log.csv"
        path.write_text(
            "t,x\n1362096000,NaN\n1362096001,\n1362096002,NULL\n1362096003, 1.5 \n1362096004,-inf\n"
        )
        log = open_log([path], Columns(time="t", features={"x": "numeric"}))
        assert log.events().column("x").to_pylist() == [None, None, None, 1.5, float("-inf")]

    def test_a_feature_may_not_take_the_name_of_a_column_of_ours(self, tmp_path):
        path = write(tmp_path / "log.csv", [{"t": 1_362_096_000, "weight": 80}])
        with pytest.raises(RunbookError, match="'weight'"):
            open_log([path], Columns(time="t", features={"weight": "numeric"}))

    def test_classes_stay_words_and_numbers_numbers(self, tmp_path):
        base = [{"t": 1_362_096_000 + i, "id": str(i)} for i in range(4)]
        columns = Columns(time="t", request_id="id", label="y", prediction="p")
        words = write(tmp_path / "w.jsonl", [row | {"y": "cat", "p": "dog"} for row in base])
        for task, positive in (("multiclass", None), ("binary", "cat"), ("unknown", None)):
            log = open_log([words], columns, task=task, positive=positive)
            assert log.labels.column("label").to_pylist() == ["cat"] * 4
            assert log.events().column("prediction").to_pylist() == ["dog"] * 4
        numbers = write(tmp_path / "n.jsonl", [row | {"y": True, "p": 1.5} for row in base])
        for task in ("binary", "regression", "unknown"):
            log = open_log([numbers], columns, task=task)
            assert log.labels.column("label").to_pylist() == [1.0] * 4
            assert log.events().column("prediction").to_pylist() == [1.5] * 4


class TestFilesTogether:
    def test_any_cut_into_files_of_any_kind_gives_the_same_events(self, tmp_path):
        found = rows(300)
        whole = read(write(tmp_path / "whole.parquet", found))
        folder = tmp_path / "parts"
        folder.mkdir()
        write(folder / "a.csv", found[:70])
        write(folder / "b.parquet", found[70:71])
        write(folder / "c.jsonl.gz", found[71:])
        parts = read(folder)
        assert parts.events().drop_columns(["row"]).equals(whole.events().drop_columns(["row"]))
        assert parts.labels.equals(whole.labels)

    @given(st.data())
    def test_rows_dealt_out_to_hosts_come_back_in_order(self, tmp_path_factory, data):
        found = rows(60)
        host = data.draw(st.lists(st.integers(0, 3), min_size=60, max_size=60))
        folder = tmp_path_factory.mktemp("hosts")
        names = ["h0.parquet", "h1.csv", "h2.jsonl", "h3.jsonl.gz"]
        for i, name in enumerate(names):
            if mine := [row for row, h in zip(found, host, strict=True) if h == i]:
                write(folder / name, mine)
        log = read(folder)
        assert log.events().column("request_id").to_pylist() == [row["id"] for row in found]
        assert not log.events().column("late").to_pylist().count(True)

    def test_shuffled_rows_are_sorted_and_it_is_said(self, tmp_path):
        found = rows(500)
        shuffled = [found[i] for i in np.random.default_rng(2).permutation(500)]
        log = read(write(tmp_path / "log.csv", shuffled))
        whole = read(write(tmp_path / "whole.csv", found))
        assert log.events().drop_columns(["row"]).equals(whole.events().drop_columns(["row"]))
        assert any("not in order of time" in note for note in log.notes)

    def test_labels_in_a_log_of_their_own(self, tmp_path):
        found = rows()
        events = [{k: v for k, v in row.items() if k not in ("late", "landed")} for row in found]
        labels = [{"id": row["id"], "late": row["late"], "landed": row["landed"]} for row in found]
        write(tmp_path / "events.parquet", events)
        write(tmp_path / "labels.csv", labels)
        log, in_row = read(tmp_path), read(write(tmp_path / "one.jsonl", found))
        assert log.rows == 200
        drop = ["version"]
        assert log.labels.drop_columns(drop).equals(in_row.labels.drop_columns(drop))

    def test_labels_and_events_mixed_row_by_row(self, tmp_path):
        found = rows()
        mixed = []
        for row in found:
            mixed.append({k: v for k, v in row.items() if k not in ("late", "landed")})
            mixed.append({"id": row["id"], "late": row["late"], "landed": row["landed"]})
        log = read(write(tmp_path / "log.jsonl", mixed))
        assert log.rows == 200
        assert len(log.labels) == 200
        assert not log.quarantine.rows

    def test_labels_without_anything_a_model_answers(self, tmp_path):
        events = [{"t": 1_362_096_000 + i, "id": str(i), "y": i % 2} for i in range(5)]
        log = open_log([write(tmp_path / "log.csv", events)], Columns(time="t", request_id="id", label="y"))
        assert (log.rows, len(log.labels)) == (5, 5)

    def test_a_change_log_in_the_folder_is_passed_over(self, tmp_path):
        write(tmp_path / "events.csv", rows())
        change = {"at": "2013-03-01T00:00:00Z", "kind": "deploy", "what": "B", "service": "f"}
        write(tmp_path / "changes.jsonl", [change])
        log = read(tmp_path)
        assert log.rows == 200
        assert any("--changes" in note for note in log.notes)

    def test_a_large_log_waits_in_scratch_files(self, tmp_path, monkeypatch):
        found = rows(300)
        write(tmp_path / "a.csv", found[::2])
        write(tmp_path / "b.csv", found[1::2])
        plain = read(tmp_path)
        monkeypatch.setattr("fireline.telemetry.log.SPILL_BYTES", 0)
        spilled = read(tmp_path)
        assert spilled.scratch.files == 2
        assert spilled.events().equals(plain.events())


class TestBatches:
    def test_batches_add_up_and_labels_come_when_they_are_known(self, tmp_path):
        log = read(write(tmp_path / "log.parquet", rows(600)))
        batches = list(log.batches(rows=50, every=timedelta(hours=1)))
        assert pa.concat_tables([b.events for b in batches]).equals(log.events())
        assert pa.concat_tables([b.labels for b in batches]).equals(log.labels)
        assert [b.number for b in batches] == list(range(len(batches)))
        before = datetime.min.replace(tzinfo=UTC)
        for batch in batches:
            if len(batch.events):
                times = batch.events.column("time").to_pylist()
                assert len({at.replace(minute=0) for at in times}) == 1
                assert len(times) <= 50
                assert max(times) == batch.until
            assert all(before < at <= batch.until for at in batch.labels.column("label_time").to_pylist())
            before = batch.until

    def test_a_stretch_of_a_log(self, tmp_path):
        log = read(write(tmp_path / "log.parquet", rows(600)))
        since, until = START + timedelta(hours=4), START + timedelta(hours=6)
        batches = list(log.batches(since=since, until=until))
        assert sum(len(b.events) for b in batches) == 120
        known = [at for b in batches for at in b.labels.column("label_time").to_pylist()]
        assert len(known) == 120
        assert all(since <= at < until for at in known)
        assert len(log.events(since, until)) == 120


class TestQuarantine:
    """Each flaw: the row, the reason, what to do; and every other row is kept."""

    @pytest.mark.parametrize(("column", "value", "kind"), [
        ("distance", "far", "not_a_number"), ("p_late", "high", "not_a_number"), ("p_late", 1.5, "bad_score"),
        ("p_late", float("inf"), "bad_score"), ("ts", "yesterday", "bad_time"), ("ts", None, "no_time"),
        ("ts", "1970-01-01T00:00:07Z", "far_time"), ("ts", "2250-01-01T00:00:00Z", "far_time"),
        ("svc", "hotels", "unknown_service"), ("toxic", "maybe", "not_a_flag"), ("ms", -4, "bad_latency_ms"),
    ])  # fmt: skip
    @pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
    def test_a_wrong_value(self, tmp_path, column, value, kind, name):
        found = rows()
        found[16][column] = value
        if name.endswith("csv"):
            found = [{k: None if v is None else str(v) for k, v in row.items()} for row in found]
        log = read(write(tmp_path / name, found))
        assert log.rows == 199
        assert kinds(log) == {(kind, column): 1}
        (bad,) = log.quarantine.items
        assert (bad.row, bad.line, bad.column) == (17, 18 if name.endswith("csv") else 17, column)
        assert bad.file.endswith(name)
        assert bad.reason
        assert bad.todo
        assert "r00016" in bad.raw
        assert "r00016" not in log.events().column("request_id").to_pylist()

    def test_a_wrong_type_in_parquet_names_the_row(self, tmp_path):
        found = [row | {"distance": str(row["distance"])} for row in rows()]
        found[16]["distance"] = "far"
        log = read(write(tmp_path / "log.parquet", found))
        (bad,) = log.quarantine.items
        assert (bad.row, bad.line, bad.reason) == (17, None, "'far' is not a number")
        assert "row 17 distance: 'far' is not a number" in str(bad)
        assert json.loads(bad.raw)["id"] == "r00016"

    @pytest.mark.parametrize("column", ["distance", "p_late", "carrier", "ts", "id", "code"])
    def test_a_missing_column(self, tmp_path, column):
        found = [{(k + "x" if k == column else k): v for k, v in row.items()} for row in rows()]
        with pytest.raises(InputError) as caught:
            read(write(tmp_path / "log.csv", found))
        text = str(caught.value)
        assert "log.csv" in text
        assert f"no column {column!r}" in text
        assert f"did you mean {column + 'x'!r}?" in text
        assert "carrier" in text
        key = {"p_late": "score", "ts": "time", "id": "request_id", "code": "status", "carrier": "features"}
        assert f"Change columns.{key.get(column, 'features')} in the runbook" in text

    def test_a_key_that_json_lines_may_leave_out(self, tmp_path):
        found = [{k: v for k, v in row.items() if k not in ("shadow", "machine", "toxic")} for row in rows()]
        log = read(write(tmp_path / "log.jsonl", found))
        assert log.rows == 200
        assert not any(log.events().column("toxic").to_pylist())
        assert len([note for note in log.notes if "no row has a value" in note]) == 3
        with pytest.raises(InputError, match="no column 'toxic'"):
            read(write(tmp_path / "log.csv", [row | {"machine": "m1", "shadow": False} for row in found]))

    def test_what_a_guard_writes_may_be_missing_in_a_log_from_before_there_was_one(self, tmp_path):
        found = [{k: v for k, v in row.items() if k not in ("machine", "shadow")} for row in rows()]
        log = read(write(tmp_path / "log.csv", found))
        assert log.rows == 200
        assert any("no row has a value for 'machine'" in note for note in log.notes)
        assert not any(log.events().column("shadow").to_pylist())

    def test_a_column_that_only_one_file_lacks_is_missing_there(self, tmp_path):
        write(tmp_path / "a.csv", rows(50))
        write(tmp_path / "b.csv", [{k: v for k, v in r.items() if k != "distance"}
                                   for r in rows(50, START + timedelta(days=1))])  # fmt: skip
        log = read(tmp_path)
        assert log.events().column("distance").null_count == 50

    def test_a_clock_three_hours_off(self, tmp_path):
        found = rows(500)
        for i in (100, 250):
            found[i]["ts"] = (START + timedelta(minutes=i, hours=3)).isoformat()
        log = read(write(tmp_path / "log.csv", found))
        assert log.rows == 498
        assert kinds(log) == {("clock_ahead", "ts"): 2}
        assert "3 h ahead of the rows around it (host web-1)" in log.quarantine.items[0].reason
        assert log.quarantine.items[0].row == 101
        assert len(log.rejected) == 2
        assert not log.events().column("late").to_pylist().count(True)

    def test_rows_hours_late_are_kept_and_marked(self, tmp_path):
        found = rows(500)
        found[300:300] = found[10:15]
        del found[10:15]
        log = read(write(tmp_path / "log.csv", found))
        assert log.rows == 500
        late = log.events().filter(pc.field("late")).column("request_id").to_pylist()
        assert late == [f"r{i:05d}" for i in range(10, 15)]

    def test_an_empty_file(self, tmp_path):
        for name in ("log.csv", "log.jsonl", "log.parquet"):
            path = tmp_path / name
            path.write_bytes(b"")
            with pytest.raises(InputError, match=r"log\.\w+: the file is empty -> expected"):
                read(path)
        (tmp_path / "head.csv").write_text("ts,id\n")
        with pytest.raises(InputError, match="empty"):
            read(tmp_path / "head.csv")

    def test_an_empty_file_among_others_is_a_note(self, tmp_path):
        write(tmp_path / "a.csv", rows())
        (tmp_path / "b.csv").write_text("")
        log = read(tmp_path)
        assert log.rows == 200
        assert any("b.csv: empty" in note for note in log.notes)

    def test_a_label_for_an_unknown_request(self, tmp_path):
        events = [{k: v for k, v in row.items() if k not in ("late", "landed")} for row in rows()]
        labels = [
            {"id": i, "late": 1, "landed": "2013-03-02T00:00:00Z"} for i in ("r00001", "nobody", "r00002")
        ]
        write(tmp_path / "events.csv", events)
        write(tmp_path / "labels.jsonl", labels)
        log = read(tmp_path)
        assert len(log.labels) == 2
        (bad,) = log.quarantine.items
        assert (bad.kind, bad.row) == ("unknown_request", 2)
        assert "'nobody'" in bad.reason
        assert bad.file.endswith("labels.jsonl")

    def test_a_bad_label_costs_the_label_and_not_the_event(self, tmp_path):
        found = rows()
        found[5]["late"], found[6]["landed"] = "perhaps", "soon"
        log = read(write(tmp_path / "log.jsonl", found))
        assert log.rows == 200
        assert len(log.labels) == 198
        assert kinds(log) == {("bad_label", "late"): 1, ("bad_label_time", "landed"): 1}
        assert "the event is kept" in log.quarantine.items[0].todo

    def test_a_service_that_nobody_names(self, tmp_path):
        with pytest.raises(InputError, match=r"no row can be used.*the service is 'flights', not 'flight'"):
            read(write(tmp_path / "log.csv", rows()), service="flight")

    def test_a_log_that_is_mostly_bad_says_so_first(self, tmp_path):
        found = [row | {"distance": "?" if i % 3 else "1"} for i, row in enumerate(rows())]
        log = read(write(tmp_path / "log.csv", found))
        assert log.rows == 67
        lines = log.quarantine.summary()
        assert lines[0].startswith("MOST OF THE LOG IS BAD: 133 of 200 rows (66 %) put aside")
        assert "133 rows, the first:" in lines[1]
        assert "row 2 distance: '?' is not a number -> " in lines[1]

    def test_counts_are_exact_where_not_every_row_is_kept(self, tmp_path):
        found = [row | {"distance": "?" if i else "1"} for i, row in enumerate(rows(3_000))]
        log = read(write(tmp_path / "log.csv", found))
        assert log.quarantine.rows == 2_999
        assert len(log.quarantine.items) == 1_000
        assert log.quarantine.as_json()["kinds"][0]["rows"] == 2_999

    def test_a_row_counts_once_however_much_is_wrong_with_it(self, tmp_path):
        found = rows()
        found[3] |= {"ts": "?", "distance": "?", "p_late": "?"}
        log = read(write(tmp_path / "log.jsonl", found))
        assert kinds(log) == {("bad_time", "ts"): 1}

    def test_every_row_is_either_taken_or_put_aside(self, tmp_path):
        rng = np.random.default_rng(4)
        found = rows(400)
        for i in rng.choice(400, 60, replace=False):
            found[i][str(rng.choice(["ts", "distance", "p_late", "svc"]))] = "?"
        path = write(tmp_path / "log.jsonl", found)
        lines = path.read_text().splitlines()
        for i in rng.choice(400, 20, replace=False):
            lines[i] = lines[i][: rng.integers(1, 200)]
        path.write_text("\n".join(lines) + "\n")
        log = read(path)
        assert log.rows + log.quarantine.rows == 400
        assert log.rows == log.quarantine.taken
        assert len({(b.row, b.line) for b in log.quarantine.items}) == log.quarantine.rows


def test_a_log_as_the_runbook_says(tmp_path):
    plain = {
        "service": "flights", "task": "binary", "timezone": "America/New_York", "labels": {"age": "12h"},
        "reference": {"since": "2013-03-01T00:00:00Z", "until": "2013-03-02T00:00:00Z"},
        "columns": COLUMNS.model_dump(mode="json"),
    }  # fmt: skip
    log = log_of(Runbook.from_plain(plain), [write(tmp_path / "log.csv", rows())])
    assert log.rows == 200


@given(st.lists(st.integers(1, 60), max_size=8))
def test_any_cut_into_pieces_gives_the_same_canonical_rows(cuts):
    table = pa.Table.from_pylist(rows(60))
    edges = sorted({0, 60, *cuts})
    whole, parts = Intake(COLUMNS, "flights", "binary"), Intake(COLUMNS, "flights", "binary")
    one = whole.take(_piece(table, 0, 60), "log")
    found = [parts.take(_piece(table, low, high), "log") for low, high in pairwise(edges)]
    assert pa.concat_tables([part.events for part in found]).equals(one.events)
    assert pa.concat_tables([part.labels for part in found]).equals(one.labels)


def _piece(table, low, high):
    names = tuple(table.column_names)
    return Piece(table.slice(low, high - low), "log", np.arange(low + 1, high + 1, dtype=np.int64), names)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=60))
def test_rows_sent_again_change_nothing_once_duplicates_are_dropped(tmp_path_factory, again):
    found = rows(100)
    folder = tmp_path_factory.mktemp("again")
    write(folder / "a.jsonl", found)
    write(folder / "b.csv", [found[i] for i in sorted(again)])
    log = read(folder)
    split = Dedup("flights").split(log.events())
    plain = read(folder / "a.jsonl").events()
    assert len(split.dropped) == len(again)
    assert split.kept.drop_columns(["row"]).equals(plain.drop_columns(["row"]))
