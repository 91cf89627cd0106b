"""A folder that fills: files that are renamed, rewritten, cut short, half written, away for a moment."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.errors import InputError
from fireline.runbook.sources import Source
from fireline.sources.pull import Around, Pulled, _growing, opened

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Reader:
    """Reads ``in/`` as the server does, the cursor kept; ``old`` says how old all files are said to be."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.folder = folder / "in"
        self.folder.mkdir(exist_ok=True)
        self.source = opened(
            Source(name="f", kind="folder", path="in", **more), Around("s", "f", "events", folder)
        )
        self.cursor = ""

    def read(self, old: float = 60.0) -> list[Pulled]:
        newest = max((p.stat().st_mtime for p in self.folder.rglob("*")), default=0.0)
        found = list(self.source.pull(self.cursor, datetime.fromtimestamp(newest + old, UTC)))
        self.cursor = found[-1].cursor if found else self.cursor
        return found

    def ids(self, old: float = 60.0) -> list[int]:
        return [n for one in self.read(old) if len(one) for n in map(int, one.rows["n"].to_pylist())]

    def write(self, name: str, *numbers: int, mode: str = "a") -> Path:
        with (self.folder / name).open(mode) as stream:
            stream.writelines(json.dumps({"n": n}) + "\n" for n in numbers)
        return self.folder / name


def test_a_renamed_file_goes_on_and_its_successor_begins(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    place = reader.write("log.jsonl", 1, 2)
    assert reader.ids() == [1, 2]
    reader.write("log.jsonl", 3)
    place.rename(reader.folder / "log.jsonl.1")
    reader.write("log.jsonl", 4)
    assert sorted(reader.ids()) == [3, 4]
    reader.write("log.jsonl.1", 5)
    (reader.folder / "log.jsonl.1").rename(reader.folder / "log.jsonl.2")
    place.rename(reader.folder / "log.jsonl.1")
    reader.write("log.jsonl", 6)
    assert sorted(reader.ids()) == [5, 6]
    assert reader.ids() == []


@pytest.mark.parametrize("new", [[9], [7, 8, 9], [7, 8, 9, 10, 11, 12]])
def test_a_rewritten_file_is_read_from_its_beginning(tmp_path: Path, new: list[int]) -> None:
    reader = Reader(tmp_path)
    reader.write("log.jsonl", 1, 2, 3)
    assert reader.ids() == [1, 2, 3]
    place = reader.write("log.jsonl", *new, mode="w")
    os.utime(place, ns=(0, place.stat().st_mtime_ns + 1_000_000))
    assert reader.ids() == new


def test_a_line_waits_until_it_ends_or_the_file_has_settled(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    place = reader.write("log.jsonl", 1)
    with place.open("a") as stream:
        stream.write('{"n": 2')
    assert reader.ids(old=1) == [1]
    with place.open("a") as stream:
        stream.write('2}\n{"n": 3}')
    assert reader.ids(old=1) == [22]
    assert reader.ids(old=60) == [3]
    assert reader.ids(old=60) == []


def test_a_half_written_parquet_file_waits_and_is_put_aside_when_it_stays_so(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    pq.write_table(pa.table({"n": [1, 2, 3]}), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    place = reader.folder / "part.parquet"
    place.write_bytes(whole[:-20])
    assert reader.read() == []
    place.write_bytes(whole)
    assert reader.ids() == [1, 2, 3]
    place.write_bytes(whole[:-20])
    assert reader.read(old=3600.0)[0].bad[0].kind == "broken_file"
    assert reader.read(old=3600.0) == []


def test_a_compressed_file_is_read_once_it_has_settled(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    with gzip.open(reader.folder / "log.jsonl.gz", "wt") as stream:
        stream.write('{"n": 1}\n')
    assert reader.ids(old=1) == []
    assert reader.ids() == [1]
    assert reader.ids() == []


def test_newest_begins_behind_what_is_there(tmp_path: Path) -> None:
    reader = Reader(tmp_path, begin="newest")
    reader.write("log.jsonl", 1, 2)
    pq.write_table(pa.table({"n": [3]}), reader.folder / "a.parquet")
    (reader.folder / "t.csv").write_text("n\n4\n")
    assert reader.ids() == []
    reader.write("log.jsonl", 5)
    pq.write_table(pa.table({"n": [6]}), reader.folder / "b.parquet")
    with (reader.folder / "t.csv").open("a") as stream:
        stream.write("7\n")
    assert sorted(reader.ids()) == [5, 6, 7]


def test_a_folder_that_is_away_for_a_moment_is_not_read_again(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    reader.write("log.jsonl", 1)
    assert reader.ids() == [1]
    reader.folder.rename(tmp_path / "away")
    assert reader.ids() == []
    (tmp_path / "away").rename(reader.folder)
    assert reader.ids() == []


def test_rows_say_where_they_stand_in_the_file(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    (reader.folder / "t.csv").write_text("n,x\n1,a\n2\n")
    (first,) = reader.read()
    with (reader.folder / "t.csv").open("a") as stream:
        stream.write('\n3,"b\nc"\n4\n5,d\n')
    (second,) = reader.read()
    assert [(row.row, row.line) for row in (*first.bad, *second.bad)] == [(2, 3), (4, 7)]
    assert [*first.numbers, *second.numbers] == [1, 3, 5]  # type: ignore[misc]
    assert second.rows.to_pydict() == {"n": ["3", "5"], "x": ["b\nc", "d"]}


def test_a_line_longer_than_anything_is_put_aside_alone(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    reader.write("log.jsonl", 1)
    with (reader.folder / "log.jsonl").open("a") as stream:
        stream.write('{"n": "' + "x" * (2 * _growing.SLICE + 5) + '"}\n')
    reader.write("log.jsonl", 2)
    found = reader.read()
    assert [int(n) for one in found if len(one) for n in one.rows["n"].to_pylist()] == [1, 2]
    assert [row.kind for one in found for row in one.bad] == ["line_too_long"]


def test_a_file_that_may_not_be_read_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(tmp_path)
    reader.write("closed.jsonl", 1)
    reader.write("open.jsonl", 2)
    true = Path.open

    def closed(self: Path, *args: Any, **more: Any) -> Any:
        if self.name == "closed.jsonl":
            raise PermissionError(13, "Permission denied", str(self))
        return true(self, *args, **more)

    monkeypatch.setattr(Path, "open", closed)
    portions = []
    with pytest.raises(InputError, match=r"closed\.jsonl.*Permission denied"):
        portions.extend(iter(reader.source.pull("", NOW)))
    monkeypatch.undo()


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(st.text(alphabet='ab,"\n ', max_size=6), min_size=1, max_size=30),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
def test_a_csv_file_read_as_it_grows_gives_what_it_gives_whole(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], cuts: list[int]
) -> None:
    quoted = [text.replace('"', '""') for text in texts]
    whole = "n,x\n" + "".join(f'{i},"{text}"\n' for i, text in enumerate(quoted))
    folder = tmp_path_factory.mktemp("grows")
    reader, got = Reader(folder), Counter[tuple[str, str | None]]()
    for end in [*sorted(cuts), len(whole)]:
        (reader.folder / "t.csv").write_bytes(whole[:end].encode())
        for one in reader.read(old=1):
            assert one.bad == ()
            if len(one):
                got.update(zip(one.rows["n"].to_pylist(), one.rows["x"].to_pylist(), strict=True))
    assert got == Counter((str(i), text or None) for i, text in enumerate(texts))


def test_settling_is_measured_from_the_last_write(tmp_path: Path) -> None:
    reader = Reader(tmp_path, settle="10s")
    place = reader.write("log.jsonl", 1)
    place.write_text('{"n": 1}')
    at = datetime.fromtimestamp(place.stat().st_mtime, UTC)
    assert list(reader.source.pull("", at + timedelta(seconds=9))) == []
    assert len(list(reader.source.pull("", at + timedelta(seconds=11)))) == 1
