"""Columns that hold what people or models wrote, and columns that hold embeddings."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.runbook.looks import Look
from fireline.runbook.spoken import ANSWER_WORDS, MODEL_NAMES, SIZE_WORDS, TEXT_WORDS

LOOKED_AT = 5_000
WRITTEN = 500
LONG = 60
"""Mean length from which words with spaces between them are prose, whatever the column is called."""
LEAST_LENGTH = 4
"""Numbers in a list from which it is an embedding."""


def is_text(look: Look, column: pa.ChunkedArray) -> bool:
    """Whether a column holds prose: words with spaces, nearly every row different, or long."""
    if look.kind != "text":
        return False
    spaces = _mean(pc.count_substring(_first(column), " "))
    if look.length > LONG:
        return spaces >= 3
    if look.distinct <= 20:
        return False
    named = bool(TEXT_WORDS.intersection(look.words))
    return spaces >= 1 if named else spaces >= 3 and look.distinct > 0.5 * look.known


def embedding_length(column: pa.ChunkedArray) -> int:
    """How many numbers each list in ``column`` holds; 0 when they are no embeddings."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _written_length(column)
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not is_list or not _is_number(kind.value_type):
        return 0
    lengths: Any = pc.list_value_length(_first(column)).drop_null().to_numpy()
    if len(lengths) == 0:
        return 0
    return _usual(lengths)


def of_the_model(look: Look) -> bool:
    """Whether a column tells of the answer or model: `finish_reason`, `completion_tokens`, `weight_norm`."""
    named = any(look.plain.endswith(f"_{name}") for name in MODEL_NAMES - {"loss"})
    words = set(look.words)
    return named or look.plain in MODEL_NAMES or bool(words & SIZE_WORDS and words & ANSWER_WORDS)


def _written_length(column: pa.ChunkedArray) -> int:
    """The same of lists that stand there as JSON, which is how lists within objects come."""
    lengths = []
    for text in _first(column).slice(0, WRITTEN).to_pylist():
        if not text.startswith("["):
            return 0
        try:
            held = json.loads(text)
        except (ValueError, RecursionError):
            return 0
        if not all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in held):
            return 0
        lengths.append(len(held))
    return _usual(np.asarray(lengths)) if lengths else 0


def _usual(lengths: Any) -> int:
    values, counts = np.unique(lengths, return_counts=True)
    most = int(np.argmax(counts))
    usual, share = int(values[most]), counts[most] / counts.sum()
    return usual if usual >= LEAST_LENGTH and share >= 0.98 else 0


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _first(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.drop_null().slice(0, LOOKED_AT)


def _mean(column: pa.ChunkedArray) -> float:
    return float(pc.mean(column).as_py() or 0.0)
