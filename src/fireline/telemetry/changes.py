"""Changes: read from a change log, or read off the events (a version seen for the first time)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.clock import from_micros
from fireline.errors import InputError, Where
from fireline.telemetry.columns import booleans, codes, has, times
from fireline.telemetry.instants import read_instant
from fireline.terms.change import Change
from fireline.terms.quarantine import RAW, BadRow, cut

MAX_LINE = 1 << 20
EVERY_SERVICE = frozenset({"", "*", "all"})
SHAPE = '{"at": time, "kind": "deploy", "what": text, "service": name, "version": name}'
START = timedelta(hours=1)
BEFORE, AFTER = timedelta(hours=1), timedelta(minutes=10)


def read_changes(
    path: Path | str, service: str, timezone: str = "UTC", others: bool = False
) -> tuple[list[Change], list[BadRow]]:
    """The changes of ``service`` in a JSON-lines file, in order of time, and the lines that could not be
    used.

    Times without an offset are taken in ``timezone``. A change that names no service, or all, is everybody's;
    those of other services are left out unless ``others``. Raises InputError when the file cannot be read at
    all.
    """
    file = str(path)
    changes: list[Change] = []
    bad: list[BadRow] = []
    row = 0
    for line, raw, size in _lines(Path(path)):
        row += 1
        try:
            if size > MAX_LINE:
                raise ValueError(f"a line of {size / 1e6:,.1f} MB; the most is {MAX_LINE / 1e6:.0f} MB")
            change = _change(json.loads(raw.decode()), service, timezone)
        except (ValueError, RecursionError) as error:
            reason = cut(_reason(error), 300)
            text = raw[: 4 * RAW].decode(errors="replace")[:RAW]
            bad.append(
                BadRow(file, "bad_change", reason, f"write one change a line: {SHAPE}", row, line, raw=text)
            )
            continue
        if others or change.service == service:
            changes.append(change)
    return sorted(_distinct(changes), key=_in_order), bad


def _lines(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """Number, head and size of each line that is not blank; of a line too long only the head is held."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(
            f"the change log cannot be read: {error.strerror}",
            where=Where(file=str(path)),
            todo="look at --changes",
        ) from None
    with stream:
        number = 0
        while raw := stream.readline(MAX_LINE + 2):
            number += 1
            size = len(raw)
            more = raw
            while not more.endswith(b"\n") and (more := stream.readline(MAX_LINE)):
                size += len(more)
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            if raw.strip():
                yield number, raw, size


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error}"
    if isinstance(error, UnicodeDecodeError):
        return "the line is not UTF-8 text"
    return str(error)


def change_of(found: Any, service: str, timezone: str = "UTC") -> Change:
    """The change in one JSON object of a change log. Raises ValueError saying what is wrong with it."""
    return _change(found, service, timezone)


def _change(found: Any, service: str, timezone: str) -> Change:
    if not isinstance(found, Mapping):
        raise ValueError("the line is not a JSON object")
    for key in ("at", "kind"):
        if found.get(key) in (None, ""):
            raise ValueError(f"the change has no {key!r}")
    try:
        at = read_instant(found["at"], timezone)
    except ValueError:
        raise ValueError(f"{found['at']!r} is not a time") from None
    segment = found.get("segment")
    if segment is not None and not isinstance(segment, Mapping):
        raise ValueError('"segment" is not an object such as {"country": "DE"}')
    whose = _word(found.get("service")) or ""
    return Change(
        at=at, kind=str(found["kind"]).strip().lower(), what=_word(found.get("what")) or str(found["kind"]),
        service=service if whose in EVERY_SERVICE else whose, version=_word(found.get("version")),
        segment={str(k): _word(v) or "" for k, v in segment.items()} if segment else None,
        link=_word(found.get("link")),
    )  # fmt: skip


def _word(value: object) -> str | None:
    """A value as the events' columns have it: whole numbers have no fraction."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return (
        value
        if isinstance(value, str)
        else json.dumps(value)
        if isinstance(value, (dict, list))
        else str(value)
    )


def _distinct(changes: Iterable[Change]) -> list[Change]:
    return list({json.dumps(change.as_json(), sort_keys=True): change for change in changes}.values())


def _in_order(change: Change) -> tuple[datetime, str, str, str]:
    return change.at, change.kind, change.what, change.version or ""


def first_seen(events: pa.Table, seen: Mapping[str, int] | None = None) -> dict[str, int]:
    """When each version first answered live, in microseconds; ``seen`` is what earlier batches gave.

    Shadow calls and late rows tell nothing of when a version went live.
    """
    found = dict(seen or {})
    if not len(events):
        return found
    which, values = codes(events, "version")
    live = ~booleans(events, "shadow")
    if has(events, "late"):
        live &= ~booleans(events, "late")
    instants = times(events)
    earliest = np.full(len(values), np.iinfo(np.int64).max)
    use = live & (which >= 0)
    np.minimum.at(earliest, which[use], instants[use])
    for value, at in zip(values, earliest.tolist(), strict=True):
        if value and at < np.iinfo(np.int64).max:
            found[value] = min(at, found.get(value, at))
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))


def infer_versions(
    events: pa.Table | Mapping[str, int], service: str, announced: Iterable[Change] = ()
) -> list[Change]:
    """Deploys read off the events: each version's first appearance, but for those there from the start.

    ``events`` are canonical events, or what ``first_seen`` gave. A version first seen within the first hour
    was there from the start. One that was ``announced`` within the hour before (or ten minutes after, clocks
    differing) is not inferred again.
    """
    seen = events if isinstance(events, Mapping) else first_seen(events)
    if not seen:
        return []
    start = min(seen.values())
    told = [(change.version, change.at) for change in announced if change.version is not None]
    found = []
    for version, ticks in sorted(seen.items(), key=lambda item: (item[1], item[0])):
        at = from_micros(ticks)
        if at - from_micros(start) <= START:
            continue
        if any(v == version and at - BEFORE <= when <= at + AFTER for v, when in told):
            continue
        what = f"version {version} first seen in the events"
        found.append(Change(at, "deploy", what, service, version=version, inferred=True))
    return found
