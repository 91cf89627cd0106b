"""The contract of a fault: a world in, the same world with the fault in it and its truth out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np

from fireline.clock import iso
from fireline.drill.draft import Do, Effect, Stage
from fireline.drill.population import chance
from fireline.drill.samples import Upset, Upsetting
from fireline.drill.world import World, canary
from fireline.terms.cause import CauseKind

Size = Literal["small", "medium", "large"]
Where = Literal["service", "segment", "version"]
BAD = "B"


@dataclass(frozen=True)
class Dose:
    """How much, since when, where: what ``Fault.play`` settled before ``apply`` is asked."""

    amount: float
    onset: datetime
    until: datetime | None
    ramp: timedelta
    segment: tuple[str, str] | None
    version: str | None
    kind: str
    told: Mapping[str, Any] = field(repr=False, default_factory=dict)

    def upset(self, kind: str, do: Upsetting, **other: Any) -> Upset:
        """What goes differently with signals of ``kind`` in this dose's span."""
        return replace(Upset(kind, self.onset, do, until=self.until, ramp=self.ramp), **other)

    def effect(self, stage: Stage, do: Do, **other: Any) -> Effect:
        """An effect in this dose's span, segment and version."""
        plain = Effect(stage, self.onset, do, self.until, self.ramp, self.segment, self.version)
        return replace(plain, **other)

    def truth(self, features: list[str] | None = None, **more: Any) -> dict[str, Any]:
        """The truth of what was done; ``feature`` is the first of ``features``."""
        names = features or []
        return {**self.told, "feature": names[0] if names else None, "features": names, **more}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault, or a harmless twin of one (``cause`` None).

    ``family`` are the alert families it should raise, most telling first; ``sizes`` the amounts of small,
    medium and large in whatever ``apply`` counts in; ``lasts`` None means until the end of the log.
    ``deploys`` says that a new version is rolled out in any case. ``needs`` are the world's fields it cannot
    do without (``fitted`` sets them). ``doc`` says what happens, for people.
    """

    name: str
    doc: str
    apply: Callable[[World, Dose, np.random.Generator], World]
    family: tuple[str, ...] = ()
    cause: CauseKind | None = None
    sizes: Mapping[str, float] = field(default_factory=lambda: {"small": 1.0, "medium": 1.0, "large": 1.0})
    where: tuple[Where, ...] = ("service",)
    shapes: tuple[Literal["step", "ramp"], ...] = ("step",)
    kinds: tuple[str, ...] = ("",)
    lasts: timedelta | None = None
    deploys: bool = False
    needs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def harmless(self) -> bool:
        return self.cause is None

    def fitted(self, world: World) -> World:
        """``world`` with what this fault needs."""
        return replace(world, **self.needs)

    def play(
        self,
        world: World,
        size: Size = "medium",
        *,
        where: Where | None = None,
        shape: Literal["step", "ramp"] | None = None,
        kind: str | None = None,
        onset: datetime | None = None,
        segment: tuple[str, str] | None = None,
    ) -> World:
        """``world`` with this fault in it, and the truth.

        ``where``, ``shape`` and ``kind`` default to the fault's first; ``onset`` to a minute in the first
        part of the live time; ``segment`` to a value with 8 to 30 % of the traffic. Where "version", a new
        version B is rolled out at the onset (a fifth of the traffic, six hours later all of it) and only B is
        hit. Raises ValueError for what this fault cannot do.
        """
        where, shape = where or self.where[0], shape or self.shapes[0]
        kind = self.kinds[0] if kind is None else kind
        for asked, able in (
            (where, self.where),
            (shape, self.shapes),
            (kind, self.kinds),
            (size, self.sizes),
        ):
            if asked not in able:
                raise ValueError(f"{self.name} cannot be {asked!r}; it can be one of {', '.join(able)}")
        for name, wanted in self.needs.items():
            has = getattr(world, name)
            if has < wanted if isinstance(wanted, int) else has != wanted:
                raise ValueError(
                    f"{self.name} needs a world with {name}={wanted!r}: play it in fitted(world)"
                )
        rng = chance(world.seed, "fault", self.name)
        live = world.end - world.live_from
        late = world.live_from + live * float(rng.uniform(0.15, 0.4))
        onset = onset or late.replace(second=0, microsecond=0)
        if where == "segment":
            segment = segment or _pick_segment(world, rng)
        deployed = where == "version" or self.deploys
        if deployed:
            world = world.with_(rollouts=canary(onset, BAD))
        ramp = min(timedelta(days=7), (world.end - onset) * 0.5) if shape == "ramp" else timedelta(0)
        until = onset + self.lasts if self.lasts else None
        cause = CauseKind.DEPLOY if where == "version" and self.cause else self.cause
        told = {
            "fault": self.name,
            "harmless": self.harmless,
            "family": self.family[0] if self.family else None,
            "families": list(self.family),
            "cause": cause.value if cause else None,
            "size": size,
            "amount": self.sizes[size],
            "kind": kind,
            "onset": iso(onset),
            "until": iso(until) if until else None,
            "ramp_hours": ramp.total_seconds() / 3600,
            "segment": {segment[0]: segment[1]} if segment else None,
            "version": BAD if deployed else None,
            "former": world.version_at(onset),
        }
        dose = Dose(self.sizes[size], onset, until, ramp, segment, BAD if deployed else None, kind, told)
        return self.apply(world, dose, rng)


def _pick_segment(world: World, rng: np.random.Generator) -> tuple[str, str]:
    able = [
        (column.name, name)
        for column in world.columns
        for name, share in zip(column.values, column.shares, strict=True)
        if 0.08 <= share <= 0.3
    ]
    column, name = able[int(rng.integers(len(able)))]
    return column, name


def heavy(world: World, rng: np.random.Generator, count: int = 1, shapes: tuple[str, ...] = ()) -> list[str]:
    """``count`` numeric inputs that matter to the model, drawn from the heavier half (of the given
    shapes)."""
    fits = [f.name for f in world.inputs if (f.shape in shapes if shapes else f.numeric)]
    if not fits:
        raise ValueError(
            f"this world has no input of shape {' or '.join(shapes) or 'numeric'}: give it more features"
        )
    ordered = world.model.heaviest(fits)
    half = ordered[: max(count, (len(ordered) + 1) // 2)]
    return [half[place] for place in sorted(rng.choice(len(half), min(count, len(half)), replace=False))]


def blips(world: World, dose: Dose, rng: np.random.Generator, stage: Stage, do: Do) -> World:
    """``do`` for two minutes at a time, about every other day from the onset on."""
    days = max(2.0, (world.end - dose.onset) / timedelta(days=1))
    starts = [
        dose.onset + (world.end - dose.onset) * float(at) for at in np.sort(rng.random(round(days / 2)))
    ]
    effects = [dose.effect(stage, do, since=at, until=at + timedelta(minutes=2)) for at in starts]
    return world.with_(effects=effects, truth=dose.truth(blips=len(starts)))
