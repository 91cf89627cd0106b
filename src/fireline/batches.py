"""A batch held beside a runbook's frozen reference: for jobs that write a file and have one look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fireline import sources
from fireline.detect.baseline import Baseline
from fireline.detect.batches import Compared, compare, level
from fireline.errors import InputError, Where
from fireline.runbook.load import read
from fireline.telemetry.sample import Sample, sample_of
from fireline.terms.counts import SERVICE, Scope


@dataclass(frozen=True)
class Beside:
    """What a comparison found: every input, most unlike first, and what was counted on the way."""

    service: str
    compared: tuple[Compared, ...]
    batch: Sample
    alpha: float

    @property
    def unlike(self) -> tuple[Compared, ...]:
        return tuple(one for one in self.compared if one.verdict == "unlike")


def beside_reference(
    runbook: Path, files: Sequence[Path], by: str | None = None, false_alarms: float = 1.0, looks: int = 30
) -> Beside:
    """The rows of ``files`` beside the reference of ``runbook``: all of them and, with ``by``, those of each
    value of that segment column; ``false_alarms`` are accepted in ``looks`` such batches.

    Raises InputError where the baseline is missing or a file holds no input of the model.
    """
    file = read(runbook)
    if not file.baseline_path.exists():
        raise InputError(
            "the baseline is missing", where=Where(file=str(file.baseline_path)),
            todo="take one with `fireline runbook baseline`",
        )  # fmt: skip
    baseline = Baseline.load(file.baseline_path)
    plan, scopes = baseline.plan, _scopes(baseline, by)
    found, _ = sources.find(files)
    wanted = frozenset({*plan.features, *([by] if by else [])})
    pieces = (piece for path in found for piece in sources.read(path, only=wanted))
    batch = sample_of(plan, pieces, str(files[0]), by, [scope.value for scope in scopes if scope.value])
    asked = [(scope, name) for scope in scopes for name in plan.features if name != scope.column]
    alpha = level(false_alarms, looks, len(asked))
    compared = [
        compare(
            plan.shapes.by_name[f"feature:{name}"], scope.value or None,
            baseline.totals["shapes", scope].sum(axis=0)[plan.shapes.span(f"feature:{name}")],
            batch.counts[scope.value or None, name], alpha,
        )
        for scope, name in asked
    ]  # fmt: skip
    order = {"unlike": 0, "alike": 1, "too few rows": 2}
    compared.sort(key=lambda one: (order[one.verdict], -one.psi))
    return Beside(file.runbook.service, tuple(compared), batch, alpha)


def _scopes(baseline: Baseline, by: str | None) -> list[Scope]:
    """The whole and the segments of ``by`` whose shapes the reference counted."""
    known = [scope for layout, scope in baseline.totals if layout == "shapes"]
    if SERVICE not in known:
        raise InputError("the baseline holds no inputs", todo="name some under `columns.features`")
    if by is None:
        return [SERVICE]
    mine = [scope for scope in known if scope.kind == "segment" and scope.column == by]
    if not mine:
        columns = sorted({scope.column for scope in known if scope.kind == "segment"})
        raise InputError(
            f"the reference was not counted by {by}", where=Where(key="--by"),
            todo=f"give one of {', '.join(columns)}" if columns else "name segments under `columns.segments`",
        )  # fmt: skip
    return [SERVICE, *sorted(mine, key=lambda scope: scope.value)]
