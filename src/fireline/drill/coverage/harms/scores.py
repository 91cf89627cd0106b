"""What goes wrong with the score and the prediction."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fireline.drill.coverage.harm import Array, Harm, Scene, number, put
from fireline.drill.coverage.judging import Copy

GROUP = "Score and quality"
NO_SCORE = "columns.score: name the model's score"
NO_LABEL = "labels: say when the truth is known, and give the label log"


def _shifted(scene: Scene, by: float, rows: Array | None = None) -> Copy:
    """The score's log odds moved by ``by``; one that is no probability by as many half spreads."""
    score, hit = number(scene, "score"), scene.live if rows is None else rows & scene.live
    inside = np.isfinite(score)
    if inside.any() and score[inside].min() >= 0 and score[inside].max() <= 1:
        p = np.clip(score, 1e-9, 1 - 1e-9)
        new = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + by)))
    else:
        new = score + by * np.nanstd(score) / 2
    return put(scene.copy, "score", new, hit)


def _strangers(scene: Scene, share: float) -> Copy:
    """In a share of the rows the score is another row's: the distribution stays, the meaning goes."""
    score, hit = number(scene, "score"), scene.some(share)
    return put(scene.copy, "score", score[scene.rng.permutation(len(score))], hit)


def _guessed(scene: Scene, share: float) -> Copy:
    """In a share of the rows the prediction is another row's."""
    said = scene.copy.events.column("prediction").combine_chunks()
    return put(
        scene.copy, "prediction", said.take(pa.array(scene.rng.permutation(len(said)))), scene.some(share)
    )


def _is_number(scene: Scene) -> bool:
    return scene.plan.task == "regression" and scene.has("prediction") and _labelled(scene)


def _biased(scene: Scene, by: float) -> Copy:
    said = number(scene, "prediction")
    return put(scene.copy, "prediction", said + by * np.nanstd(said), scene.live)


def _scored(scene: Scene) -> bool:
    return scene.has("score")


def _labelled(scene: Scene) -> bool:
    return scene.runbook.labels is not None and len(scene.copy.labels) > 0


HARMS = (
    Harm(
        name="score shift", group=GROUP, says="every score is too high, who ranks above whom unchanged",
        sizes=(0.3, 0.7, 1.5), unit="in log odds", change=_shifted, twin="a retrain's hair: 0.01",
        calm=lambda s, _: _shifted(s, 0.01), fits=_scored, lacks=NO_SCORE,
    ),
    Harm(
        name="meaningless scores", group=GROUP, says="a share of the scores belongs to other requests",
        sizes=(0.1, 0.4, 1.0), unit="of the scores", change=_strangers, twin="one score in five hundred",
        calm=lambda s, _: _strangers(s, 0.002), fits=lambda s: _scored(s) and _labelled(s),
        lacks=NO_LABEL, aged=True,
    ),
    Harm(
        name="wrong predictions", group=GROUP, says="a share of the predictions belongs to other requests",
        sizes=(0.1, 0.4, 1.0), unit="of the predictions", change=_guessed,
        twin="one prediction in five hundred", calm=lambda s, _: _guessed(s, 0.002),
        fits=lambda s: s.has("prediction") and _labelled(s) and s.plan.task != "regression",
        lacks="columns.prediction and labels: name the answer, and say when the truth is known", aged=True,
    ),
    Harm(
        name="biased numbers", group=GROUP, says="every predicted number is too high",
        sizes=(0.1, 0.3, 1.0), unit="sd of the predictions", change=_biased, twin="a hundredth of it",
        calm=lambda s, _: _biased(s, 0.005), fits=_is_number, lacks="", aged=True,
    ),
)  # fmt: skip
