"""JSON as it is stored: what is written is exactly what is read back, on both databases."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from fireline.clock import iso
from fireline.errors import StoreError


def clean(text: str) -> str:
    """``text`` without what PostgreSQL refuses: NUL and lone surrogates become U+FFFD.

    >>> clean("a\\x00b") == "a\\ufffdb"
    True
    """
    if text.isascii() and "\x00" not in text:
        return text
    whole = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return whole.replace("\x00", "\ufffd")


def plain(value: Any) -> Any:
    """``value`` as JSON values alone: the same after writing and reading again.

    A number that JSON has no word for (NaN, infinity) becomes None; arrays and numpy numbers become lists and
    numbers. Raises StoreError on a value that means nothing outside this process.

    >>> plain({"at": float("nan"), "of": (1, 2)})
    {'at': None, 'of': [1, 2]}
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return clean(str(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, datetime):
        return iso(value)
    return _foreign(value)


def _foreign(value: Any) -> Any:
    """Values that say themselves how they look in JSON: terms, numpy scalars and arrays."""
    for method in ("as_json", "tolist", "item"):
        ask = getattr(value, method, None)
        if callable(ask):
            return plain(ask())
    raise StoreError(
        f"a {type(value).__name__} cannot be written into the journal",
        todo="give it an as_json method, or turn it into numbers, words and lists first",
    )


def dumps(value: Any) -> str:
    """JSON text of plain values, key order kept, so that a replay is byte-equal."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
