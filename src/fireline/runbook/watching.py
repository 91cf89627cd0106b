"""What is watched: columns, labels, the reference, monitors, silences."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from fireline.runbook.part import Part
from fireline.runbook.values import Dates, Duration, Instant, Share
from fireline.terms.alert import Urgency

FeatureKind = Literal["numeric", "categorical"]
LatencyUnit = Literal["s", "ms", "us", "ns"]


class Columns(Part):
    """Which column of the event log plays which part. Only `time` must be there."""

    time: str = Field(min_length=1, description="When the request was answered.")
    arrived: str | None = Field(
        default=None,
        description="When the log was told of the request. A replay puts rows in that order and knows which "
        "came late; a server goes by its own clock.",
    )
    request_id: str | None = Field(
        default=None, description="The request's own id: joins labels and finds duplicates."
    )
    version: str | None = Field(default=None, description="The version of the model that answered.")
    service: str | None = Field(
        default=None, description="The service's name, where one log holds several services."
    )
    segments: tuple[str, ...] = Field(
        default=(),
        description="Columns whose values (2 to 50 or so) are watched one by one: country, device, carrier.",
    )
    features: dict[str, FeatureKind] = Field(
        default_factory=dict, description="The model's inputs, each `numeric` or `categorical`."
    )
    score: str | None = Field(default=None, description="The model's score; a probability for a binary task.")
    prediction: str | None = Field(default=None, description="The answer given: a class or a number.")
    label: str | None = Field(default=None, description="The truth, once known: 0/1, a class, or a number.")
    label_time: str | None = Field(
        default=None, description="When the truth became known. A label is never seen before."
    )
    latency_ms: str | None = Field(default=None, description="How long the answer took, in milliseconds.")
    status: str | None = Field(
        default=None, description="HTTP status or a word; >= 500, error, failed and timeout are errors."
    )
    flags: tuple[str, ...] = Field(
        default=(), description="Columns that are true when something bad was flagged: toxic, refusal, pii."
    )
    outcome: str | None = Field(default=None, description="The business figure (KPI) of the request.")
    arm: str | None = Field(
        default=None, description="The arm of an experiment the request was in; compared with control."
    )
    groups: tuple[str, ...] = Field(
        default=(), description="Columns that name groups which must be treated alike (fairness)."
    )
    class_scores: dict[str, str] = Field(
        default_factory=dict,
        description="For multiclass tasks: the class, and the column that holds its score.",
    )
    query: str | None = Field(default=None, description="Ranking: the query's id.")
    item: str | None = Field(default=None, description="Ranking: the item shown.")
    rank: str | None = Field(default=None, description="Ranking: the position it was shown at, 1 is the top.")
    host: str | None = Field(default=None, description="The machine that answered.")
    source: str | None = Field(
        default=None, description="Where the request came from: a client, an upstream."
    )
    rung: str | None = Field(default=None, description="The rung of the fallback ladder that answered.")
    switch: str | None = Field(default=None, description="The version of the switch the guard obeyed.")
    shadow: str | None = Field(
        default=None, description="True for shadow calls: scored and logged, never answered with."
    )
    weight: str | None = Field(default=None, description="1 / sampling share, where the log is a sample.")
    texts: tuple[str, ...] = Field(
        default=(),
        description="Columns of text, such as prompt and answer. Length, words, language and unknown words "
        "are watched; the text itself is kept nowhere.",
    )
    answers: tuple[str, ...] = Field(
        default=(),
        description="Those of `texts` and `features` that the model wrote or that tell of the model itself "
        "(lengths of answers, why they ended, the weights of an online learner): what moves in them is an "
        "answer, not an input, and no source is asked about it.",
    )
    embeddings: tuple[str, ...] = Field(
        default=(), description="Columns that hold a vector: lists of numbers. A few projections are kept."
    )
    feature_times: dict[str, str] = Field(
        default_factory=dict, description="A feature, and the column that says when it was computed."
    )
    tools: str | None = Field(
        default=None, description="The tools the model called for the request: a name, or a list of names."
    )
    moderation: str | None = Field(
        default=None,
        description="A moderation result as `/v1/moderations` gives it; the flags that the log has no column "
        "of their own for are read from it.",
    )
    latency_unit: LatencyUnit = Field(
        default="ms", description="What the numbers of `latency_ms` count in the log: s, ms, us or ns."
    )
    dates: Dates | None = Field(
        default=None,
        description="How dates with slashes are written: `day_first` is 31/12/2026, `month_first` "
        "12/31/2026. Such dates are not read without it.",
    )
    ignore: tuple[str, ...] = Field(default=(), description="Columns of the log that are watched by nobody.")

    def watched(self) -> dict[str, FeatureKind]:
        """The features, and those made of texts: name -> kind."""
        made: dict[str, FeatureKind] = {}
        for text in self.texts:
            made |= {f"{text}.length": "numeric", f"{text}.words": "numeric"}
            made[f"{text}.language"] = "categorical"
        return {**self.features, **made}

    def inputs(self) -> dict[str, FeatureKind]:
        """What is watched of the requests, without the model's own answers and what is made of them."""
        own = tuple(f"{text}." for text in self.answers)
        return {
            name: kind
            for name, kind in self.watched().items()
            if name not in self.answers and not (own and name.startswith(own))
        }

    def roles(self) -> dict[str, str]:
        """Every single-column role that is mapped: role -> column, in the order of the fields."""
        return {n: v for n, v in self if isinstance(v, str) and n not in ("latency_unit", "dates")}

    @property
    def to_ms(self) -> float:
        """Milliseconds in one of the log's units of latency."""
        return {"s": 1e3, "ms": 1.0, "us": 1e-3, "ns": 1e-6}[self.latency_unit]


class Scorer(Part):
    """How well the scorer behind a flag judges, measured on labelled answers."""

    recall: Share = Field(description="The share of bad answers that it flags.")
    false_positive_rate: Share = Field(description="The share of good answers that it flags.")

    @model_validator(mode="after")
    def _tells_apart(self) -> Self:
        if self.recall <= self.false_positive_rate:
            raise PydanticCustomError(
                "scorer", "flags good answers as often as bad ones: its rate cannot be corrected"
            )
        return self


class Labels(Part):
    """When the truth is known well enough to judge quality."""

    age: Duration = Field(description="How old a cohort of events is when its quality is judged.")
    usual_share: Share = Field(
        default=1.0, description="The share of a cohort that usually has its label at that age."
    )
    positive: str | None = Field(
        default=None, description="The label that counts as positive, for a binary task; `1` unless told."
    )
    threshold: float | None = Field(
        default=None,
        description="The score from which on the answer is the positive one, where no prediction is logged; "
        "0.5 unless told.",
    )


class Reference(Part):
    """The stretch of past that is called normal."""

    since: Instant = Field(description="Start of the reference, included.")
    until: Instant = Field(description="End of the reference, not included.")
    baseline: str = Field(
        default="runbook.baseline.npz",
        min_length=1,
        description="The frozen baseline, beside the runbook; made by `fireline init`.",
    )


class Training(Part):
    """What the model was trained on: live inputs are compared with it."""

    file: str = Field(
        min_length=1,
        description="Parquet, CSV or JSON lines, beside the runbook, with columns named as "
        "`columns.features`; read when the baseline is taken.",
    )


class Budget(Part):
    """How the accepted false pages are shared out; the three add up to 1."""

    service: Share = Field(default=0.5, description="Whole-service rates, latency and quality.")
    drift: Share = Field(default=0.3, description="Drift of features and of the score.")
    segments: Share = Field(
        default=0.2, description="Values of the segment columns, and versions seen later."
    )


class MonitorRule(Part):
    """A monitor that differs from what Fireline would infer."""

    monitor: str = Field(
        min_length=1, description="The monitor's name, such as drift, null_rate, auc, latency."
    )
    feature: str | None = Field(default=None, description="Only for this feature.")
    tolerance: float | None = Field(
        default=None, description="The change that does not matter, in the monitor's own unit."
    )
    threshold: float | None = Field(
        default=None, description="A fixed threshold instead of the judge, for teams that have one."
    )
    statistic: str | None = Field(
        default=None, description="What the fixed threshold is compared with: psi, js, ks, ..."
    )
    urgency: Urgency | None = Field(
        default=None, description="page or ticket, instead of what Fireline would choose."
    )
    off: bool = Field(default=False, description="True switches the monitor off.")
    on: bool = Field(
        default=False, description="True switches a monitor on that watches nothing unless asked to."
    )
    until: Instant | None = Field(default=None, description="When this rule ends; without it, never.")
    because: str = Field(default="", description="Why, in one sentence.")


class Silence(Part):
    """Something that must not alert for a while. It ends by itself."""

    monitor: str | None = Field(default=None, description="The monitor's name.")
    feature: str | None = Field(default=None, description="The feature.")
    segment: dict[str, str] | None = Field(default=None, description="The segment column and its value.")
    until: Instant = Field(description="When it ends. A silence without an end does not exist.")
    because: str = Field(min_length=1, description="Why, in one sentence.")

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.monitor is None and self.feature is None and not self.segment:
            raise PydanticCustomError(
                "silence_all", "silences everything: name a monitor, a feature or a segment", {}
            )
        return self
