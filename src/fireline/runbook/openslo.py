"""Objectives as OpenSLO v1 documents, and back.

What OpenSLO can say stands in its own fields and is read from there; what it has no field for (which
indicator it is, the feature or flag, a window that is no whole number of minutes) stands in annotations.
Shares of events are budgeted by Occurrences, shares of time slices by Timeslices, where a slice is good when
its one figure keeps to `value`. RatioTimeslices, the mean of the slices' own shares, is neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import yaml
from pydantic import ValidationError

from fireline.runbook.durations import parse_duration, write_duration
from fireline.runbook.schema import Slo
from fireline.runbook.wording import slo as in_words
from fireline.runbook.write import flow
from fireline.terms.indicator import INDICATORS, Bound, budgeting

OURS = "fireline.dev/"
METHODS: dict[str, str] = {"events": "Occurrences", "slices": "Timeslices"}
OPERATORS: dict[str, Bound] = {"gte": "floor", "gt": "floor", "lte": "ceiling", "lt": "ceiling"}
_START = re.compile(r"^---(?:\s|$)", re.M)
_ROLLING = re.compile(r"^\d+[mhdw]$")


@dataclass(frozen=True)
class Left:
    """What could not be said on the other side: the name of it and why."""

    name: str
    why: str


def export(service: str, slos: Iterable[Slo]) -> tuple[str, list[Left]]:
    """OpenSLO v1 documents of ``slos``, and those that OpenSLO cannot say."""
    documents, left = [], []
    for number, slo in enumerate(slos, 1):
        if not 0 < slo.objective < 1:
            left.append(Left(slo.name, f"OpenSLO's target is below 1, and this one is {slo.objective:g}"))
        else:
            documents.append(_document(service, number, slo))
    return yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True), left


def _document(service: str, number: int, slo: Slo) -> dict[str, Any]:
    notes = {f"{OURS}indicator": str(slo.indicator)}
    if slo.of is not None:
        notes[f"{OURS}of"] = slo.of
    compared = slo.threshold is not None and (slo.indicator == "latency" or slo.budget == "slices")
    if slo.threshold is not None and not compared:
        notes[f"{OURS}threshold"] = repr(slo.threshold)
    minutes = max(-(-slo.window // timedelta(minutes=1)), 1)
    if slo.window != timedelta(minutes=minutes):
        notes[f"{OURS}window-microseconds"] = str(slo.window // timedelta(microseconds=1))
    name = f"{_label(slo.name)[:50]}-{number}".lstrip("-")
    objective: dict[str, Any] = {"target": slo.objective}
    indicator: dict[str, Any] = {
        "ratioMetric": {"counter": True, "good": _source(f"{slo.indicator}:good"), "total": _source("events")}
    }
    if compared:
        what = "latency_ms" if slo.indicator == "latency" else slo.indicator
        indicator = {"thresholdMetric": _source(what)}
        objective = {"op": "gte" if slo.side == "floor" else "lte", "value": slo.threshold, **objective}
    if slo.sliced is not None:
        objective |= {"timeSliceTarget": 1.0, "timeSliceWindow": write_duration(slo.sliced)}
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": name, "displayName": slo.name, "annotations": notes},
        "spec": {
            "description": in_words(slo)[:1050],
            "service": service,
            "indicator": {"metadata": {"name": f"{name}-sli"}, "spec": indicator},
            "timeWindow": [{"duration": write_duration(timedelta(minutes=minutes)), "isRolling": True}],
            "budgetingMethod": METHODS[slo.budget],
            "objectives": [objective],
        },
    }


def _source(what: str) -> dict[str, Any]:
    return {"metricSource": {"type": "fireline", "spec": {"counts": what}}}


def _label(text: str) -> str:
    """``text`` as far as a name by RFC 1123 can hold it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def taken(text: str) -> tuple[list[Slo], list[Left]]:
    """The objectives in ``text``, and each document that cannot be one, with the reason. Nothing is raised:
    a document that is broken keeps no other from being read."""
    found: list[Slo] = []
    left: list[Left] = []
    starts = [0, *(m.start() for m in _START.finditer(text) if m.start()), len(text)]
    parts = [part for a, b in pairwise(starts) if _filled(part := text[a:b])]
    for number, part in enumerate(parts, 1):
        name = f"document {number}"
        try:
            plain = yaml.safe_load(part)
            meta = plain.get("metadata") if isinstance(plain, dict) else None
            if isinstance(meta, dict) and meta.get("name"):
                name += f" ({meta['name']})"
            found.append(_slo(plain))
        except ValidationError as error:
            first = error.errors()[0]
            left.append(Left(name, f"{'.'.join(map(str, first['loc']))}: {first['msg']}"))
        except yaml.YAMLError as error:
            left.append(Left(name, f"is not YAML: {str(error).splitlines()[0]}"))
        except (ValueError, RecursionError) as error:
            left.append(Left(name, str(error)))
    return found, left


def _filled(part: str) -> bool:
    lines = (line.strip() for line in part.removeprefix("---").splitlines())
    return any(line and not line.startswith("#") for line in lines)


def _slo(plain: Any) -> Slo:
    """Raises ValueError with the reason."""
    if not isinstance(plain, dict) or plain.get("apiVersion") != "openslo/v1":
        raise ValueError("is no document of openslo/v1")
    if plain.get("kind") != "SLO":
        raise ValueError(f"is a {plain.get('kind')}; only SLO documents become objectives")
    meta, spec = _mapping(plain, "metadata"), _mapping(plain, "spec")
    notes = meta.get("annotations") or {}
    if not isinstance(notes, dict) or f"{OURS}indicator" not in notes:
        raise ValueError(
            f"nothing says which figure it is about: add the annotation {OURS}indicator "
            f"({', '.join(INDICATORS)})"
        )
    indicator, of = str(notes[f"{OURS}indicator"]), notes.get(f"{OURS}of")
    if indicator not in INDICATORS:
        raise ValueError(f"{indicator} is no indicator: {OURS}indicator is one of {', '.join(INDICATORS)}")
    wanted = METHODS[budgeting(indicator, of)]
    if spec.get("budgetingMethod") != wanted:
        raise ValueError(
            f"budgets by {spec.get('budgetingMethod')}; Fireline counts {indicator} by {wanted}: write that, "
            "and a target that holds for it"
        )
    objective = _only(spec, "objectives")
    return Slo.model_validate(
        {
            "name": meta.get("displayName") or meta.get("name"),
            "indicator": indicator,
            "objective": _target(objective),
            "of": of,
            "window": _window(_only(spec, "timeWindow"), notes),
            **_compared(indicator, wanted, objective, notes),
        }
    )


def _mapping(plain: dict[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(found := plain.get(key), dict):
        raise ValueError(f"has no `{key}`")
    return found


def _only(spec: dict[str, Any], key: str) -> dict[str, Any]:
    found = spec.get(key)
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        raise ValueError(f"needs exactly one entry under `{key}`: write one document for each")
    return found[0]


def _target(objective: dict[str, Any]) -> float:
    share = objective.get("target")
    if share is None and isinstance(percent := objective.get("targetPercent"), int | float):
        share = percent / 100
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise ValueError("its target is no share between 0 and 1")
    return float(share)


def _compared(
    indicator: str, method: str, objective: dict[str, Any], notes: dict[str, Any]
) -> dict[str, Any]:
    """The threshold, its side and the slice, as far as they are said."""
    if indicator != "latency" and method != "Timeslices":
        return {"threshold": notes.get(f"{OURS}threshold")}
    usual = INDICATORS[indicator].bound
    side = OPERATORS.get(str(objective.get("op")))
    if side is None or objective.get("value") is None or (side != usual and indicator != "kpi"):
        op = "gte" if usual == "floor" else "lte"
        raise ValueError(f"{indicator} needs `op: {op}` and a `value`, {INDICATORS[indicator].threshold}")
    found = {"threshold": objective["value"], "bound": None if side == usual else side}
    return found if method != "Timeslices" else {**found, "slice": _slice(indicator, objective)}


def _slice(indicator: str, objective: dict[str, Any]) -> timedelta | None:
    """How long a time slice is; None for the usual length."""
    if objective.get("timeSliceTarget", 1.0) != 1:
        raise ValueError(
            f"its timeSliceTarget is {objective['timeSliceTarget']}: a slice has one {indicator}, which "
            "keeps to the value or does not; write 1.0"
        )
    said = objective.get("timeSliceWindow")
    if isinstance(said, int | float) and not isinstance(said, bool) and 0 < said < 1e6:
        said = f"{said:.6g}m"
    if not isinstance(said, str) or not _ROLLING.match(said):
        raise ValueError("Timeslices need a `timeSliceWindow`, such as 1h")
    length = parse_duration(said)
    return None if length == INDICATORS[indicator].slice else length


def _window(window: dict[str, Any], notes: dict[str, Any]) -> timedelta:
    if "calendar" in window or not window.get("isRolling"):
        raise ValueError("its window follows the calendar; Fireline's windows roll")
    said = str(window.get("duration"))
    if not _ROLLING.match(said):
        raise ValueError(f"{said} is no fixed length of time: write minutes, hours, days or weeks (28d)")
    exact = notes.get(f"{OURS}window-microseconds")
    length = parse_duration(said)
    if not (isinstance(exact, str) and exact.isdecimal() and len(exact) < 17):
        return length
    told = timedelta(microseconds=int(exact))
    return told if timedelta(0) <= length - told <= timedelta(minutes=1) else length


def block(slos: Iterable[Slo]) -> str:
    """``slos`` as the block of a runbook."""
    lines = [f"  - {flow(slo.model_dump(mode='json', exclude_defaults=True))}\n" for slo in slos]
    return "slos:\n" + "".join(lines) if lines else "slos: []\n"
