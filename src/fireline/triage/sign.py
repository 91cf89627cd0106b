"""Signs: what was seen, in words, and how strongly each kind of cause is expected to show it.

The table of weights is log-likelihood: positive makes a cause likelier, negative less likely. It follows the
table of causes (onset, versions, inputs, error given inputs, infrastructure) that DETECTION's triage rests
on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fireline.terms.alert import Finding
from fireline.terms.cause import CauseKind
from fireline.triage.figure import LABELLED
from fireline.triage.figures import family_of
from fireline.triage.inputs import Inputs, Moved
from fireline.triage.onset import Onset
from fireline.triage.reweigh import Reweighed
from fireline.triage.slices import Found
from fireline.triage.surroundings import Callers, Platform
from fireline.triage.truth import Truth
from fireline.triage.versions import Split
from fireline.triage.windows import Step

D, U, N, C, I, A, L, K = (  # noqa: E741 - the table is read by its letters
    CauseKind.DEPLOY, CauseKind.UPSTREAM_DATA, CauseKind.NATURAL_DRIFT, CauseKind.CONCEPT_DRIFT,
    CauseKind.INFRASTRUCTURE, CauseKind.ATTACK, CauseKind.LABEL_PIPELINE, CauseKind.UNKNOWN,
)  # fmt: skip
WANDERING = 4.0
BROKEN_FAMILIES = frozenset({"null_rate", "range"})
MANY = 0.05
"""The share of rows from which on values out of bounds are a break, and no season's."""
INPUT_FAMILIES = frozenset({"null_rate", "range", "schema", "drift"})


@dataclass(frozen=True)
class Seen:
    """Everything the causes are judged by."""

    findings: tuple[Finding, ...]
    quiet: tuple[str, ...]
    onset: Onset
    split: Split
    found: Found
    inputs: Inputs
    score: Step | None
    main: Step | None
    reweighed: tuple[Reweighed, ...]
    platform: Platform
    callers: Callers
    truth: Truth
    others: Inputs | None = None
    mean_score: Step | None = None

    @property
    def families(self) -> frozenset[str]:
        return frozenset(family_of(f) for f in self.findings)

    @property
    def broken(self) -> tuple[Moved, ...]:
        """The broken inputs that matter: where only inputs fired, those that fired."""
        return tuple(m for m in self.inputs.broken if self.matters(m))

    @property
    def only_inputs(self) -> bool:
        """Whether nothing but inputs fired."""
        return self.families <= INPUT_FAMILIES and not self.answers_moved

    @property
    def answers_moved(self) -> tuple[str, ...]:
        """What the model made itself and moved: the length of an answer, why it ended, its weights."""
        return tuple(sorted({f.feature for f in self.findings if f.feature in self.inputs.answers}))

    @property
    def out_of_bounds(self) -> tuple[Finding, ...]:
        """Findings of inputs that are missing, out of range or of another kind in many rows more."""
        return tuple(
            f for f in self.findings
            if family_of(f) in BROKEN_FAMILIES and f.feature not in self.inputs.answers
            and f.seen is not None and f.usual is not None and f.seen - f.usual >= MANY
        )  # fmt: skip

    def matters(self, moved: Moved) -> bool:
        """Whether a moved input may have to do with it: where only inputs fired, it is one of those."""
        return not self.only_inputs or moved.feature in {f.feature for f in self.findings}

    @property
    def by_callers(self) -> bool:
        """Whether what happened to the inputs is gone once a few sources are left out."""
        rest = self.others
        moved = self.callers.concentrated and bool(self.inputs.moved)
        return moved and rest is not None and not (rest.broken or rest.stepped)

    @property
    def quality(self) -> bool:
        """Whether a figure that needs labels fired."""
        return bool(self.families & LABELLED)

    @property
    def score_moved(self) -> bool:
        s = self.score
        return "score_drift" in self.families or (s is not None and abs(s.size) > 0.1 and abs(s.z) > 3)


@dataclass(frozen=True)
class Sign:
    """One sign: ``says`` in words, ``weights`` the log-likelihood it adds to each kind of cause.

    ``version`` limits its weight for a deploy to changes of that version, ``versions_only`` to changes that
    brought a version at all.
    """

    name: str
    says: str
    weights: Mapping[CauseKind, float] = field(default_factory=dict)
    version: str | None = None
    versions_only: bool = False


def scaled(weights: Mapping[CauseKind, float], by: float) -> dict[CauseKind, float]:
    """The weights times ``by``, for a sign that is less than sure."""
    return {kind: round(w * by, 3) for kind, w in weights.items()}
