"""Users' reports of bad answers, and error lines of logs, as rates."""

from __future__ import annotations

from fireline.detect.sampled import SignalRate


class ReportRate(SignalRate):
    """More users' reports than usual for the hour.

    Each minute counts as ten thousand chances of one, which makes the binomial test one of Poisson counts.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.sampled import example
    >>> reports = example("report:unsafe")
    >>> ReportRate().ticks(*counted(reports, {"report:unsafe": {"n": 6}}))
    Rates(hits=array([[6]]), n=array([[10000]]))
    """

    name = "report_rate"
    family = "other"
    signal = "report"


class ErrorLines(SignalRate):
    """More error lines of a logger than usual for the hour; what they say is kept as evidence.

    Counted as users' reports are: each minute is ten thousand chances of a line.

    >>> from fireline.detect.example import counted
    >>> from fireline.detect.sampled import example
    >>> lines = example("error:fetch")
    >>> ErrorLines().ticks(*counted(lines, {"error:fetch": {"n": 40}}))
    Rates(hits=array([[40]]), n=array([[10000]]))
    """

    name = "error_lines"
    family = "error_rate"
    signal = "error"
