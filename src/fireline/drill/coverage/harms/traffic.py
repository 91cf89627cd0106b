"""What goes wrong with who asks, how often, and how the log is delivered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.clock import MICROS, from_micros
from fireline.drill.coverage.harm import Array, Harm, Scene, number, put
from fireline.drill.coverage.judging import Copy
from fireline.telemetry.columns import times

GROUP = "Traffic"
DAY = 86_400 * MICROS


def _fewer(scene: Scene, share: float, among: Array | None = None) -> Copy:
    gone = scene.rng.random(len(scene.live)) < share
    gone &= among if among is not None else True
    return replace(scene.copy, events=scene.copy.events.filter(pa.array(~gone)))


def _more(scene: Scene, share: float, among: Callable[[Scene], Array] | None = None) -> Copy:
    """Further requests of the usual kind: the day before once more, at the same time of day under new ids."""
    yesterday = replace(scene, copy=replace(scene.copy, events=scene.before))
    rows = yesterday.some(share, among(yesterday) if among else None)
    more = scene.before.filter(pa.array(rows))
    at = more.schema.get_field_index("time")
    later = pa.array(times(more) + DAY, pa.timestamp("us", tz="UTC"))
    more = more.set_column(at, "time", later.cast(more.schema.field(at).type))
    return _with(scene, more.filter(pc.less(more.column("time"), pa.scalar(from_micros(scene.until)))))


def _drawn(scene: Scene, times: float) -> Array:
    rows = np.flatnonzero(scene.live)
    whole = np.repeat(rows, int(times))
    part = rows[scene.rng.random(len(rows)) < times % 1]
    return np.sort(np.concatenate([whole, part]))


def _with(scene: Scene, more: pa.Table) -> Copy:
    at = more.schema.get_field_index("request_id")
    if at >= 0:
        ids = pa.array([f"copy-{i}" for i in range(len(more))], more.schema.field(at).type)
        more = more.set_column(at, "request_id", ids)
    both = pa.concat_tables([scene.copy.events, more])
    return replace(scene.copy, events=both)


def _burst(scene: Scene, times: float) -> Copy:
    """Copies of three requests, a hair apart, at all hours."""
    rows = _drawn(scene, times)
    more = scene.copy.events.take(pa.array(rows))
    pattern = scene.copy.events.take(pa.array(np.flatnonzero(scene.live)[np.arange(len(rows)) % 3]))
    crowd = replace(scene, copy=replace(scene.copy, events=more))
    copy = crowd.copy
    for name, kind in scene.plan.features.items():
        values = pattern.column(name).combine_chunks()
        copy = put(copy, name, values)
        if kind == "numeric":
            crowd_now = replace(crowd, copy=copy)
            spread = np.nanstd(number(scene, name)) or 0.0
            noise = crowd.rng.normal(0, 0.01 * spread, len(rows))
            copy = put(copy, name, number(crowd_now, name) + noise)
    return _with(scene, copy.events)


def _twice(scene: Scene, share: float) -> Copy:
    rows = _drawn(scene, share)
    again = scene.copy.events.take(pa.array(rows))
    return replace(scene.copy, repeats=pa.concat_tables([scene.copy.repeats, again]))


HARMS = (
    Harm(
        name="traffic drop", group=GROUP, says="a share of the requests no longer arrives",
        sizes=(0.4, 0.75, 1.0), unit="of the requests", change=_fewer, twin="a quiet day, a quarter fewer",
        calm=lambda s, _: _fewer(s, 0.25),
    ),
    Harm(
        name="burst of copies", group=GROUP, says="near-copies of three requests come at all hours",
        sizes=(0.5, 2, 8), unit="times the traffic", change=_burst,
        twin="a campaign: twice the traffic, of the usual kind", calm=lambda s, _: _more(s, 1.0),
        fits=lambda s: bool(s.plan.features), lacks="columns.features: name the inputs",
    ),
    Harm(
        name="duplicates", group=GROUP, says="events are delivered again", sizes=(0.05, 0.4, 2.0),
        unit="times", change=_twice, twin="one in a thousand twice", calm=lambda s, _: _twice(s, 0.001),
        fits=lambda s: s.has("request_id"), lacks="columns.request_id: copies cannot be told without it",
    ),
)  # fmt: skip
