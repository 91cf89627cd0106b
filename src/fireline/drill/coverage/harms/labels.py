"""What goes wrong with the truth, or with the pipeline that brings it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fireline.drill.coverage.harm import Array, Harm, Scene, number, put
from fireline.drill.coverage.harms.scores import NO_LABEL
from fireline.drill.coverage.judging import Copy

GROUP = "Labels and outcome"


def _mine(scene: Scene, share: float) -> Array:
    """A mask of about a ``share`` of the labels, of requests in the window."""
    labels = scene.copy.labels
    ids = scene.copy.events.column("request_id").combine_chunks()
    known = pc.fill_null(pc.is_in(labels.column("request_id"), value_set=ids.cast(pa.string())), False)
    found: Array = np.asarray(known) & (scene.rng.random(len(labels)) < share)
    return found


def _relabelled(scene: Scene, rows: Array, values: pa.Array) -> Copy:
    labels = scene.copy.labels
    at = labels.schema.get_field_index("label")
    new = pc.if_else(pa.array(rows), values, labels.column("label").combine_chunks())
    return replace(scene.copy, labels=labels.set_column(at, "label", new))


def _commonest(scene: Scene, share: float) -> Copy:
    """A share of the labels becomes the commonest one."""
    column = scene.copy.labels.column("label").combine_chunks()
    counts = pc.value_counts(column.drop_null())
    top = counts.field("values")[int(np.argmax(counts.field("counts").to_numpy()))]
    return _relabelled(scene, _mine(scene, share), pa.array([top.as_py()] * len(column), column.type))


def _strangers(scene: Scene, share: float) -> Copy:
    """A share of the labels belongs to other requests: what the inputs mean has changed."""
    column = scene.copy.labels.column("label").combine_chunks()
    return _relabelled(scene, _mine(scene, share), column.take(pa.array(scene.rng.permutation(len(column)))))


def _lost(scene: Scene, share: float) -> Copy:
    return replace(scene.copy, labels=scene.copy.labels.filter(pa.array(~_mine(scene, share))))


def _labelled(scene: Scene) -> bool:
    return scene.runbook.labels is not None and len(scene.copy.labels) > 0


def _classes(scene: Scene) -> bool:
    return _labelled(scene) and scene.plan.task != "regression"


def _earned_less(scene: Scene, share: float, among: Array | None = None) -> Copy:
    rows = scene.some(share, among)
    return put(scene.copy, "outcome", np.zeros(len(rows)), rows)


def _treated(scene: Scene) -> Array | None:
    if not scene.has("arm"):
        return None
    arm = scene.copy.events.column("arm").cast(pa.string())
    return np.asarray(pc.fill_null(pc.not_equal(arm, "control"), False))


def _payday(scene: Scene, more: float) -> Copy:
    return put(scene.copy, "outcome", number(scene, "outcome") * (1 + more), scene.live)


HARMS = (
    Harm(
        name="concept drift", group=GROUP, says="a share of the truth no longer follows the inputs",
        sizes=(0.15, 0.4, 0.9), unit="of the labels", change=_strangers, twin="one label in two hundred",
        calm=lambda s, _: _strangers(s, 0.005), fits=_labelled, lacks=NO_LABEL, aged=True,
    ),
    Harm(
        name="labels flipped", group=GROUP, says="a share of the labels becomes the commonest one",
        sizes=(0.3, 0.6, 1.0), unit="of the labels", change=_commonest, twin="one label in two hundred",
        calm=lambda s, _: _commonest(s, 0.005), fits=_classes, lacks=NO_LABEL, aged=True,
    ),
    Harm(
        name="labels lost", group=GROUP, says="a share of the labels never comes", sizes=(0.3, 0.6, 1.0),
        unit="of the labels", change=_lost, twin="one label in a hundred", calm=lambda s, _: _lost(s, 0.01),
        fits=_labelled, lacks=NO_LABEL, aged=True,
    ),
    Harm(
        name="KPI drop", group=GROUP, says="a share of the outcome is lost, in the new arm if any",
        sizes=(0.05, 0.2, 0.6), unit="of the outcomes", change=lambda s, x: _earned_less(s, x, _treated(s)),
        twin="everybody earns three per cent more", calm=lambda s, _: _payday(s, 0.03),
        fits=lambda s: s.has("outcome"), lacks="columns.outcome: name the business figure",
    ),
)  # fmt: skip
