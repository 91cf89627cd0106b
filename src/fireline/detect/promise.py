"""An objective in counts: all events and the bad ones, tick by tick."""

from __future__ import annotations

from fireline.detect.baseline import Read
from fireline.detect.kinds import Array
from fireline.runbook.schema import Slo
from fireline.terms.counts import SERVICE
from fireline.terms.plan import Plan

MICROS = 1_000_000


def spent(plan: Plan, slo: Slo, read: Read, now: int) -> tuple[Array, Array, int] | None:
    """All events [T] and the bad ones [T] over the objective's window up to ``now`` (microseconds), and the
    tick's length in seconds; None for what is not counted or is no share of events (auc, rmse)."""
    layout = {"latency": plan.delays, "accuracy": plan.quality}.get(slo.indicator, plan.rates)
    if not layout.series or slo.indicator in ("auc", "rmse"):
        return None
    grain = layout.grains["service"]
    last = now // (grain * MICROS) + 1
    counts = read(layout, grain, last - int(slo.window.total_seconds() // grain), last).get(SERVICE)
    if counts is None:
        return None
    if slo.indicator == "latency":
        return (*_slow(plan, slo, counts), grain)
    if slo.indicator == "accuracy":
        cells, start = plan.quality.by_name["labels"].cells, plan.quality.offsets["labels"]
        judged, right = (counts[:, start + cells.index(name)] for name in ("judged", "correct"))
        return judged, judged - right, grain
    names = {
        "availability": "error", "fallback_share": "fallback", "null_share": f"null:{slo.of}",
        "flag_rate": f"flag:{slo.of}",
    }  # fmt: skip
    known = layout.series[0].cells
    wanted = names[slo.indicator]
    if wanted not in known:
        return None
    return counts[:, known.index("n")], counts[:, known.index(wanted)], grain


def _slow(plan: Plan, slo: Slo, counts: Array) -> tuple[Array, Array]:
    series = plan.delays.series[0]
    timed = counts[:, : len(series.edges) + 1]  # the bins, below and above; "null" was not timed
    slow = [i for i, low in enumerate(series.edges[:-1]) if low >= float(slo.threshold or 0)]
    slow.append(series.cells.index("above"))
    return timed.sum(axis=1), counts[:, slow].sum(axis=1)
