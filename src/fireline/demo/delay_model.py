"""The model of the demo: will this flight be more than 15 minutes late? And its two versions in production.

The score is asked for two hours before the scheduled departure and rests on nothing that is known later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fireline.demo.timetable import Timetable
from fireline.demo.weather import READINGS, weather_at

ASKED_BEFORE = 2 * 3600 * 1_000_000
# The month is left out on purpose: a model that saw only January and February can learn nothing from it.
NUMERIC = ("dep_hour", "weekday", "distance", "sched_minutes", *READINGS)
CATEGORICAL = ("carrier", "origin", "dest")
FEATURES = NUMERIC + CATEGORICAL

Floats = NDArray[np.float64]
HourIn = Literal["local", "utc"]
Columns = dict[str, NDArray[Any]]

SETTINGS: dict[str, dict[str, Any]] = {
    "A": {
        "random_state": 1,
        "max_iter": 200,
        "max_leaf_nodes": 12,
        "min_samples_leaf": 200,
        "max_features": 0.3,
    },
    "B": {
        "random_state": 2,
        "max_iter": 250,
        "max_leaf_nodes": 16,
        "min_samples_leaf": 100,
        "max_features": 0.2,
    },
}


def features(flights: Timetable, weather: Any, hour_in: HourIn = "local") -> Columns:
    """The feature columns of ``flights``; ``hour_in`` says on which clock ``dep_hour`` is read.

    "utc" is the bug of the demo: the departure hour taken from a UTC timestamp, 4 or 5 hours off.
    """
    utc_hour = flights.departs // (3600 * 1_000_000) % 24
    found: Columns = {
        "dep_hour": (flights.local_hour if hour_in == "local" else utc_hour).astype(np.float64),
        "weekday": flights.weekday.astype(np.float64),
        "distance": flights.distance,
        "sched_minutes": (flights.arrives - flights.departs) / 60e6,
    }
    found.update(weather_at(weather, flights.origin, flights.departs - ASKED_BEFORE))
    found.update({name: getattr(flights, name) for name in CATEGORICAL})
    return found


@dataclass(frozen=True)
class DelayModel:
    """A fitted gradient boosting with the categories it has seen."""

    classifier: Any
    categories: dict[str, tuple[str, ...]]

    def score(self, columns: Columns) -> Floats:
        """Probability of a late arrival for each row, in (0, 1)."""
        with _one_thread():
            return np.asarray(self.classifier.predict_proba(_matrix(columns, self.categories))[:, 1])


def train(version: str, columns: Columns, late: Floats) -> DelayModel:
    """Fit ``version``'s settings: scikit-learn's histogram gradient boosting on nulls and categories as they
    are."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    categories = {name: tuple(sorted(set(columns[name].tolist()))) for name in CATEGORICAL}
    classifier = HistGradientBoostingClassifier(
        learning_rate=0.06,
        l2_regularization=5.0,
        categorical_features=[name in CATEGORICAL for name in FEATURES],
        **SETTINGS[version],
    )
    with _one_thread():
        classifier.fit(_matrix(columns, categories), late)
    return DelayModel(classifier, categories)


def auc(late: Floats, score: Floats) -> float:
    """Area under the ROC curve, NaN scores left out."""
    from sklearn.metrics import roc_auc_score

    scored = ~np.isnan(score)
    return float(roc_auc_score(late[scored], score[scored]))


def _one_thread() -> Any:
    """OpenMP's threads wait for each other by spinning: on a busy machine two were measured at 40 times
    one."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def _matrix(columns: Columns, categories: dict[str, tuple[str, ...]]) -> Floats:
    """Rows x FEATURES; a category becomes its number, one never seen in training a null."""
    parts = [columns[name].astype(np.float64) for name in NUMERIC]
    for name in CATEGORICAL:
        code = {value: float(index) for index, value in enumerate(categories[name])}
        parts.append(
            np.array([code.get(value, np.nan) for value in columns[name].tolist()], dtype=np.float64)
        )
    return np.column_stack(parts)
