"""Every kind of source keeps the same contract, and text files in any state give what is good in them."""

import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline import sources
from fireline.errors import InputError
from fireline.sources import _lines
from fireline.terms.quarantine import RAW

ROWS = [
    {"id": "a", "x": 1.5, "w": "one"},
    {"id": "b", "x": None, "w": "two"},
    {"id": "c", "x": -3.0, "w": 'a "q", x'},
]
SUFFIXES = sorted(sources.suffixes())


def write(path, rows):
    """Rows as the file's suffix says."""
    name = path.name.removesuffix(".gz")
    if name.endswith((".csv", ".tsv")):
        delimiter = "\t" if name.endswith(".tsv") else ","
        names = list(dict.fromkeys(n for row in rows for n in row))
        lines = _Lines()
        writer = csv.DictWriter(lines, names, delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        data = "".join(lines).encode()
    elif "json" in name:
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


class _Lines(list):
    def write(self, text):
        self.append(text)


def read(path, **more):
    """All good rows, their numbers, and the bad rows."""
    rows, numbers, bad = [], [], []
    for piece in sources.read(path, **more):
        assert len(piece.table) == len(piece.rows) or not len(piece.rows)
        rows += piece.table.to_pylist() if len(piece.rows) else []
        numbers += piece.rows.tolist()
        bad += piece.bad
    return rows, numbers, bad


def number(value):
    return None if value is None else float(value)


def test_the_listing_is_the_registry():
    assert list(sources.kinds()) == ["csv", "jsonl", "parquet"]


@pytest.mark.parametrize("suffix", SUFFIXES)
class TestContract:
    def test_rows_come_back_in_order_and_numbered_from_one(self, tmp_path, suffix):
        rows, numbers, bad = read(write(tmp_path / f"log{suffix}", ROWS))
        assert [(r["id"], number(r["x"]), r["w"]) for r in rows] == [(r["id"], r["x"], r["w"]) for r in ROWS]
        assert numbers == [1, 2, 3]
        assert not bad

    def test_only_the_columns_wanted(self, tmp_path, suffix):
        path = write(tmp_path / f"log{suffix}", ROWS)
        read = sources.read(path, only=frozenset(["x", "no such column"]))
        filled = [piece for piece in read if len(piece.rows)]
        assert sum(len(piece.rows) for piece in filled) == len(ROWS)
        for piece in filled:
            assert piece.table.column_names == ["x"]
            assert set(piece.columns) == {"id", "x", "w"}

    def test_an_empty_file_gives_no_rows(self, tmp_path, suffix):
        path = tmp_path / f"log{suffix}"
        path.write_bytes(gzip.compress(b"") if suffix.endswith(".gz") else b"")
        assert read(path) == ([], [], [])

    def test_a_file_of_something_else_is_said_to_be_so(self, tmp_path, suffix):
        path = tmp_path / f"log{suffix}"
        path.write_bytes(b"PK\x03\x04 something else\xff\xfe")
        try:
            rows, _, bad = read(path)
        except InputError as error:
            rows, bad = [], [error]
        assert not rows
        assert all(str(path) in str(one.where) and one.todo for one in bad)
        assert bad


class TestText:
    @pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
    def test_a_line_of_100_mb_is_read_over(self, tmp_path, name):
        path = write(tmp_path / name, ROWS[:2])
        with path.open("ab") as file:
            file.write(b'{"id": "' if name.endswith("l") else b'"')
            for _ in range(100):
                file.write(b"x" * 1_000_000)
            file.write(b'"}\n' if name.endswith("l") else b'",1,2\n')
        more = write(tmp_path / f"more-{name}", ROWS[2:]).read_bytes()
        with path.open("ab") as file:
            file.write(more if name.endswith("l") else more.split(b"\n", 1)[1])
        rows, numbers, bad = read(path)
        assert [row["id"] for row in rows] == ["a", "b", "c"]
        assert numbers == [1, 2, 4]
        (one,) = bad
        assert (one.kind, one.row, one.line) == ("line_too_long", 3, 3 if name.endswith("l") else 4)
        assert "100.0 MB" in one.reason
        assert len(one.raw) == RAW
        assert one.todo

    @pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
    def test_bytes_that_are_no_text(self, tmp_path, name):
        path = write(tmp_path / name, ROWS)
        path.write_bytes(path.read_bytes().replace(b"two", b"t\xff\xfe"))
        rows, numbers, bad = read(path)
        assert numbers == [1, 3]
        assert [(b.kind, b.row) for b in bad] == [("undecodable", 2)]
        assert rows[1]["id"] == "c"

    @pytest.mark.parametrize("name", ["log.csv.gz", "log.jsonl.gz"])
    def test_a_compressed_file_that_breaks_off_keeps_what_came_before(self, tmp_path, name):
        rows = [{"id": f"{i * 7919 % 10007}", "x": float(i), "w": "w"} for i in range(5_000)]
        path = write(tmp_path / name, rows)
        path.write_bytes(path.read_bytes()[:-2_000])
        found, _, bad = read(path)
        assert 0 < len(found) < 5_000
        assert bad[-1].kind == "broken_file"

    def test_utf16_is_named(self, tmp_path):
        path = tmp_path / "log.csv"
        path.write_text("id,x\na,1\n", encoding="utf-16")
        with pytest.raises(InputError, match="UTF-16"):
            read(path)

    def test_a_byte_order_mark_is_no_part_of_the_first_name(self, tmp_path):
        path = tmp_path / "log.csv"
        path.write_text("id,x\na,1\n", encoding="utf-8-sig")
        assert read(path)[0] == [{"id": "a", "x": "1"}]

    @given(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=12), min_size=1),
        st.integers(16, 64),
    )
    def test_csv_in_blocks_of_any_size_reads_as_the_csv_module_does(self, tmp_path_factory, values, block):
        path = tmp_path_factory.mktemp("csv") / "log.csv"
        rows = [{"id": str(i), "w": value} for i, value in enumerate(values)]
        write(path, rows)
        before = _lines.LineReader.__init__.__defaults__
        _lines.LineReader.__init__.__defaults__ = (block, None)
        try:
            found, numbers, bad = read(path)
        finally:
            _lines.LineReader.__init__.__defaults__ = before
        assert not bad
        assert numbers == list(range(1, len(rows) + 1))
        assert [(r["id"], r["w"] or "") for r in found] == [(r["id"], r["w"]) for r in rows]


class TestCsv:
    def one(self, tmp_path, text):
        path = tmp_path / "log.csv"
        path.write_text(text)
        return read(path)

    def test_a_row_with_too_few_or_too_many_values(self, tmp_path):
        rows, numbers, bad = self.one(tmp_path, "id,x\na,1\nb\nc,3,3\nd,4\n")
        assert [r["id"] for r in rows] == ["a", "d"]
        assert numbers == [1, 4]
        assert [b.kind for b in bad] == ["ragged_row", "ragged_row"]
        assert [(b.row, b.line, b.raw) for b in bad] == [(2, 3, "b"), (3, 4, "c,3,3")]
        assert "1 values where the header names 2 columns" in bad[0].reason

    def test_a_quote_that_never_closes_costs_one_row(self, tmp_path):
        lines = "".join(f"r{i},{i}\n" for i in range(50))
        rows, _, bad = self.one(tmp_path, f'id,x\na,1\n"b,2\n{lines}')
        assert len(rows) == 51
        assert [(b.kind, b.row, b.raw) for b in bad] == [("broken_quote", 2, '"b,2')]

    def test_two_stray_quotes_do_not_swallow_the_rows_between_them(self, tmp_path):
        rows, _, bad = self.one(tmp_path, 'id,x\n"a,1\nb,2\nc,3\n"d,4\ne,5\n')
        assert [r["id"] for r in rows] == ["b", "c", "e"]
        assert [b.row for b in bad] == [1, 4]

    def test_an_inch_sign_is_a_character_like_others(self, tmp_path):
        rows, _, bad = self.one(tmp_path, 'id,x\n5" pipe,1\nb,2\n7" pipe,3\n')
        assert [r["id"] for r in rows] == ['5" pipe', "b", '7" pipe']
        assert not bad

    def test_values_over_several_lines(self, tmp_path):
        rows, numbers, bad = self.one(tmp_path, 'id,x\n"a\nb\n\nc",1\nd,2\nbad\n')
        assert [r["id"] for r in rows] == ["a\nb\n\nc", "d"]
        assert numbers == [1, 2]
        assert [(b.row, b.line) for b in bad] == [(3, 7)]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_the_delimiter_is_found(self, tmp_path, delimiter):
        assert self.one(tmp_path, f"id{delimiter}x\r\na{delimiter}1\r\n")[0] == [{"id": "a", "x": "1"}]

    def test_blank_lines_are_no_rows(self, tmp_path):
        _, numbers, bad = self.one(tmp_path, "\n\nid,x\n\na,1\n\n\nb,2\nc\n")
        assert numbers == [1, 2]
        assert [(b.row, b.line) for b in bad] == [(3, 9)]

    def test_a_header_that_names_a_column_twice(self, tmp_path):
        with pytest.raises(InputError, match="twice: x"):
            self.one(tmp_path, "id,x,x\na,1,2\n")

    def test_a_column_without_a_name_is_left_out_and_said(self, tmp_path):
        path = tmp_path / "log.csv"
        path.write_text(",id\n0,a\n")
        pieces = list(sources.read(path))
        assert pieces[0].table.column_names == ["id"]
        assert "no name" in pieces[0].notes[0]


class TestJsonLines:
    def one(self, tmp_path, text):
        path = tmp_path / "log.jsonl"
        path.write_text(text)
        return read(path)

    def test_lines_that_are_no_objects(self, tmp_path):
        text = '{"id": "a"}\n{"id": "b"\n[1]\n\n"x"\n{"id": "c"}\n'
        rows, numbers, bad = self.one(tmp_path, text)
        assert [r["id"] for r in rows] == ["a", "c"]
        assert numbers == [1, 5]
        assert [(b.kind, b.row, b.line, b.raw) for b in bad] == [
            ("bad_json", 2, 2, '{"id": "b"'), ("bad_json", 3, 3, "[1]"), ("bad_json", 4, 5, '"x"'),
        ]  # fmt: skip

    def test_a_column_of_several_types_is_text(self, tmp_path):
        rows, _, bad = self.one(tmp_path, '{"x": 1}\n{"x": "a"}\n{"x": 0.5}\n{"x": true}\n{}\n')
        assert [r["x"] for r in rows] == ["1", "a", "0.5", "true", None]
        assert not bad

    def test_text_that_looks_like_a_time_stays_text(self, tmp_path):
        rows, _, _ = self.one(tmp_path, '{"x": "2013-03-18"}\n{"x": "2013-03-18T02:00:00Z"}\n')
        assert [r["x"] for r in rows] == ["2013-03-18", "2013-03-18T02:00:00Z"]

    def test_objects_within_objects_have_dotted_names(self, tmp_path):
        rows, _, _ = self.one(tmp_path, '{"f": {"a": 1, "b": {"c": "x"}}, "l": [1, 2]}\n')
        assert rows == [{"f.a": 1, "f.b.c": "x", "l": "[1, 2]"}]

    def test_two_objects_on_a_line_are_put_aside(self, tmp_path):
        rows, _, bad = self.one(tmp_path, '{"x": 1}\n{"x": 2}{"x": 3}\n')
        assert [r["x"] for r in rows] == [1]
        assert [b.row for b in bad] == [2]

    def test_numbers_too_large_and_nesting_too_deep_harm_nobody_else(self, tmp_path):
        deep = '{"x": ' + "[" * 100_000 + "]" * 100_000 + "}"
        lines = ['{"x": 1}', '{"x": 1e999}', f'{{"x": {10**30}}}', deep, '{"y": "\\ud800"}', ""]
        _, numbers, bad = self.one(tmp_path, "\n".join(lines))
        assert numbers == [1, 2, 3, 5]
        assert [b.row for b in bad] == [4]

    def test_an_array_is_told_from_lines(self, tmp_path):
        with pytest.raises(InputError, match="one JSON array"):
            self.one(tmp_path, '[{"x": 1}]')


class TestParquet:
    def test_a_file_cut_short(self, tmp_path):
        path = write(tmp_path / "log.parquet", ROWS)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(InputError, match="cut short"):
            read(path)

    def test_a_row_group_that_cannot_be_read_is_put_aside(self, tmp_path):
        path = tmp_path / "log.parquet"
        table = pa.table({"x": pa.array(range(30_000), pa.int64())})
        pq.write_table(table, path, row_group_size=10_000, use_dictionary=False, compression="zstd")
        data = bytearray(path.read_bytes())
        start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
        data[start : start + 3_000] = b"\xff" * 3_000
        path.write_bytes(bytes(data))
        _, numbers, bad = read(path)
        assert numbers == [*range(1, 10_001), *range(20_001, 30_001)]
        assert [(b.kind, b.row) for b in bad] == [("broken_file", 10_001)]


class TestFind:
    def test_files_folders_and_patterns(self, tmp_path):
        for name in ("b.csv", "a.jsonl", "in/c.parquet", "_SUCCESS", ".hidden.csv", "notes.txt"):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("")
        found, notes = sources.find([tmp_path, tmp_path / "b.csv", str(tmp_path / "*.csv")])
        assert [p.relative_to(tmp_path).as_posix() for p in found] == ["a.jsonl", "b.csv", "in/c.parquet"]
        assert len(notes) == 1
        assert "notes.txt" in notes[0]

    def test_a_name_nearly_right(self, tmp_path):
        (tmp_path / "events.parquet").write_text("")
        with pytest.raises(InputError, match=r"did you mean .*events\.parquet"):
            sources.find([tmp_path / "event.parquet"])

    def test_a_folder_without_a_log(self, tmp_path):
        with pytest.raises(InputError, match="holds no log"):
            sources.find([tmp_path])

    def test_a_file_of_no_known_kind(self, tmp_path):
        (tmp_path / "events.xlsx").write_text("")
        with pytest.raises(InputError, match=r"\.csv"):
            sources.find([tmp_path / "events.xlsx"])

    def test_a_pattern_that_fits_nothing(self, tmp_path):
        with pytest.raises(InputError, match="no file fits"):
            sources.find([tmp_path / "*.csv"])


@pytest.mark.parametrize(
    "line",
    [b"null", b"null null", b'{"a":' * 9000, b'{"a":' * 9000 + b"1" + b"}" * 9000, b'{"a": ' + b"[" * 9000],
    ids=len,
)
@pytest.mark.parametrize("first", [True, False])
def test_lines_that_would_end_the_process_are_put_aside(line, first, tmp_path):
    """Arrow's reader follows nesting on its stack, and dies of a block that begins with null."""
    good = b'{"a": "{[", "b": [[1], [2]]}'
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join([line, good, good] if first else [good, line, good]) + b"\n")
    rows, numbers, (bad,) = read(path)
    assert len(rows) == 2
    assert numbers == ([2, 3] if first else [1, 3])
    assert bad.row == (1 if first else 2)
    assert bad.reason


def test_the_row_numbers_of_pandas_are_no_column(tmp_path):
    """A frame that was filtered before it was written brings them along."""
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"id": ["a", "b"], "x": [1.5, 2.5], "__index_level_0__": [3, 7]}), path)
    (piece,) = sources.read(path)
    assert piece.columns == ("id", "x")
    assert piece.table.column_names == ["id", "x"]
