"""Reading figures off a generated log, with sklearn and pandas as independent eyes."""

from datetime import datetime
from functools import cached_property

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from fireline.drill.worlds import Log


class Look:
    """One log as data frames: ``live`` each request once, ``shadow`` the shadow calls, both with labels."""

    def __init__(self, log: Log) -> None:
        self.log, self.truth = log, log.truth

    @cached_property
    def rows(self) -> pd.DataFrame:
        return self.log.events.to_pandas()

    @cached_property
    def labels(self) -> pd.Series:
        return self.log.labels.to_pandas().set_index("request_id").label

    @cached_property
    def unique(self) -> pd.DataFrame:
        frame = self.rows.drop_duplicates(["request_id", "shadow"]).copy()
        frame["y"] = frame.request_id.map(self.labels)
        return frame

    @property
    def live(self) -> pd.DataFrame:
        return self.unique[~self.unique.shadow]

    @property
    def shadow(self) -> pd.DataFrame:
        return self.unique[self.unique.shadow]

    def signals(self, kind: str, name: str | None = None) -> list[dict[str, object]]:
        """The samples of a kind while the fault lasted."""
        until = self.truth["until"] or "9999"
        rows = [row for row in self.log.signals if self.truth["onset"] <= row["at"] <= until]
        return [row for row in rows if row["kind"] == kind and name in (None, row["name"])]

    def runs(self, job: str) -> list[dict[str, object]]:
        """The runs of a job."""
        return [run for run in self.log.jobs if run["job"] == job]

    @property
    def onset(self) -> datetime:
        return datetime.fromisoformat(self.truth["onset"])

    @property
    def hit(self) -> pd.DataFrame:
        """The live rows that the fault was meant for."""
        frame = self.live[self.live.time >= self.onset]
        if self.truth["until"]:
            frame = frame[frame.time < datetime.fromisoformat(self.truth["until"])]
        for column, value in (self.truth["segment"] or {}).items():
            frame = frame[frame[column] == value]
        return frame[frame.version == self.truth["version"]] if self.truth["version"] else frame


def auc(frame: pd.DataFrame) -> float:
    judged = frame[frame.y.notna() & frame.score.notna()]
    return float(roc_auc_score(judged.y, judged.score))


def bias(frame: pd.DataFrame) -> float:
    """Mean score less positive share."""
    judged = frame[frame.y.notna() & frame.score.notna()]
    return float(judged.score.mean() - judged.y.mean())


def moved(before: pd.Series, after: pd.Series) -> float:
    """How far the mean of the logs moved, in standard deviations of the former."""
    old, new = np.log1p(before.clip(lower=0).dropna()), np.log1p(after.clip(lower=0).dropna())
    return float(abs(new.mean() - old.mean()) / old.std())
