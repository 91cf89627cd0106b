"""The decision table a new runbook starts with: plain rows, as they stand in the file.

Every row observes: it says what would have been done. Acting is granted row by row, by a person.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

ROLLBACK_EXPIRES = "7d"
FALLBACK_EXPIRES = "24h"

ROWS: tuple[dict[str, Any], ...] = (
    {
        "when": {"cause": ["deploy"]},
        "action": "rollback",
        "expires": ROLLBACK_EXPIRES,
        "because": "A deploy is undone first and understood afterwards.",
    },
    {
        "when": {"cause": ["deploy"]},
        "action": "fallback",
        "params": {"rungs": ["reduced", "cached", "rules"]},
        "expires": FALLBACK_EXPIRES,
        "because": "Where going back did not help or cannot be done, a simpler answer is better than a "
        "wrong one.",
    },
    {
        "when": {"cause": ["upstream_data"]},
        "action": "fallback",
        "params": {"rungs": ["reduced", "cached", "rules"]},
        "expires": FALLBACK_EXPIRES,
        "because": "Every version reads the broken data; a rung that does not need it keeps answers sound "
        "until "
        "the source is repaired.",
    },
    {
        "when": {"cause": ["infrastructure"]},
        "action": "fallback",
        "params": {"rungs": ["cached", "reduced", "rules"]},
        "expires": FALLBACK_EXPIRES,
        "because": "A cheaper answer takes the load off what is failing while the platform is repaired.",
    },
    {
        "when": {"cause": ["attack"], "severity": ["SEV1", "SEV2"]},
        "action": "fallback",
        "params": {"rungs": ["rules", "closed"]},
        "expires": FALLBACK_EXPIRES,
        "because": "Fixed rules give an attacker nothing to steer while the sources are being blocked.",
    },
    {
        "when": {"cause": ["attack"]},
        "action": "none",
        "because": "Limit or block the busiest sources at the gateway; the model itself need not change.",
    },
    {
        "when": {"cause": ["label_pipeline"]},
        "action": "none",
        "because": "The answers are as good as before, only the labels are not: repair the label job, then "
        "judge.",
    },
    {
        "when": {"cause": ["natural_drift"]},
        "action": "none",
        "because": "The world moved and no version is at fault: check quality by segment and plan a "
        "retraining.",
    },
    {
        "when": {"cause": ["concept_drift"]},
        "action": "none",
        "because": "An older version knows the new world no better: retrain on recent data and backtest it.",
    },
    {
        "when": {"cause": ["unknown"]},
        "action": "none",
        "because": "Nothing is changed on a guess: a person looks at the evidence and the next checks first.",
    },
)


def default_decisions() -> list[dict[str, Any]]:
    """Fresh copies of the rows, ready to be written to a runbook file or validated as ``DecisionRow``."""
    return deepcopy(list(ROWS))
