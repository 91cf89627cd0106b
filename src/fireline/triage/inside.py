"""The inputs inside the slice that is hit: among all requests another unit of a seventh of them looks like a
few large values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fireline.triage.book import Book
from fireline.triage.case import Bools, Frame
from fireline.triage.inputs import Inputs, look_at_inputs
from fireline.triage.onset import Onset
from fireline.triage.slices import Found
from fireline.triage.windows import windows
from fireline.triage.words import where


def told_inside(book: Book, onset: Onset, inputs: Inputs, found: Found) -> Inputs:
    """``inputs`` with what moved said as it is inside ``found``'s slice, where it is of another unit there.

    Slices by a range of numbers are left as they are.
    """
    place = found.slice
    if not place or not inputs.moved or not all(isinstance(value, str) for value in place.values()):
        return inputs
    names = {m.feature for m in inputs.moved if m.damage != "unit"} - set(place)
    before, after = (_rows(frame, place) for frame in (book.before, book.after))
    part = Book(book.before.pick(before), book.after.pick(after), book.runbook)
    spans = windows(part, *onset.span)
    there = {m.feature: m for m in look_at_inputs(part, spans, spans.hit).moved if m.damage == "unit"}
    moved = tuple(
        replace(m, damage="unit", slight=False, says=f"{there[m.feature].says} where {where(place)}")
        if m.feature in names & set(there) else m
        for m in inputs.moved
    )  # fmt: skip
    return replace(inputs, moved=moved)


def _rows(frame: Frame, place: Mapping[str, str]) -> Bools:
    found = np.ones(frame.rows, dtype=np.bool_)
    for column, value in place.items():
        found &= frame.words(column) == value
    return found
