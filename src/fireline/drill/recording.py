"""Playing a world: stage by stage from traffic to the rows that were logged, then the tables.

The order of the stages is the order of causes: who asks, what is true of them, what the label will be, what
the feature pipeline serves, how the model scores it, how the answer goes, when the label comes, how the log
is delivered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from fireline.clock import MICROS, micros
from fireline.drill.answers import decorate, heard, repeated, targets
from fireline.drill.draft import Draft, Stage
from fireline.drill.jobs import job_runs
from fireline.drill.population import Floats, Ints, chance, value, wave
from fireline.drill.samples import signals
from fireline.drill.scoring import sigmoid
from fireline.drill.tables import events_table, in_row, labels_table
from fireline.drill.world import World, calendar, change_log, draw_inputs, draw_segments

MINUTE = 60 * MICROS
NEVER = -1
SOURCES = 400


@dataclass(frozen=True)
class Log:
    """What was recorded: ``events`` in order of arrival, ``labels`` by label_time, ``changes``, ``signals``
    and ``jobs`` as JSON, the truth."""

    world: World
    events: pa.Table
    labels: pa.Table
    changes: list[dict[str, Any]]
    truth: dict[str, Any]
    signals: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)


def generate(world: World) -> Log:
    """Play the world once. Equal worlds give equal logs; until the onset a fault's world equals the healthy
    one."""
    live = _requests(world)
    _inputs(world, live)
    _truth(world, live)
    _served(world, live)
    shadow = _shadow(world, live)
    for draft, stream in ((live, "live"), (shadow, "shadow")):
        _effects(world, draft, "pipeline")
        _score(world, draft)
        _answer(world, draft, stream)
    _labels(world, live)
    _delivery(world, live, shadow)
    events = events_table(world, [live, shadow])
    labels = labels_table(world, live)
    if world.labels_in_row:
        events = in_row(events, labels)
    truth = world.truth or {"fault": None, "harmless": True}
    told = signals(world.seed, world.start, traffic(world), world.upsets) if world.signals else []
    runs = job_runs(world.seed, world.start, world.days, world.job_upsets) if world.jobs else []
    return Log(world, events, labels, change_log(world), truth, told, runs)


def traffic(world: World, stream: str = "live") -> Floats:
    """Expected requests in each minute of the world's life: daily, weekly and slow rhythm around
    ``per_minute``."""
    minutes = micros(world.start) + np.arange(int(world.days * 1440), dtype=np.int64) * MINUTE
    when = calendar(world, minutes)
    daily = (
        1
        + 0.55 * np.cos(2 * np.pi * (when.hour - 15) / 24)
        + 0.12 * np.cos(4 * np.pi * (when.hour - 20) / 24)
    )
    weekly = np.where(when.weekend, 0.8, 1.08)
    return (
        world.per_minute * daily * weekly * (1 + 0.05 * wave(when.days, chance(world.seed, stream, "load")))
    )


def _arrivals(rate: Floats, start: int, rng: np.random.Generator) -> Ints:
    counts = rng.poisson(rate)
    minute = np.repeat(np.arange(len(rate), dtype=np.int64), counts)
    return np.sort(start + minute * MINUTE + (rng.random(len(minute)) * MINUTE).astype(np.int64))


def _requests(world: World) -> Draft:
    """Who asks, when, from where; and which version answers."""
    rate, start = traffic(world), micros(world.start)
    times = [_arrivals(rate, start, chance(world.seed, "arrivals"))]
    tags = [np.zeros(len(times[0]), np.int64)]
    at = start + np.arange(len(rate), dtype=np.int64) * MINUTE
    for surge in world.surges:
        span = (at >= micros(surge.since)) & (at < micros(surge.until))
        usual = np.full(len(rate), world.per_minute) if surge.flat else rate
        more = _arrivals(
            np.where(span, usual * surge.times, 0.0), start, chance(world.seed, "surge", surge.tag)
        )
        times.append(more)
        tags.append(np.full(len(more), surge.tag))
    time, tag = np.concatenate(times), np.concatenate(tags)
    order = np.argsort(time, kind="stable")
    time, tag = repeated(world, time[order]), repeated(world, tag[order])
    when, size = calendar(world, time), len(time)
    draw = heard(world, chance(world.seed, "routing").random(size))
    popular = 1 / np.arange(2, SOURCES + 2) ** 0.8
    sources = np.searchsorted(np.cumsum(popular / popular.sum()), chance(world.seed, "source").random(size))
    columns = (*world.columns, *world.group_columns)
    names = {column.name: list(column.values) for column in columns}
    names |= {feature.name: list(feature.values) for feature in world.inputs if not feature.numeric}
    names |= {
        "host": [f"host-{number + 1}" for number in range(world.hosts)],
        "source": [f"client-{number + 1:03d}" for number in range(SOURCES + 1)],
    }
    draft = Draft(
        calendar=when,
        model=world.model,
        features={feature.name: feature for feature in world.inputs},
        names=names,
        versions=list(dict.fromkeys(rollout.version for rollout in world.plan)),
        rows={
            "time": time,
            "id": np.arange(size, dtype=np.int64),
            "tag": tag,
            "draw": draw,
            "version": _serving(world, time, draw),
            "host": chance(world.seed, "host").integers(0, world.hosts, size),
            "source": sources.astype(np.int64),
            "gone": np.zeros(size, np.bool_),
        },
        segments={name: heard(world, codes) for name, codes in draw_segments(world, when).items()},
    )
    _effects(world, draft, "mix")
    return draft.take(~draft.rows["gone"])


def _serving(world: World, time: Ints, draw: Floats) -> Ints:
    """The code of the version that serves each request: the last rollout that takes it."""
    names = list(dict.fromkeys(rollout.version for rollout in world.plan))
    found = np.zeros(len(time), np.int64)
    for rollout in world.plan:
        found[(time >= micros(rollout.at)) & (draw < rollout.share)] = names.index(rollout.version)
    return found


def _inputs(world: World, draft: Draft) -> None:
    draft.latents, true = draw_inputs(world, draft.calendar, draft.segments)
    draft.true = dict(true)
    before = dict(draft.latents)
    _effects(world, draft, "inputs")
    for feature in world.inputs:
        if feature.numeric and draft.latents[feature.name] is not before[feature.name]:
            draft.true[feature.name] = value(feature, draft.latents[feature.name])


def _truth(world: World, draft: Draft) -> None:
    """The true odds of a positive label: the law on what is true, a small slow wobble, and what effects do to
    it."""
    wobble = 0.03 * wave(draft.calendar.days, chance(world.seed, "odds"))
    draft.rows["logit"] = draft.model.logit({**draft.true, **draft.segments}) + wobble
    _effects(world, draft, "truth")
    luck = chance(world.seed, "luck").random(draft.size)
    draft.rows["positive"] = luck < sigmoid(draft.rows["logit"])
    targets(world, draft)


def _served(world: World, draft: Draft) -> None:
    """What the feature pipeline serves: the truth but for the usual missing values."""
    draft.seen = dict(draft.true)
    for feature in world.inputs:
        if feature.nulls:
            lost = chance(world.seed, "nulls", feature.name).random(draft.size) < feature.nulls
            draft.blank(feature.name, np.flatnonzero(lost))


def _shadow(world: World, live: Draft) -> Draft:
    """The requests that the version before also scores, for a week from each rollout on."""
    chosen = np.zeros(live.size, np.bool_)
    former = np.zeros(live.size, np.int64)
    share = 0.0 if world.task == "ranking" else world.shadow  # a query's items stay together
    lottery = chance(world.seed, "shadow").random(live.size) < share
    starts: dict[str, int] = {}
    for rollout in world.plan:
        starts.setdefault(rollout.version, micros(rollout.at))
    for code, name in enumerate(live.versions[1:], 1):
        span = (live.rows["time"] >= starts[name]) & (live.rows["time"] < starts[name] + 7 * 1440 * MINUTE)
        mine = lottery & span & (live.rows["version"] == code)
        chosen |= mine
        former[mine] = code - 1
    shadow = live.take(chosen)
    shadow.rows["version"] = former[chosen]
    shadow.shadow = True
    return shadow


def _score(world: World, draft: Draft) -> None:
    """Each version's model on what it was served; the first version knows the law, later ones learnt it
    again."""
    _effects(world, draft, "score")
    columns = {**draft.seen, **draft.segments}
    logit = np.zeros(draft.size)
    for code, name in enumerate(draft.versions):
        rows = np.flatnonzero(draft.rows["version"] == code)
        if len(rows):
            model = draft.model if code == 0 else draft.model.retrained(world.seed, name)
            part = (
                columns if len(rows) == draft.size else {key: column[rows] for key, column in columns.items()}
            )
            logit[rows] = model.logit(part)
    draft.rows["score"] = sigmoid(logit + draft.score_shift)


def _answer(world: World, draft: Draft, stream: str) -> None:
    """Latency with the load, a few errors, and flags."""
    minute = np.minimum((draft.rows["time"] - micros(world.start)) // MINUTE, int(world.days * 1440) - 1)
    load = np.maximum(traffic(world)[minute] / world.per_minute - 1, 0)
    noise = chance(world.seed, stream, "latency").standard_normal(draft.size)
    draft.rows["latency"] = world.latency_ms * (1 + 0.25 * load) * np.exp(0.45 * noise)
    failed = chance(world.seed, stream, "errors").random(draft.size) < world.error_rate
    draft.rows["status"] = np.where(failed, 500, 200).astype(np.int32)
    for name, share in world.all_flags:
        draft.flags[name] = chance(world.seed, stream, "flag", name).random(draft.size) < share
    decorate(world, draft, stream)
    _effects(world, draft, "answer")


def _labels(world: World, draft: Draft) -> None:
    """When each label becomes known, -1 for never; ``label`` starts as the truth."""
    noise = chance(world.seed, "label delay").standard_normal(draft.size)
    delay = world.label_hours * 3600 * MICROS * np.exp(0.7 * noise)
    known = chance(world.seed, "labelled").random(draft.size) < world.labelled
    draft.rows["label"] = draft.rows.get("target", draft.rows["positive"].astype(np.int8))
    draft.rows["label_time"] = np.where(known, draft.rows["time"] + delay.astype(np.int64), NEVER)
    _effects(world, draft, "labels")


def _delivery(world: World, live: Draft, shadow: Draft) -> None:
    """Rows reach the log moments after they were answered; one in two thousand is delivered twice."""
    for draft, stream in ((live, "live"), (shadow, "shadow")):
        moments = chance(world.seed, stream, "delivery").exponential(1.5 * MICROS, draft.size)
        draft.rows["arrival"] = draft.rows["time"] + (draft.rows["latency"] * 1000 + moments).astype(np.int64)
        twice = np.flatnonzero(chance(world.seed, stream, "twice").random(draft.size) < 0.0005)
        later = chance(world.seed, stream, "again").exponential(20 * MICROS, len(twice))
        draft.deliver_again(twice, later.astype(np.int64))
        _effects(world, draft, "delivery")


def _effects(world: World, draft: Draft, stage: Stage) -> None:
    for number, effect in enumerate(world.effects):
        if effect.stage == stage:
            rows, strength = effect.reach(draft)
            if len(rows):
                effect.do(draft, rows, strength, chance(world.seed, "effect", number))
