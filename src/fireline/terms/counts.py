"""Counts: what every monitor sees. Scopes say whose events were counted, series say what was counted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Literal

ScopeKind = Literal["service", "version", "segment", "shadow"]
SeriesKind = Literal["numeric", "category", "conditions", "latency", "score_label", "moments", "signal"]

MINUTE, QUARTER, HOUR = 60, 900, 3600


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """Whose events: the whole service, one version, one value of one segment column, or one version's shadow
    calls.

    Scopes are marginals and never crossed. Shadow calls are in no other scope.
    """

    kind: ScopeKind = "service"
    column: str = ""
    value: str = ""

    @property
    def key(self) -> str:
        """The scope in one string, as stored.

        >>> Scope("segment", "carrier", "UA").key
        'segment:carrier=UA'
        """
        # An equals sign in a column's name must not end it.
        if self.kind == "service":
            return "service"
        if self.kind == "segment":
            return f"segment:{self.column.replace('%', '%25').replace('=', '%3D')}={self.value}"
        return f"{self.kind}={self.value}"

    @classmethod
    def of_key(cls, key: str) -> Scope:
        """The scope that ``key`` names."""
        if key == "service":
            return cls()
        if key.startswith("segment:"):
            column, _, value = key.removeprefix("segment:").partition("=")
            return cls("segment", column.replace("%3D", "=").replace("%25", "%"), value)
        kind, _, value = key.partition("=")
        if kind == "version":
            return cls("version", "", value)
        if kind == "shadow":
            return cls("shadow", "", value)
        raise ValueError(f"not a scope: {key!r}")

    @property
    def version(self) -> str | None:
        return self.value if self.kind in ("version", "shadow") else None

    @property
    def segment(self) -> dict[str, str] | None:
        return {self.column: self.value} if self.kind == "segment" else None


SERVICE = Scope()


@dataclass(frozen=True, slots=True)
class Series:
    """One declared vector of cells.

    ``name`` is ``feature:NAME``, ``score``, ``latency``, ``rates``, ``score_label`` or ``moments``.
    ``cells`` names each cell in order; ``edges`` (numeric, latency, score) or ``values`` (category) say how
    a value finds its cell; ``shares`` is the reference's share of each cell. Counts of different identities
    never mix.
    """

    name: str
    kind: SeriesKind
    grain: int
    cells: tuple[str, ...]
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    reference: str = ""

    @property
    def identity(self) -> str:
        """Hash of the declaration: edges, values, shares, grain, reference."""
        body = json.dumps(asdict(self), sort_keys=True)
        return blake2b(body.encode(), digest_size=8).hexdigest()

    @property
    def width(self) -> int:
        return len(self.cells)


@dataclass(frozen=True, slots=True)
class CountsRow:
    """Stored counts: one scope, one grain, the ticks one batch touched; rows of the same place add up.

    ``layout`` is the identity of the series counted; ``body`` is opaque to the store; ``late`` marks counts
    of rows that came after their tick was judged: shown, never judged.
    """

    layout: str
    grain: int
    scope: str
    first_tick: int
    ticks: int
    late: bool
    body: bytes
