"""Indicators: what an objective can be about, each declared once, and how its error budget is counted.

By *events*: of all events so many may be bad (OpenSLO's Occurrences). By *time slices*: of all hours so
many may miss a threshold (Timeslices), for a figure that no single event has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

IndicatorName = Literal[
    "availability", "latency", "accuracy", "null_share", "flag_rate", "fallback_share", "freshness",
    "auc", "rmse", "calibration", "demographic_parity", "equal_opportunity", "equalized_odds", "kpi",
]  # fmt: skip
Budgeting = Literal["events", "slices"]
Bound = Literal["floor", "ceiling"]
Of = Literal["", "feature", "flag", "group", "aged"]

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator.

    ``budget`` says what its budget counts; ``role`` the column that it needs; ``of`` what `of` names, if it
    names anything. ``bound`` is the side a slice's figure must keep to, ``threshold`` what a threshold means
    (empty where there is none to give) and ``example`` one. ``families`` are those of the alerts that an
    objective on it has to do with.
    """

    name: IndicatorName
    budget: Budgeting
    role: str
    families: frozenset[str]
    says: str
    of: Of = ""
    bound: Bound = "ceiling"
    threshold: str = ""
    example: str = ""
    slice: timedelta = HOUR


ANSWERS = frozenset({"error_rate", "resource", "canary"})
QUALITY = frozenset({"auc", "accuracy", "calibration"})
FLAGGED = frozenset({"toxic_rate", "refusal_rate", "pii", "injection", "other"})

INDICATORS: Mapping[str, Indicator] = {
    one.name: one
    for one in (
        Indicator("availability", "events", "status", ANSWERS, "answers without an error"),
        Indicator(
            "latency", "events", "latency_ms", frozenset({"latency", "resource"}),
            "answers within {threshold:g} ms", threshold="the milliseconds an answer may take", example="200",
        ),
        Indicator("accuracy", "events", "label", QUALITY, "answers right"),
        Indicator("null_share", "events", "features", frozenset({"null_rate", "schema"}),
                  "events with {of}", of="feature"),
        Indicator("flag_rate", "events", "flags", FLAGGED, "answers without {of}", of="flag"),
        Indicator("fallback_share", "events", "rung", ANSWERS, "answers from the model itself"),
        Indicator(
            "freshness", "slices", "time", frozenset({"freshness", "traffic"}),
            "minutes with an event no older than {threshold:g} s", of="aged",
            threshold="the seconds that may pass without an event", example="300", slice=MINUTE,
        ),
        Indicator(
            "auc", "slices", "label", QUALITY, "{slices} with an AUC of at least {threshold:g}",
            bound="floor", threshold="the AUC that must be reached", example="0.7",
        ),
        Indicator(
            "rmse", "slices", "label", QUALITY,
            "{slices} with a root mean square error of at most {threshold:g}",
            threshold="the root mean square error that may not be passed", example="12",
        ),
        Indicator(
            "calibration", "slices", "label", QUALITY,
            "{slices} in which scores and outcomes differ by at most {threshold:g} on average",
            threshold="how far the mean score may lie from the share of positives", example="0.03",
        ),
        Indicator(
            "demographic_parity", "slices", "groups", frozenset({"fairness"}),
            "{slices} in which the groups of {of} are chosen alike within {threshold:g}", of="group",
            threshold="the largest difference between two groups' shares", example="0.05",
        ),
        Indicator(
            "equal_opportunity", "slices", "groups", frozenset({"fairness"}),
            "{slices} in which true positive rates by {of} are alike within {threshold:g}", of="group",
            threshold="the largest difference between two groups' true positive rates", example="0.05",
        ),
        Indicator(
            "equalized_odds", "slices", "groups", frozenset({"fairness"}),
            "{slices} in which true and false positive rates by {of} are alike within {threshold:g}",
            of="group",
            threshold="the largest difference between two groups' true or false positive rates",
            example="0.05",
        ),
        Indicator(
            "kpi", "slices", "outcome", frozenset({"kpi"}),
            "{slices} with a mean outcome of at {side} {threshold:g}", bound="floor",
            threshold="the mean outcome that must be reached", example="1.2",
        ),
    )
}  # fmt: skip
"""Every indicator by its name."""


def budgeting(indicator: str, of: str | None) -> Budgeting:
    """How the budget of an objective is counted. Freshness of a feature or a table is a share of its values
    or samples; only that of the stream itself goes by the minute."""
    if indicator == "freshness" and of is not None:
        return "events"
    return INDICATORS[indicator].budget
