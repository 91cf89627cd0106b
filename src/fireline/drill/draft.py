"""A log in the making: the columns of each stage, and the effects that change them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fireline.clock import MICROS, micros
from fireline.drill.population import Calendar, Feature, Floats, Ints
from fireline.drill.scoring import Model

Stage = Literal["mix", "inputs", "truth", "pipeline", "score", "answer", "labels", "delivery"]
Array = NDArray[Any]
MISSING = -1


@dataclass
class Draft:
    """Requests of one log, one row each, in time order until delivery.

    ``rows`` holds time (int64 us), id, draw (what routes the request, [0, 1)), version (code), host, source,
    tag (0, or the surge that sent it); later logit (the truth's), positive, score, latency, status, label,
    label_time, arrival. ``latents`` and ``true`` hold inputs as they are in the world, ``seen`` as the
    feature pipeline served them (NaN or -1 missing). ``names`` gives the strings of every coded column; an
    effect may append to it. ``extra`` holds further logged columns, coded where ``names`` has them, and rows
    of vectors where they are 2-D.
    """

    calendar: Calendar
    model: Model
    features: Mapping[str, Feature]
    names: dict[str, list[str]]
    versions: list[str]
    rows: dict[str, Array]
    segments: dict[str, Ints] = field(default_factory=dict)
    latents: dict[str, Floats] = field(default_factory=dict)
    true: dict[str, Array] = field(default_factory=dict)
    seen: dict[str, Array] = field(default_factory=dict)
    flags: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    extra: dict[str, Array] = field(default_factory=dict)
    score_shift: Floats | float = 0.0
    shadow: bool = False
    copies: list[tuple[Ints, Ints]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.rows["time"])

    def take(self, chosen: Array) -> Draft:
        """A new draft of the chosen rows (indices or a mask); its arrays are copies."""
        when = self.calendar
        return replace(
            self,
            calendar=Calendar(when.hour[chosen], when.weekday[chosen], when.days[chosen]),
            rows={name: column[chosen] for name, column in self.rows.items()},
            segments={name: column[chosen] for name, column in self.segments.items()},
            latents={name: column[chosen] for name, column in self.latents.items()},
            true={name: column[chosen] for name, column in self.true.items()},
            seen={name: column[chosen] for name, column in self.seen.items()},
            flags={name: column[chosen] for name, column in self.flags.items()},
            extra={name: column[chosen] for name, column in self.extra.items()},
            copies=[],
        )

    def put(self, name: str, rows: Ints, values: Array | float) -> None:
        """Serve ``values`` for one input on ``rows``; what is true stays as it is."""
        column = self.seen[name].copy()
        column[rows] = values
        self.seen[name] = column

    def blank(self, name: str, rows: Ints) -> None:
        """Serve nothing for one input on ``rows``."""
        self.put(name, rows, np.nan if self.features[name].numeric else MISSING)

    def move(self, name: str, rows: Ints, by: Array | float) -> None:
        """Move the latent draws of a numeric input on ``rows``; its true values follow. Only at the stage
        "inputs"."""
        draws = self.latents[name].copy()
        draws[rows] += by
        self.latents[name] = draws

    def shift_score(self, rows: Ints, by: Floats | float) -> None:
        """Add to the served log odds on ``rows``."""
        shift = np.zeros(self.size) + self.score_shift
        shift[rows] += by
        self.score_shift = shift

    def shift_truth(self, rows: Ints, by: Floats | float) -> None:
        """Add to the true log odds of a positive label on ``rows``."""
        self.rows["logit"][rows] += by

    def drop(self, rows: Ints) -> None:
        """These requests are never made. Only at the stage "mix"."""
        self.rows["gone"][rows] = True

    def deliver_again(self, rows: Ints, later: Ints) -> None:
        """The same events arrive once more, ``later`` microseconds after."""
        self.copies.append((rows, later))

    def name_code(self, column: str, name: str) -> int:
        """The code of ``name`` in a coded column, new when it was never used."""
        if name not in self.names[column]:
            self.names[column].append(name)
        return self.names[column].index(name)


Do = Callable[[Draft, Ints, Floats, np.random.Generator], None]


@dataclass(frozen=True)
class Effect:
    """One thing that goes differently from ``since`` on: ``do(draft, rows, strength, rng)`` at its stage.

    ``rows`` are those in the time span, segment, version and surge named; ``strength`` climbs from 0 to 1
    over ``ramp`` and is 1 at once without one. At the stage "labels" the span is of label times.
    """

    stage: Stage
    since: datetime
    do: Do
    until: datetime | None = None
    ramp: timedelta = timedelta(0)
    segment: tuple[str, str] | None = None
    version: str | None = None
    tag: int | None = None

    def reach(self, draft: Draft) -> tuple[Ints, Floats]:
        """The rows this effect touches and how strongly."""
        at = draft.rows["label_time" if self.stage == "labels" else "time"]
        found = at >= micros(self.since)
        if self.until is not None:
            found &= at < micros(self.until)
        if self.segment is not None:
            column, name = self.segment
            found &= draft.segments[column] == draft.names[column].index(name)
        if self.version is not None:
            codes = [code for code, name in enumerate(draft.versions) if name == self.version]
            found &= np.isin(draft.rows["version"], codes)
        if self.tag is not None:
            found &= draft.rows["tag"] == self.tag
        rows = np.flatnonzero(found)
        if not self.ramp:
            return rows, np.ones(len(rows))
        climbed = (at[rows] - micros(self.since)) / (self.ramp.total_seconds() * MICROS)
        return rows, np.minimum(climbed, 1.0)


def some(draft: Draft, rows: Ints, share: Floats | float, rng: np.random.Generator) -> Ints:
    """About a ``share`` of ``rows``, drawn by request: a shadow call meets the same luck as the live one."""
    salt = np.uint64(rng.integers(1, 2**62))
    mixed = (draft.rows["id"][rows].astype(np.uint64) + salt) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    luck = (mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)
    found: Ints = rows[luck.astype(np.float64) * 2.0**-53 < share]
    return found
