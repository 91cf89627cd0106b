"""Findings for tests, by family."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fireline.terms.alert import Finding
from tests.triage.sets import ONSET

UNITS = {"auc": "AUC", "drift": "reference sd", "score_drift": "reference sd"}


def found_by(family: str, feature: str | None = None, **more: Any) -> Finding:
    """A page of ``family`` an hour after ONSET."""
    given = {
        "monitor": family,
        "family": family,
        "series": "rates",
        "at": ONSET + timedelta(hours=1),
        "urgency": "page",
        "evidence": 2.0,
        "threshold": 1.5,
        "feature": feature,
        "unit": UNITS.get(family, "share"),
        **more,
    }
    return Finding(**given)
