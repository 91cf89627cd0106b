"""Several classes: how many of each are recognised, and F1 over all of them."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.confused import macro_f1
from fireline.detect.kinds import Array, Behind, Kind, Means, Monitor, Told
from fireline.detect.quality import share_of
from fireline.detect.report import share_in_words
from fireline.terms.plan import Plan


class _Classes(Kind):
    """What the two share."""

    family = "accuracy"
    layout = "classes"
    test = "mean"
    scopes = ("service", "version")
    sides = "down"
    tolerance = 0.02
    k = 2
    least = 20
    merge_to = 20

    def _counts(self, plan: Plan, counts: Array) -> tuple[Array, Array, Array]:
        layout = plan.layout(self.layout)
        hits, said, support = (
            counts[:, layout.span(name)].astype("float64") for name in ("hits", "said", "support")
        )
        return hits, said, support


class ClassRecall(_Classes):
    """Share of each class's events that were recognised as it, down by more than two points.

    Overall accuracy hides a rare class that is no longer seen.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import CLASSES
    >>> example = counted(CLASSES, {"support": [80, 20], "said": [85, 15], "hits": [76, 11]})
    >>> ClassRecall().ticks(*example).value
    array([[0.55, 0.95]])
    """

    name = "class_recall"
    unit = "share"

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor a class, the rarest first."""
        series = plan.layout(self.layout).by_name.get("support")
        named = series.values[::-1] if series else ()
        return [Monitor(self.name, f"class:{name}", name) for name in named]

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Recall by class [T, classes]."""
        hits, _, support = (x[:, ::-1] for x in self._counts(plan, counts))
        value, variance = share_of(hits, support)
        return Means(value, variance, support)

    def tell(self, plan: Plan, monitor: Monitor, channel: int, behind: Behind) -> Told:
        """The share in words."""
        now, before = (share_in_words(share) for share in behind.figures)
        return Told(f"{now} of {monitor.feature} recognised as it, usually {before}")


class MacroF1(_Classes):
    """Mean of the classes' F1, each counting alike, down by more than two points.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.example_layouts import CLASSES
    >>> example = counted(CLASSES, {"support": [80, 20], "said": [85, 15], "hits": [76, 11]})
    >>> MacroF1().ticks(*example).value.round(3)
    array([[0.775]])
    """

    name = "macro_f1"
    unit = "F1"
    optional = True

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, where the truth and the answer are classes."""
        return (Monitor(self.name, "classes"),) if plan.layout(self.layout).series else ()

    def ticks(self, plan: Plan, counts: Array) -> Means:
        """Macro F1 [T, 1]."""
        hits, said, support = self._counts(plan, counts)
        value, variance = macro_f1(hits, said, support)
        return Means(value[:, None], variance[:, None], support.sum(axis=1)[:, None])
