"""A table that grows, in somebody's database: each row is sent once, in the order of one column."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from fireline.errors import InputError, Where
from fireline.ids import stable_id
from fireline.live.cursors import Cursor
from fireline.live.sending import LINES, Line, Sent, note
from fireline.store.outside import OutsideTable


@dataclass
class Drawer:
    """Sends the rows that ``table`` grew by.

    Databases hand out numbers when a transaction begins and show rows when it ends, so a lower number may
    appear after a higher one. Rows are therefore taken up to what was the highest value one look ago; looks
    should be further apart than transactions last.
    """

    table: OutsideTable
    line: Line
    cursor: Cursor
    sent: Sent = field(default_factory=Sent)

    def __post_init__(self) -> None:
        kept = self.cursor.read()
        self._last = _value(kept.get("last"))
        self._going = _value(kept.get("going"))
        self._rows = int(kept.get("rows", 0))

    def highest(self) -> Any:
        """What the next ``draw`` may go up to, if enough time has passed then."""
        return self.table.highest()

    def draw(self, to: Any, progress: Callable[[int], None] = lambda rows: None) -> int:
        """Send what was not sent yet, up to ``to``; how many rows. Raises NotTaken, InputError.

        The range that is on its way is written down first: after a crash the same goes out again, under the
        same key.
        """
        rows = 0
        while True:
            resumed = self._going is not None
            end = self._going if resumed else to
            if end is None or (self._last is not None and not self._last < end):
                return rows
            page = self.table.page(self._last, end, 1 << 30) if resumed else self.table.page(self._last, end)
            if page is None:
                if not resumed:
                    return rows
                self._keep(self._going, None)
                continue
            if not resumed:
                self._keep(self._last, page.last)
            self._send(page.rows)
            self._rows += len(page.rows)
            self._keep(page.last, None)
            rows += len(page.rows)
            progress(rows)

    def _keep(self, last: Any, going: Any) -> None:
        self._last, self._going = last, going
        self.cursor.keep({
            "source": self.table.source, "last": _told(last), "going": _told(going), "rows": self._rows,
        })  # fmt: skip

    def _send(self, rows: Any) -> None:
        line = self.line
        body = b"".join(_line(row) for row in rows)
        where = (repr(_told(rows[0][self.table.column])), repr(_told(rows[-1][self.table.column])))
        key = stable_id("rows", line.service, line.kind, self.table.source, *where, len(rows), size=16)
        told = line.post(body, LINES, key)
        named = [f"{self.table.name} {self.table.column}={row[self.table.column]}" for row in rows]
        note(self.sent, told, len(rows), lambda row: (named[min(max(row, 1), len(named)) - 1], row, None))


def _line(row: Mapping[str, Any]) -> bytes:
    plain = {name: _finite(value) for name, value in row.items() if value is not None}
    return json.dumps(plain, default=_plain, separators=(",", ":")).encode() + b"\n"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


# A cursor's value in a JSON file, with what it is.


def _told(value: Any) -> Any:
    if value is None or isinstance(value, (int, float, str)):
        return value
    if isinstance(value, datetime):
        aware = value.tzinfo is not None
        return {"datetime": (value.astimezone(UTC) if aware else value).isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"number": str(value)}
    raise InputError(
        f"a cursor of type {type(value).__name__} has no order that can be kept", where=Where(key="--cursor"),
        todo="use a column of numbers, times or text that only grows",
    )  # fmt: skip


def _value(told: Any) -> Any:
    if not isinstance(told, dict):
        return told
    [(kind, text)] = told.items()
    if kind == "number":
        return Decimal(text)
    return datetime.fromisoformat(text) if kind == "datetime" else date.fromisoformat(text)
