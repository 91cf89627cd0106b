"""Drift of the score, or of a number foretold: the model's own output, a proxy for harm before labels
come."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Monitor
from fireline.detect.shapes import ShapeDrift
from fireline.terms.plan import Plan


class ScoreDrift(ShapeDrift):
    """Scores or numbers foretold that moved or spread; a new version's own drift never pages by itself.

    >>> from fireline.detect.example import counted
    >>> ScoreDrift().ticks(*counted("shapes", {"score": [50, 0, 0, 50]})).value.round(2)
    array([[0., 1.]])
    """

    name = "score_drift"
    family = "score_drift"
    merge_to = 30

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor of two channels, where scores are logged, or the numbers a regression foretells."""
        for answer in ("score", "prediction"):
            if answer in plan.shapes.by_name:
                return (Monitor(self.name, answer, channels=("location", "scale")),)
        return ()
