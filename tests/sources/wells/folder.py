"""A folder with a file that grows, a new one now and then, and Parquet among them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fireline.runbook.sources import Source
from fireline.sources.pull import Pulled


class Folder:
    secret = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "in"
        self.folder.mkdir()
        self.times = 0
        self.source = Source(name="w", kind="folder", path=str(self.folder / "**/*"), settle="0s")

    def pour(self, first: int, count: int) -> None:
        self.times += 1
        numbers = range(first, first + count)
        if self.times % 3 == 0:
            table = pa.table({"n": list(numbers)})
            pq.write_table(table, self.folder / f"{self.times:04d}.parquet", row_group_size=1000)
            return
        if self.times % 3 == 1:
            with (self.folder / f"log{self.times // 6}.jsonl").open("a") as stream:
                stream.writelines(json.dumps({"n": n}) + "\n" for n in numbers)
            return
        place = self.folder / f"table{self.times // 6}.csv"
        head = "" if place.exists() else "n,said\n"
        with place.open("a") as stream:
            stream.write(head + "".join(f'{n},"two\nlines, ""quoted"""\n' for n in numbers))

    def ids(self, portion: Pulled) -> list[int]:
        return [int(n) for n in portion.rows["n"].to_pylist()] if len(portion) else []

    def spoil(self) -> bool:
        with (self.folder / "log0.jsonl").open("a") as stream:
            stream.write("{broken\n")
        return True

    def away(self) -> bool:
        return False

    def back(self) -> None: ...


@contextmanager
def well(folder: Path) -> Iterator[Folder]:
    yield Folder(folder)
