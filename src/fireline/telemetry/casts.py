"""Raw columns as numbers, text or truth values, with the rows that will not go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Array = np.ndarray[Any, Any]

MISSING_WORDS = frozenset({"", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "<na>", "\\n"})
TRUE_WORDS = frozenset({"true", "t", "yes", "y", "1", "1.0", "ja", "oui", "si", "wahr", "vrai"})
FALSE_WORDS = frozenset({"false", "f", "no", "n", "0", "0.0", "nein", "non", "falsch", "faux"})
ERROR_WORDS = frozenset(
    {
        "error",
        "err",
        "errored",
        "timeout",
        "timed_out",
        "time_out",
        "failed",
        "fail",
        "failure",
        "exception",
        "crash",
        "crashed",
        "unavailable",
        "internal",
        "internal_error",
        "internal_server_error",
        "server_error",
        "service_unavailable",
        "bad_gateway",
        "gateway_timeout",
        "deadline_exceeded",
        "data_loss",
        "resource_exhausted",
        "segfault",
    }
)
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_WHOLE = 2.0**53


@dataclass(frozen=True, eq=False)
class Cast:
    """``values`` [n], null where missing or ``bad`` (bool [n])."""

    values: pa.Array
    bad: Array


def plain(column: Any) -> pa.Array:
    """A column as one array without dictionaries, views or large offsets; bytes as text where they are
    UTF-8."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = pc.cast(column, kind.value_type)
        kind = kind.value_type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column = column.cast(pa.string())
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        column = _decoded(column)
    if isinstance(column, pa.ChunkedArray):
        if column.num_chunks == 1:
            return column.chunk(0)
        return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column


def valid(values: pa.Array) -> Array:
    """Which of ``values`` [n] are there: neither null, nor NaN, nor empty text."""
    there = _numpy(values.is_valid())
    if pa.types.is_floating(values.type):
        there &= ~_numpy(pc.fill_null(pc.is_nan(values), False))
    elif pa.types.is_string(values.type) and len(values):
        there &= ~_numpy(pc.fill_null(pc.equal(pc.binary_length(values), 0), True))
    return there


def to_number(column: Any) -> Cast:
    """As float64, NaN counting as missing. Truth values become 0 and 1; text is read where it is a number."""
    values = plain(column)
    kind = values.type
    none = np.zeros(len(values), bool)
    if pa.types.is_null(kind):
        return Cast(pa.nulls(len(values), pa.float64()), none)
    if pa.types.is_boolean(kind):
        return Cast(values.cast(pa.int8()).cast(pa.float64()), none)
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return Cast(_without_nan(pc.cast(values, pa.float64(), safe=False)), none)
    if pa.types.is_string(kind):
        return _text_number(values)
    there = _numpy(values.is_valid())
    return Cast(pa.nulls(len(values), pa.float64()), there)


def to_text(column: Any) -> Cast:
    """As strings, empty text counting as missing. Whole numbers have no fraction, truth values are true and
    false."""
    values = plain(column)
    kind = values.type
    none = np.zeros(len(values), bool)
    if pa.types.is_floating(kind):
        return Cast(_float_text(values), none)
    if pa.types.is_decimal(kind):
        return Cast(_float_text(values.cast(pa.float64())), none)
    if pa.types.is_string(kind):
        return Cast(_plain_text(values), none)
    if pa.types.is_nested(kind):
        return Cast(pa.array([None if v is None else str(v) for v in values.to_pylist()], pa.string()), none)
    return Cast(values.cast(pa.string()), none)


def to_truth(column: Any) -> Cast:
    """As truth values, missing ones false: booleans, 0 and 1, and the usual words."""
    values = plain(column)
    if pa.types.is_boolean(values.type):
        return Cast(pc.fill_null(values, False), np.zeros(len(values), bool))
    words, codes = _words(values)
    known = [w in TRUE_WORDS or w in FALSE_WORDS or w in MISSING_WORDS for w in words]
    truth = np.array([w in TRUE_WORDS for w in words] + [False])
    bad = np.array([not k for k in known] + [False])
    return Cast(pa.array(truth[codes]), bad[codes])


def error_of(column: Any) -> pa.Array:
    """Which statuses are errors: 500 and above, or a word such as error, timeout, failed."""
    words, codes = _words(plain(column))
    return pa.array(np.array([_is_error(word) for word in words] + [False])[codes])


def _is_error(word: str) -> bool:
    head = word.split()[0] if word.split() else ""
    try:
        return 500 <= float(head) < 1000
    except ValueError:
        joined = "_".join(word.replace("-", " ").replace("_", " ").split())
        if joined.startswith(("no_", "client_", "without_")):
            return False
        return joined in ERROR_WORDS or joined.endswith(("_error", "exception", "timeout"))


def _words(values: pa.Array) -> tuple[list[str], Array]:
    """Distinct values as lower-case words, and the code [n] of each row's (-1 where missing)."""
    text = to_text(values).values.dictionary_encode()
    words = [str(word).strip().lower() for word in text.dictionary.to_pylist()]
    codes = _numpy(pc.fill_null(text.indices, -1)).astype(np.int64)
    return words, codes


def _text_number(values: pa.Array) -> Cast:
    none = np.zeros(len(values), bool)
    try:
        return Cast(_without_nan(values.cast(pa.float64())), none)
    except pa.ArrowInvalid:
        pass
    trimmed = pc.utf8_trim_whitespace(values)
    readable = pc.fill_null(pc.match_substring_regex(trimmed, _NUMBER), False)
    found = pc.cast(pc.if_else(readable, trimmed, pa.scalar(None, pa.string())), pa.float64())
    rest = np.flatnonzero(~_numpy(readable) & _numpy(trimmed.is_valid()))
    coded = trimmed.take(pa.array(rest)).dictionary_encode()
    words = coded.dictionary.to_pylist()
    endless = {"inf": np.inf, "+inf": np.inf, "-inf": -np.inf, "infinity": np.inf, "+infinity": np.inf,
               "-infinity": -np.inf}  # fmt: skip
    special = np.array([endless.get(w.lower(), np.nan) for w in words] or [np.nan])
    wrong = np.array([w.lower() not in endless and w.lower() not in MISSING_WORDS for w in words] or [False])
    codes = _numpy(coded.indices)
    numbers = _numpy(pc.fill_null(found, np.nan)).copy()
    bad = none
    if len(rest):
        numbers[rest], bad[rest] = special[codes], wrong[codes]
    return Cast(pa.array(numbers, from_pandas=True), bad)


def _without_nan(values: pa.Array) -> pa.Array:
    nan = pc.is_nan(values)
    if not pc.any(nan, min_count=0).as_py():
        return values
    return pc.if_else(nan, pa.scalar(None, pa.float64()), values)


def _float_text(values: pa.Array) -> pa.Array:
    values = _without_nan(pc.cast(values, pa.float64()))
    numbers = _numpy(pc.fill_null(values, np.nan))
    with np.errstate(invalid="ignore"):
        whole = (np.abs(numbers) < _WHOLE) & (np.floor(numbers) == numbers)
    as_whole = pa.array(np.where(whole, numbers, 0).astype(np.int64), mask=~whole).cast(pa.string())
    return pc.coalesce(as_whole, values.cast(pa.string()))


def _plain_text(values: pa.Array) -> pa.Array:
    """Text as it stands, but for the empty string and for the way Python writes truth values."""
    if not len(values):
        return values
    odd = pc.is_in(values, pa.array(["", "True", "False"]))
    if not pc.any(odd, min_count=0).as_py():
        return values
    empty = pc.fill_null(pc.equal(values, ""), True)
    return pc.if_else(empty, pa.scalar(None, pa.string()), pc.if_else(odd, pc.utf8_lower(values), values))


def _decoded(column: Any) -> pa.Array:
    try:
        return column.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        texts = [None if v is None else v.decode(errors="replace") for v in column.to_pylist()]
        return pa.array(texts, pa.string())


def _numpy(values: Any) -> Array:
    found: Array = values.to_numpy(zero_copy_only=False)
    return found
