"""Whether a measure helped, whether the service is well again, and whether it stays so."""

from fireline.verify.compare import control, series, series_figure, shadow
from fireline.verify.comparison import Comparison, Figure
from fireline.verify.counted import counted_obedience
from fireline.verify.judge import judge_measure
from fireline.verify.obey import Obedience, judge_obedience, obedience
from fireline.verify.recovery import Recovery
from fireline.verify.watch import Signals, judge_recovery, moot, watch

__all__ = [
    "Comparison",
    "Figure",
    "Obedience",
    "Recovery",
    "Signals",
    "control",
    "counted_obedience",
    "judge_measure",
    "judge_obedience",
    "judge_recovery",
    "moot",
    "obedience",
    "series",
    "series_figure",
    "shadow",
    "watch",
]
