"""What goes wrong in one place only: one segment, one new version, one group."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.drill.coverage.harm import Array, Harm, Scene, number, put
from fireline.drill.coverage.harms.inputs import _any
from fireline.drill.coverage.harms.scores import _shifted
from fireline.drill.coverage.harms.traffic import _fewer, _more
from fireline.drill.coverage.judging import Copy
from fireline.telemetry.columns import times

SEGMENT, VERSION = "One segment", "A new version"
NEW = "drill-version"
NO_SEGMENT = "columns.segments: name columns whose values are worth watching one by one"
NO_VERSION = "columns.version: log which version answered"


def _where(scene: Scene) -> str:
    return "=".join(scene.segment) if scene.segment else ""


def _nulls(scene: Scene, share: float) -> Copy:
    name, rows = _any(scene), scene.some(share, scene.here)
    return put(scene.copy, name, pa.nulls(len(rows), scene.copy.events.schema.field(name).type), rows)


def _errors(scene: Scene, share: float) -> Copy:
    rows = scene.some(share, scene.here)
    return put(scene.copy, "error", np.ones(len(rows), bool), rows)


def _welcome(scene: Scene, more: float) -> Copy:
    """A campaign in the segment: more of its people, of the usual kind."""
    where = scene.segment
    assert where is not None
    return _more(scene, more, lambda day: day.in_segment(*where))


def _deployed(scene: Scene) -> Scene:
    """A fifth of the traffic goes to a new version, all of it a quarter of the window later."""
    events = scene.copy.events
    passed = times(events)
    late = passed >= scene.onset + (scene.until - scene.onset) // 4
    mine = scene.live & (late | (scene.rng.random(len(events)) < 0.2))
    return replace(scene, copy=put(scene.copy, "version", pa.array([NEW] * len(events)), mine))


def _new(scene: Scene) -> Array:
    return np.asarray(pc.fill_null(pc.equal(scene.copy.events.column("version"), NEW), False))


def _bad_errors(scene: Scene, share: float) -> Copy:
    scene = _deployed(scene)
    rows = scene.some(share, _new(scene))
    return put(scene.copy, "error", np.ones(len(rows), bool), rows)


def _bad_inputs(scene: Scene, share: float) -> Copy:
    scene = _deployed(scene)
    rows = scene.some(share, _new(scene))
    name = scene.numeric[0]
    return put(scene.copy, name, np.zeros(len(rows)), rows)


def _slow(scene: Scene, times: float) -> Copy:
    scene = _deployed(scene)
    return put(scene.copy, "latency_ms", number(scene, "latency_ms") * times, _new(scene))


def _good(scene: Scene, _: float) -> Copy:
    return _deployed(scene).copy


def _in_group(scene: Scene) -> Array:
    events = scene.copy.events
    column = events.column(scene.runbook.columns.groups[0]).cast(pa.string())
    counts = pc.value_counts(column.drop_null())
    order = np.argsort(counts.field("counts").to_numpy())
    value = counts.field("values")[int(order[-2] if len(order) > 1 else order[-1])]
    return np.asarray(pc.fill_null(pc.equal(column, value), False))


def _grouped(scene: Scene) -> bool:
    groups = scene.runbook.columns.groups
    return bool(groups) and scene.has(groups[0]) and scene.has("score")


def _group(scene: Scene) -> str:
    return scene.runbook.columns.groups[0]


def _versioned(scene: Scene) -> bool:
    return scene.runbook.columns.version is not None and scene.has("version")


def _by_error(scene: Scene) -> bool:
    return scene.runbook.columns.status is not None and scene.has("error")


HARMS = (
    Harm(
        name="null jump there", group=SEGMENT, says="an input is missing in a share of one segment's rows",
        sizes=(0.1, 0.4, 1.0), unit="of its rows", change=_nulls,
        twin="a campaign: the segment half as large again",
        calm=lambda s, _: _welcome(s, 0.5), fits=lambda s: s.segment is not None and bool(_any(s)),
        lacks=NO_SEGMENT, target=_where,
    ),
    Harm(
        name="score shift there", group=SEGMENT, says="one segment's scores are too high",
        sizes=(0.3, 0.7, 1.5), unit="in log odds", change=lambda s, x: _shifted(s, x, s.here),
        twin="a hundredth in log odds", calm=lambda s, _: _shifted(s, 0.01, s.here),
        fits=lambda s: s.segment is not None and s.has("score"), lacks=NO_SEGMENT, target=_where,
    ),
    Harm(
        name="errors there", group=SEGMENT, says="a share of one segment's requests fails",
        sizes=(0.05, 0.2, 0.8), unit="of its requests", change=_errors,
        twin="two minutes with a few errors",
        calm=lambda s, _: put(s.copy, "error", np.ones(len(s.live), bool), s.some(0.05, s.here & s.first(2))),
        fits=lambda s: s.segment is not None and _by_error(s), lacks=NO_SEGMENT, target=_where,
    ),
    Harm(
        name="nobody comes", group=SEGMENT, says="one segment's requests no longer arrive",
        sizes=(0.4, 0.75, 1.0), unit="of its requests", change=lambda s, x: _fewer(s, x, s.here),
        twin="a tenth fewer", calm=lambda s, _: _fewer(s, 0.1, s.here),
        fits=lambda s: s.segment is not None, lacks=NO_SEGMENT, target=_where,
    ),
    Harm(
        name="version with errors", group=VERSION, says="a new version fails on a share of its requests",
        sizes=(0.01, 0.05, 0.3), unit="of its requests", change=_bad_errors, twin="the same deploy, harmless",
        calm=_good, fits=lambda s: _versioned(s) and _by_error(s), lacks=NO_VERSION,
    ),
    Harm(
        name="version reads zeros", group=VERSION, says="a new version logs an input as zero",
        sizes=(0.1, 0.4, 1.0), unit="of its rows", change=_bad_inputs, twin="the same deploy, harmless",
        calm=_good, fits=lambda s: _versioned(s) and len(s.numeric) > 0, lacks=NO_VERSION,
    ),
    Harm(
        name="slow version", group=VERSION, says="a new version takes longer", sizes=(1.4, 2, 5),
        unit="times", change=_slow, twin="the same deploy, harmless", calm=_good,
        fits=lambda s: _versioned(s) and s.has("latency_ms"), lacks=NO_VERSION,
    ),
    Harm(
        name="unfair to a group", group="One group", says="one group is scored lower than it was",
        sizes=(0.4, 1.0, 2.5), unit="in log odds", change=lambda s, x: _shifted(s, -x, _in_group(s)),
        twin="a hundredth in log odds", calm=lambda s, _: _shifted(s, -0.01, _in_group(s)), fits=_grouped,
        lacks="columns.groups: name the groups that must be treated alike", target=_group, aged=True,
    ),
)  # fmt: skip
