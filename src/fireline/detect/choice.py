"""Which kinds a service's judge watches, and which rules of its runbook are about them."""

from __future__ import annotations

from fireline.detect.kinds import Kind, Monitor
from fireline.detect.registry import kinds
from fireline.runbook.schema import MonitorRule, Runbook
from fireline.terms.plan import Plan


def judged(plan: Plan, runbook: Runbook) -> tuple[Kind, ...]:
    """The kinds that watch by themselves, and those the runbook asks for, by file name."""
    return tuple(kind for kind in kinds() if kind.by_itself(plan) or asked_for(kind, runbook))


def asked_for(kind: Kind, runbook: Runbook) -> bool:
    """Whether a rule switches ``kind`` on or gives it a fixed threshold, or an objective is about it.

    A rule that names a kind is about that kind alone; one that names a family about all kinds of it.
    """
    named = any(
        rule.monitor == kind.name
        or (rule.on and rule.monitor == kind.family and rule.monitor not in _names())
        for rule in runbook.monitors
        if not rule.off and (rule.on or rule.threshold is not None)
    )
    return named or any(str(slo.indicator) == kind.name for slo in runbook.slos)


def measures(rule: MonitorRule, kind: Kind, monitor: Monitor, plan: Plan) -> bool:
    """Whether the figures of ``rule`` (tolerance, threshold) are in the unit of ``monitor``.

    Several kinds of one family measure different things: where a kind that watches here has the very name of
    the rule, it means that one.
    """
    if not any(monitor.about(rule.feature)):
        return False
    if rule.monitor == kind.name:
        return True
    exact = next((one for one in kinds() if one.name == rule.monitor and one.monitors(plan)), None)
    return exact is None and rule.monitor in (kind.family, monitor.family)


def _names() -> frozenset[str]:
    return frozenset(kind.name for kind in kinds())
