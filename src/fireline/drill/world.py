"""A synthetic service's life as one frozen value: traffic, inputs, law of labels, rollouts, and what goes
wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np

from fireline.clock import MICROS, from_micros, iso, micros
from fireline.drill.draft import Effect
from fireline.drill.jobs import JobUpset
from fireline.drill.population import (
    GROUPS,
    LLM_FEATURES,
    SEGMENTS,
    Calendar,
    Feature,
    Floats,
    Ints,
    Segment,
    chance,
    features,
    latent,
    pick,
    value,
)
from fireline.drill.samples import Upset
from fireline.drill.scoring import Model, fit

Task = Literal["binary", "regression", "multiclass", "ranking", "llm"]
LLM_FLAGS = (("pii", 0.001), ("injection", 0.003), ("jailbreak", 0.002))


@dataclass(frozen=True)
class Rollout:
    """From ``at`` on, ``version`` serves ``share`` of the requests that no later rollout takes."""

    at: datetime
    version: str
    share: float


@dataclass(frozen=True)
class Surge:
    """Extra requests: ``times`` the usual traffic on top of it, by day and night alike when ``flat``."""

    since: datetime
    until: datetime
    times: float
    tag: int
    flat: bool = False


@dataclass(frozen=True)
class World:
    """One service's life, wholly determined by its fields.

    ``days`` in all, the first ``reference_days`` of them calm; ``per_minute`` requests on average;
    ``features`` and ``segments`` how many columns; ``base_auc`` the calibrated model's AUC, ``base_rate`` its
    positive share; ``label_hours`` the median delay of labels, ``labelled`` their share; ``harmless_deploys``
    retrained versions spread over the life; ``shadow`` the share of requests that the previous version also
    scores for a week after a rollout. ``announced`` False leaves deploys out of the change log; ``innocents``
    adds unrelated changes around the onset.

    ``task`` says what is answered: a score (binary), a number, a class, five ranked items a query, or a text
    (llm, with prompts, a tool and more flags). Further columns on request: ``groups`` (how many columns of
    protected groups), ``kpi`` (outcome and arm), ``rungs`` (the rung that answered), ``embedding`` (a vector
    of so many numbers), ``ages`` (how old the served features are), ``arrivals`` (when each row arrived),
    ``hours`` (the local hour as an input).
    ``signals`` adds gauges, calls to dependencies, canaries and users' reports; ``jobs`` training and ETL
    runs.

    Faults add ``rollouts``, ``surges``, ``effects``, ``upsets`` (of signals), ``job_upsets``, ``changes`` and
    the ``truth``.
    """

    seed: int = 0
    days: float = 42
    per_minute: float = 5.0
    features: int = 20
    segments: int = 5
    service: str = "synthetic"
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    timezone: str = "Europe/Berlin"
    reference_days: float = 28
    base_auc: float = 0.8
    base_rate: float = 0.15
    error_rate: float = 0.005
    latency_ms: float = 60.0
    label_hours: float = 20.0
    labelled: float = 0.97
    labels_in_row: bool = False
    hosts: int = 8
    harmless_deploys: int = 1
    shadow: float = 0.3
    announced: bool = True
    innocents: int = 0
    flags: tuple[tuple[str, float], ...] = (("toxic", 0.002), ("refusal", 0.01))
    task: Task = "binary"
    groups: int = 0
    kpi: bool = False
    rungs: bool = False
    embedding: int = 0
    ages: bool = False
    arrivals: bool = False
    hours: bool = False
    signals: bool = False
    jobs: bool = False
    rollouts: tuple[Rollout, ...] = ()
    surges: tuple[Surge, ...] = ()
    effects: tuple[Effect, ...] = ()
    upsets: tuple[Upset, ...] = ()
    job_upsets: tuple[JobUpset, ...] = ()
    changes: tuple[dict[str, Any], ...] = ()
    truth: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.reference_days < self.days:
            raise ValueError(
                f"reference_days must lie inside the world's {self.days} days: {self.reference_days}"
            )
        if not 1 <= self.segments <= len(SEGMENTS) or self.features < 1:
            raise ValueError(f"a world has 1 to {len(SEGMENTS)} segment columns and at least one feature")
        if not 0 <= self.groups <= len(GROUPS) or self.embedding < 0:
            raise ValueError(f"a world has 0 to {len(GROUPS)} group columns, and embeddings of some numbers")

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=self.days)

    @property
    def live_from(self) -> datetime:
        """The end of the reference."""
        return self.start + timedelta(days=self.reference_days)

    @cached_property
    def inputs(self) -> tuple[Feature, ...]:
        return LLM_FEATURES if self.task == "llm" else features(self.features)

    @cached_property
    def columns(self) -> tuple[Segment, ...]:
        return SEGMENTS[: self.segments]

    @property
    def group_columns(self) -> tuple[Segment, ...]:
        """The columns of protected groups."""
        return GROUPS[: self.groups]

    @property
    def all_flags(self) -> tuple[tuple[str, float], ...]:
        """The flags with their usual shares; a language model's answers are looked at for more."""
        return (*self.flags, *LLM_FLAGS) if self.task == "llm" else self.flags

    @property
    def model(self) -> Model:
        """The label's law, which version A knows exactly."""
        about = (self.seed, self.features, self.segments, self.timezone, self.base_auc, self.base_rate)
        return _law(*about, self.task == "llm")

    @cached_property
    def plan(self) -> tuple[Rollout, ...]:
        """Every rollout in order: version A from the start, harmless ones, and the fault's."""
        found = [Rollout(self.start, "A", 1.0)]
        rng = chance(self.seed, "deploys")
        for number in range(self.harmless_deploys):
            day = self.days * (number + 0.2 + 0.6 * rng.random()) / self.harmless_deploys
            found += canary(self.start + timedelta(days=round(day, 3)), f"A{number + 2}")
        if self.rollouts:  # a fault's deploy is the last one
            first = min(rollout.at for rollout in self.rollouts)
            ends = {r.version: r.at for r in found}
            found = [r for r in found if ends[r.version] < first]
        return (*found, *sorted(self.rollouts, key=lambda r: r.at))

    def version_at(self, at: datetime) -> str:
        """The version that served everybody last before ``at``."""
        return [r.version for r in self.plan if r.at < at and r.share == 1][-1]

    def with_(self, **more: Any) -> World:
        """This world with fields replaced; tuples of what goes wrong are added to."""
        added = {"rollouts", "surges", "effects", "upsets", "job_upsets", "changes"}
        return replace(self, **{k: getattr(self, k) + tuple(v) if k in added else v for k, v in more.items()})


@lru_cache(maxsize=32)
def _law(seed: int, features: int, segments: int, timezone: str, auc: float, rate: float, llm: bool) -> Model:
    """The law does not depend on traffic, dates or faults, so that worlds that differ in these share it."""
    task: Task = "llm" if llm else "binary"
    world = World(seed=seed, features=features, segments=segments, timezone=timezone, task=task)
    days = chance(seed, "probe days").uniform(0, 14, 20_000)
    when = calendar(world, micros(world.start) + (days * 86_400 * MICROS).astype(np.int64))
    codes = draw_segments(world, when, "probe")
    _, true = draw_inputs(world, when, codes, "probe")
    widths = {column.name: len(column.values) for column in world.columns}
    return fit(world.inputs, {**true, **codes}, widths, seed, auc, rate)


def canary(
    at: datetime, version: str, share: float = 0.2, wait: timedelta = timedelta(hours=6)
) -> list[Rollout]:
    """A deploy to ``share`` of the traffic and, ``wait`` later, to everybody."""
    return [Rollout(at, version, share), Rollout(at + wait, version, 1.0)]


def calendar(world: World, time: Ints) -> Calendar:
    """The local calendar of each instant in ``time`` (int64 us), daylight saving included."""
    zone = ZoneInfo(world.timezone)
    quarter = 900 * MICROS
    first = int(time.min()) // quarter if len(time) else 0
    last = int(time.max()) // quarter if len(time) else 0
    offsets = np.array(
        [from_micros(q * quarter).astimezone(zone).utcoffset() for q in range(first, last + 1)],
        dtype="timedelta64[us]",
    ).astype(np.int64)
    local = time + offsets[time // quarter - first]
    day = 86_400 * MICROS
    return Calendar(
        hour=(local % day) / (3600.0 * MICROS),
        weekday=(local // day + 3) % 7,
        days=(time - micros(world.start)) / float(day),
    )


def draw_segments(world: World, when: Calendar, stream: str = "live") -> dict[str, Ints]:
    """The segment codes of each row, and the group codes."""
    cell = when.cell
    return {
        column.name: pick(
            column.shares, column.sway, cell, chance(world.seed, stream, "segment", column.name)
        )
        for column in (*world.columns, *world.group_columns)
    }


def draw_inputs(
    world: World, when: Calendar, codes: dict[str, Ints], stream: str = "live"
) -> tuple[dict[str, Floats], dict[str, Floats | Ints]]:
    """Latent draws of the numeric inputs, and the true values of all: float64, or int64 codes of
    categories."""
    latents: dict[str, Floats] = {}
    true: dict[str, Floats | Ints] = {}
    cell = when.cell
    for number, feature in enumerate(world.inputs):
        if feature.numeric:
            offset: Floats | float = 0.0
            if feature.by_segment:
                column = world.columns[number % len(world.columns)]
                offset = np.linspace(-1, 1, len(column.values))[codes[column.name]]
            latents[feature.name] = latent(feature, when, offset, world.seed, stream)
            true[feature.name] = value(feature, latents[feature.name])
        else:
            true[feature.name] = pick(feature.shares, 0.1, cell, chance(world.seed, stream, feature.name))
    return latents, true


def change_log(world: World) -> list[dict[str, Any]]:
    """The changes as announced: every rollout after the first, the fault's own, and the innocent ones; by
    time."""
    found: list[dict[str, Any]] = []
    for rollout in world.plan[1:] if world.announced else ():
        whom = "everybody" if rollout.share == 1 else f"{rollout.share:.0%} of the traffic"
        found.append({"at": iso(rollout.at), "kind": "deploy", "what": f"model {rollout.version} to {whom}",
                      "service": world.service, "version": rollout.version})  # fmt: skip
    found += world.changes
    found += _innocents(world)
    return sorted(found, key=lambda change: (change["at"], change["kind"], change["what"]))


_UNRELATED = (
    ("config", "raise the worker's memory limit"),
    ("campaign", "spring newsletter to existing customers"),
    ("schema", "a nullable column is added to the orders table"),
    ("config", "log level back to info"),
    ("infrastructure", "kernel update on half of the hosts"),
    ("data", "nightly export moves to another bucket"),
)


def _innocents(world: World) -> list[dict[str, Any]]:
    rng = chance(world.seed, "innocents")
    truth = world.truth or {}
    middle = micros(world.live_from + (world.end - world.live_from) / 2)
    onset = micros(datetime.fromisoformat(truth["onset"])) if truth.get("onset") else middle
    found = []
    for number in range(world.innocents):
        kind, what = _UNRELATED[number % len(_UNRELATED)]
        at = onset + int(rng.uniform(-36, 12) * 3600) * MICROS
        found.append({"at": iso(from_micros(at)), "kind": kind, "what": what, "service": world.service})
    return found
