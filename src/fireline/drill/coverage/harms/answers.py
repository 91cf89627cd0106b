"""What goes wrong with how answers go out: errors, waiting, what is in them, which rung gives them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fireline.drill.coverage.harm import Array, Harm, Scene, number, put
from fireline.drill.coverage.judging import Copy

GROUP = "Answers"


def _failed(scene: Scene, rows: Array) -> Copy:
    return put(scene.copy, "error", np.ones(len(rows), bool), rows)


def _errors(scene: Scene, share: float) -> Copy:
    return _failed(scene, scene.some(share))


def _slower(scene: Scene, times: float, rows: Array | None = None) -> Copy:
    hit = scene.live if rows is None else rows & scene.live
    return put(scene.copy, "latency_ms", number(scene, "latency_ms") * times, hit)


def _timeouts(scene: Scene, share: float) -> Copy:
    hit = scene.some(share)
    late = put(scene.copy, "latency_ms", np.full(len(hit), 60_000.0), hit)
    return put(late, "error", np.ones(len(hit), bool), hit)


def _flag(scene: Scene) -> str:
    return next((name for name in scene.plan.flags if scene.has(name)), "")


def _flagged(scene: Scene, share: float, among: Array | None = None) -> Copy:
    hit = scene.some(share, among)
    return put(scene.copy, _flag(scene), np.ones(len(hit), bool), hit)


def _fallen(scene: Scene, share: float, among: Array | None = None) -> Copy:
    hit = scene.some(share, among)
    return put(scene.copy, "rung", pa.array(["rules"] * len(hit)), hit)


NO_STATUS = "columns.status: name the column that tells errors"
NO_LATENCY = "columns.latency_ms: log how long answers take"

HARMS = (
    Harm(
        name="errors", group=GROUP, says="a share of the requests fails", sizes=(0.01, 0.05, 0.3),
        unit="of the requests", change=_errors, twin="two minutes with a few per cent of errors",
        calm=lambda s, _: _failed(s, s.some(0.05, s.first(2))),
        fits=lambda s: s.runbook.columns.status is not None and s.has("error"), lacks=NO_STATUS,
    ),
    Harm(
        name="slow answers", group=GROUP, says="every answer takes longer", sizes=(1.4, 2, 5), unit="times",
        change=_slower, twin="slow for three minutes", calm=lambda s, _: _slower(s, 3, s.first(3)),
        fits=lambda s: s.has("latency_ms"), lacks=NO_LATENCY,
    ),
    Harm(
        name="time-outs", group=GROUP, says="a share of the requests hangs and fails",
        sizes=(0.01, 0.05, 0.3), unit="of the requests", change=_timeouts,
        twin="twice the time for two minutes", calm=lambda s, _: _slower(s, 2, s.first(2)),
        fits=lambda s: s.has("latency_ms") and s.has("error"), lacks=NO_LATENCY,
    ),
    Harm(
        name="flagged answers", group=GROUP, says="a further share of the answers is flagged",
        sizes=(0.004, 0.02, 0.1), unit="of the answers", change=_flagged,
        twin="two minutes with a few per cent flagged", calm=lambda s, _: _flagged(s, 0.05, s.first(2)),
        fits=lambda s: bool(_flag(s)), lacks="columns.flags: name what marks a bad answer", target=_flag,
    ),
    Harm(
        name="fallback answers", group=GROUP, says="a share of the answers comes from a lower rung",
        sizes=(0.03, 0.2, 0.8), unit="of the answers", change=_fallen, twin="two minutes of fallback",
        calm=lambda s, _: _fallen(s, 0.1, s.first(2)), fits=lambda s: s.has("rung"),
        lacks="columns.rung: a guard writes which rung answered",
    ),
)  # fmt: skip
