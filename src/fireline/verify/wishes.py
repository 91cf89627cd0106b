"""Which figures a comparison is asked for: those the alerts are about, and some beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fireline.terms import words

BY_FEATURE = frozenset({"drift", "null_rate", "range", "schema"})
FEATURE_NAMES = {"drift": "drift of {}", "null_rate": "missing {}", "range": "{} out of range",
                 "schema": "values of {} never seen before"}  # fmt: skip
CANARY_WORDS = (("error", "error_rate"), ("null", "null_rate"), ("latency", "latency"), ("auc", "auc"),
                ("calib", "calibration"), ("accura", "accuracy"), ("score", "score_drift"))  # fmt: skip
BESIDE = ("auc", "error_rate", "score_drift")
SAME_UNIT = words.SHARES | {"auc", "calibration"}
"""Families whose alerts measure the same figure as a comparison does, so that their effects can be
compared."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A figure to be had: of which family, feature and segment, and whether an alert asks for it.

    ``effect`` is the largest effect an alert measured in the figure's own unit, 0 where none did. ``against``
    says that the alerts compared a version with others on the same traffic, and not with what is usual.
    """

    family: str
    feature: str | None = None
    segment: tuple[tuple[str, str], ...] = ()
    wanted: bool = True
    effect: float = 0.0
    against: bool = False

    @property
    def name(self) -> str:
        """The figure in words."""
        name = words.family(self.family).removeprefix("the ")
        if self.feature and self.family in BY_FEATURE:
            name = FEATURE_NAMES[self.family].format(self.feature)
        where = " and ".join(f"{column} {value}" for column, value in self.segment)
        return f"{name} in {where}" if where else name


def wishes(alerts: Iterable[Mapping[str, Any]]) -> tuple[Wish, ...]:
    """What ``alerts`` are about, pages only where there are any, in the order they fired; then what is shown
    beside."""
    ordered = sorted(alerts, key=lambda a: (a["fired_at"], a["id"]))
    pages = [a for a in ordered if a["urgency"] == "page"] or ordered
    found: dict[tuple[Any, ...], Wish] = {}
    for alert in pages:
        wish = wish_of(alert)
        key = (wish.family, wish.feature, wish.segment)
        known = found.get(key, wish)
        found[key] = Wish(*key, effect=max(wish.effect, known.effect), against=wish.against and known.against)
    asked = {wish.family for wish in found.values()}
    return (*found.values(), *(Wish(family, wanted=False) for family in BESIDE if family not in asked))


def wish_of(alert: Mapping[str, Any]) -> Wish:
    """What one alert is about."""
    family = _family(alert)
    effect = 0.0
    if family in SAME_UNIT and alert.get("seen") is not None and alert.get("usual") is not None:
        effect = abs(float(alert["seen"]) - float(alert["usual"]))
    segment = tuple(sorted((alert.get("segment") or {}).items()))
    feature = alert.get("feature") if family in BY_FEATURE or family in words.SHARES else None
    return Wish(family, feature, segment, effect=effect, against=alert.get("against") is not None)


def _family(alert: Mapping[str, Any]) -> str:
    """A comparison of versions is about the figure it compared."""
    if alert["family"] != "canary":
        return str(alert["family"])
    said = f"{alert['monitor']} {alert['series']} {(alert.get('details') or {}).get('figure', '')}".lower()
    return next((family for word, family in CANARY_WORDS if word in said), "canary")
