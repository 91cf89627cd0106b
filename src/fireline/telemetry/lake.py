"""The lake: where events and labels lie, as Parquet files that are written whole or not at all.

A file belongs to the batch it is named after. Which files count is for the store to say, in the transaction
that commits the batch; a file without a committed batch is an orphan, never read, and swept away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from fireline.errors import StoreError, Where
from fireline.telemetry.hashing import hash_text

Kind = Literal["events", "labels", "signals"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_TIMES = ("time", "label_time")
PARTIAL = ".partial"
GROUP = 16_384
"""Rows of a row group: who reads a few hours of a file decodes no more than it must."""
SHARES = 1 << 20


class Lake:
    """A folder of Parquet files. Paths are relative to it, with forward slashes, so that the folder may
    move."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def has(self, path: str) -> bool:
        """Whether the file lies here."""
        return (self.folder / path).is_file()

    def write(self, batch_id: str, kind: Kind, table: pa.Table) -> str:
        """Write ``table`` as the ``kind`` of batch ``batch_id`` and give back its path.

        Writing the same batch again gives the same file. The file is on disk when this returns.
        """
        if not _NAME.fullmatch(batch_id):
            raise ValueError(f"not a batch id: {batch_id!r}")
        path = f"{kind}/{batch_id}.parquet"
        whole = self.folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        partial = whole.with_name(f"{whole.name}.{os.getpid()}{PARTIAL}")
        try:
            with partial.open("wb") as stream:
                pq.write_table(table, stream, compression="zstd", use_dictionary=_repeating(table),
                               row_group_size=GROUP)  # fmt: skip
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(partial, whole)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StoreError(
                f"the lake cannot be written: {error.strerror}", where=Where(file=str(whole)),
                todo="look at free space and permissions", permanent=False,
            ) from error  # fmt: skip
        _sync_folder(whole.parent)
        return path

    def read(
        self,
        files: Iterable[str],
        columns: Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        most: int | None = None,
    ) -> pa.Table:
        """The rows of ``files``, in their order, with time (for labels: label_time) in [since, until).

        A column that one file lacks is null there; one that no file has is left out. Where there are more
        than ``most`` events, about as many: chosen by request, so that a shadow call stays with its live
        call, and file by file, so that the others are never held together.
        """
        paths = list(files)
        for path in paths:
            if not (self.folder / path).is_file():
                raise StoreError(
                    "a committed file of the lake is gone", where=Where(file=str(self.folder / path)),
                    todo="restore it from a backup, or replay the log it came from",
                )  # fmt: skip
        share = 1.0 if most is None else most / max(self._rows(paths, since, until), 1)
        tables = [_part(self._one(path, columns, since, until), share) for path in paths]
        return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})

    def _one(
        self, path: str, columns: Sequence[str] | None, since: datetime | None, until: datetime | None
    ) -> pa.Table:
        data, bounds = self._within(path, since, until)
        names = data.schema.names
        wanted = names if columns is None else [name for name in columns if name in names]
        return data.to_table(columns=list(wanted), filter=bounds)

    def _rows(self, paths: Sequence[str], since: datetime | None, until: datetime | None) -> int:
        found = [self._within(path, since, until) for path in paths]
        return sum(data.count_rows(filter=bounds) for data, bounds in found)

    def _within(
        self, path: str, since: datetime | None, until: datetime | None
    ) -> tuple[ds.Dataset, ds.Expression | None]:
        """A file, and which of its rows lie in [since, until)."""
        data = ds.dataset(self.folder / path, format="parquet")
        clock = next((name for name in _TIMES if name in data.schema.names), None)
        bounds = None
        if clock is not None and since is not None:
            bounds = pc.field(clock) >= pa.scalar(since, data.schema.field(clock).type)
        if clock is not None and until is not None:
            before = pc.field(clock) < pa.scalar(until, data.schema.field(clock).type)
            bounds = before if bounds is None else bounds & before
        return data, bounds

    def sweep(self, committed: Iterable[str]) -> list[str]:
        """Remove every file that is not ``committed``, and say which. Only the one process that writes may do
        so."""
        keep = set(committed)
        if not self.folder.is_dir():
            return []
        removed = []
        for found in sorted(self.folder.glob("*/*")):
            path = found.relative_to(self.folder).as_posix()
            if found.is_file() and path not in keep and found.name.endswith((".parquet", PARTIAL)):
                found.unlink()
                removed.append(path)
        return removed


def _part(table: pa.Table, share: float) -> pa.Table:
    """The rows of about this share of all requests."""
    if share >= 1:
        return table
    hashed = hash_text(table.column("request_id")) % np.uint64(SHARES)
    return table.filter(pa.array(hashed.astype(np.float64) < SHARES * share))


def _repeating(table: pa.Table) -> list[str]:
    """Columns worth a dictionary: words, but no ids. Numbers pack tighter and faster without."""
    return [
        field.name for field in table.schema if pa.types.is_string(field.type) and field.name != "request_id"
    ]


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
