"""What goes into the store and comes out of it, where the vocabulary has no word of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fireline.terms.incident import Incident
from fireline.terms.measure import Measure
from fireline.terms.timeline import Draft, Entry

Fold = Callable[[Sequence[Entry]], Incident]
"""What an incident's entries, in order and at least one, amount to."""

Gate = Callable[[Incident | None, Draft], None]
"""Raises StateError when the draft may not be the incident's next entry; None is the incident before its
first."""


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file of the lake: ``rows`` rows of ``kind`` (events, labels) from ``min_us`` to ``max_us``,
    inclusive."""

    kind: str
    file: str
    rows: int
    min_us: int
    max_us: int
    service: str = ""


@dataclass(frozen=True, slots=True)
class Keys:
    """The dedup keys of one batch, ``body`` opaque to the store; times in microseconds, inclusive."""

    batch: str
    min_us: int
    max_us: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a service has been judged: every tick before ``judged``; and its watermark in microseconds."""

    service: str
    judged: int
    watermark_us: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A named blob and the tick it belongs to."""

    name: str
    tick: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do one measure, until ``lease_until``.

    ``attempt`` counts the claims of this measure from 1 and is what a receipt is checked against: a worker
    whose lease lapsed and was taken over holds an old number, and its receipt is refused.
    """

    measure: Measure
    worker: str
    attempt: int
    lease_until: datetime
