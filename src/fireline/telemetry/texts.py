"""What is kept of a text: its length, its words' number, its language, and which words it holds as hashes.

The text goes no further than this module: figures and 16-bit hashes in rising order are all that leaves it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from fireline.telemetry.columns import Array
from fireline.telemetry.hashing import hash_text

LONGEST = 20_000
"""Characters looked at; the length is the whole text's."""
HASHES = 1 << 16
_WORD = re.compile(r"[^\W_]+", re.UNICODE)

STOP_WORDS: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "en": "the and of to in is you that it for on are with as this be at have from or not what can how i",
        "de": "der die das und ist nicht ich sie ein eine zu mit auf für den von wie es im wir dem was kann",
        "fr": "le la les et est des une un que pour dans vous je ne pas sur avec qui au du ce il nous",
        "es": "el la los las y es que de en un una por con para no se su lo cómo qué del al me puedo más",
        "it": "il la che di è un una per non con sono mi gli le del come si da ho nel questo della anche",
        "pt": "o a os as e é que de em um uma por com para não se do da no na como você mais eu isso qual",
        "nl": "de het een en is van niet ik je dat in op te voor met zijn er maar wat hoe naar kan om wij",
        "sv": "och att det är en som på för med jag av inte den till har hur vad kan om vi ett du var",
        "pl": "i w na nie się z jest do to że co jak o po za ale czy dla od są mam jaki jest być",
        "tr": "ve bir bu için ne nasıl ile mi çok da de var ben daha olarak gibi kadar olan mı değil",
    }.items()
}
SCRIPTS: tuple[tuple[str, str], ...] = (
    ("ja", "\u3040-\u30ff"), ("ko", "\uac00-\ud7af\u1100-\u11ff"), ("zh", "\u4e00-\u9fff"),
    ("cyrillic", "\u0400-\u04ff"), ("arabic", "\u0600-\u06ff"), ("greek", "\u0370-\u03ff"),
    ("hebrew", "\u0590-\u05ff"), ("devanagari", "\u0900-\u097f"), ("thai", "\u0e00-\u0e7f"),
)  # fmt: skip
_SCRIPT = [(name, re.compile(f"[{ranges}]")) for name, ranges in SCRIPTS]
_LETTER = re.compile(r"[^\W\d_]", re.UNICODE)


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is kept of n texts; null where there was none. ``sketch`` holds each text's distinct word hashes
    as little-endian uint16 in rising order."""

    length: pa.Array
    words: pa.Array
    language: pa.Array
    sketch: pa.Array


def drawn(texts: pa.Array) -> Drawn:
    """The figures of ``texts``, strings [n]."""
    values = texts.to_pylist()
    words = [_WORD.findall(v[:LONGEST].lower()) if v is not None else [] for v in values]
    there = [v is not None for v in values]
    return Drawn(
        pa.array([float(len(v)) if v is not None else None for v in values], pa.float64()),
        pa.array([float(len(w)) if ok else None for w, ok in zip(words, there, strict=True)], pa.float64()),
        pa.array(
            [language(v[:LONGEST], w) if v is not None else None for v, w in zip(values, words, strict=True)],
            pa.string(),
        ),
        pa.array(_sketches(words, there), pa.binary()),
    )


def language(text: str, words: list[str] | None = None) -> str:
    """The language of ``text`` by its script and commonest words: a code, a script's name, or `other`.

    >>> language("What is the best way to the station?"), language("Wie komme ich zum Bahnhof, ist es weit?")
    ('en', 'de')
    >>> language("駅はどこですか"), language("SELECT 1"), language("Где находится вокзал?")
    ('ja', 'other', 'cyrillic')
    """
    letters = len(_LETTER.findall(text))
    if not letters:
        return "other"
    for name, script in _SCRIPT:
        if len(script.findall(text)) > letters * (0.1 if name == "ja" else 0.4):
            return name
    found = Counter(words if words is not None else _WORD.findall(text.lower()))
    scores = {name: sum(found[word] for word in stops) for name, stops in STOP_WORDS.items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > 0 and 20 * scores[best] >= sum(found.values()) else "other"


def _sketches(words: list[list[str]], there: list[bool]) -> list[bytes | None]:
    flat = pa.array([word for row in words for word in row], pa.string())
    hashes = (hash_text(flat) % np.uint64(HASHES)).astype("<u2")
    ends = np.cumsum([len(row) for row in words]) if words else np.empty(0, np.int64)
    rows = np.split(hashes, ends[:-1]) if len(words) else []
    return [np.unique(row).tobytes() if ok else None for row, ok in zip(rows, there, strict=True)]


def unsketched(sketches: pa.ChunkedArray) -> tuple[Array, Array]:
    """The word hashes of a sketch column [n]: all of them, and how many each row has (int64 [n])."""
    bodies = [body or b"" for body in sketches.to_pylist()]
    return np.frombuffer(b"".join(bodies), "<u2"), np.array([len(b) // 2 for b in bodies], np.int64)
