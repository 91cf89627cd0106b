"""Parquet files, row group by row group."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fireline.errors import InputError, Where
from fireline.terms.piece import Piece
from fireline.terms.quarantine import BadRow, cut

suffixes = (".parquet", ".pq", ".parq")

ROWS = 1 << 17
INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls the numbers of its rows when it writes them out: no column of anybody's log."""


def pieces(path: Path, *, only: Container[str] | None = None) -> Iterator[Piece]:
    """The file's rows; ``only`` names the columns wanted. A row group that cannot be read is put aside.

    A file without rows gives no piece. Raises InputError for a file that is not Parquet.
    """
    file = str(path)
    if path.stat().st_size == 0:
        return
    try:
        opened = pq.ParquetFile(path, memory_map=True)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"not a Parquet file, or one cut short: {cut(str(error), 200)}", where=Where(file=file),
            todo="write or copy it again",
        ) from None  # fmt: skip
    with opened:
        yield from _groups(opened, file, only)


def _groups(opened: pq.ParquetFile, file: str, only: Container[str] | None) -> Iterator[Piece]:
    names = tuple(name for name in opened.schema_arrow.names if not INDEX.fullmatch(name))
    wanted = [name for name in names if only is None or name in only] or list(names)
    row = 1
    for group in range(opened.num_row_groups):
        rows = opened.metadata.row_group(group).num_rows
        done = 0
        try:
            for batch in opened.iter_batches(ROWS, row_groups=[group], columns=wanted):
                table = _flat(pa.Table.from_batches([batch]))
                numbers = row + done + np.arange(len(table), dtype=np.int64)
                done += len(table)
                yield Piece(table, file, numbers, _flat_names(names, table))
        except (pa.ArrowException, OSError) as error:
            reason = f"{rows - done:,} rows from here cannot be read: {cut(str(error), 200)}"
            bad = BadRow(file, "broken_file", reason, "write or copy the file again", row=row + done)
            yield Piece(pa.table({}), file, np.empty(0, np.int64), names, bad=(bad,))
        row += rows


def _flat(table: pa.Table) -> pa.Table:
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _flat_names(names: tuple[str, ...], table: pa.Table) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*names, *table.column_names)))
