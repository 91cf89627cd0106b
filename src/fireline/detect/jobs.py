"""Training and ETL jobs: rules over what was told of their runs. One run breaks one rule once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from fireline.runbook.jobs import Job
from fireline.terms import words
from fireline.terms.alert import Finding, Urgency
from fireline.terms.run import Run

MONITORS = (
    "job_failed", "job_late", "job_short", "job_long", "job_artefact", "job_parameters", "job_gate",
    "job_data",
)  # fmt: skip
HISTORY = 5
USUAL = 20
SHORT, LONG = 0.25, 4.0
LEAST_LATE = timedelta(minutes=10)


@dataclass(frozen=True)
class Broken:
    """A rule that a run broke, or, where there is no ``run``, that a missing one did."""

    monitor: str
    job: str
    run: str
    at: datetime
    because: str
    urgency: Urgency | None = None

    @property
    def key(self) -> str:
        """What is told once."""
        return f"{self.monitor} {self.job} {self.run}"


def broken(runs: Sequence[Run], jobs: Sequence[Job], begin: datetime, until: datetime) -> list[Broken]:
    """Every rule broken by ``until``, oldest first; lateness counts from ``begin`` or the last good run on.

    ``runs`` are all that was told by then, in any order; of one run told several times each telling counts.
    """
    told = sorted((r for r in runs if r.at <= until), key=lambda r: (r.at, r.job, r.run))
    rules = {job.name: job for job in jobs}
    found: dict[str, Broken] = {}
    for name in sorted({r.job for r in told} | set(rules)):
        job = rules.get(name, Job(name=name))
        mine = [r for r in told if r.job == name]
        for one in (*_by_run(job, mine), *_late(job, mine, begin, until)):
            found.setdefault(one.key, one)
    return sorted(found.values(), key=lambda one: (one.at, one.key))


def findings(broke: Sequence[Broken], jobs: Sequence[Job]) -> list[Finding]:
    """What people are told of ``broke``."""
    rules: Mapping[str, Job] = {job.name: job for job in jobs}
    return [
        Finding(
            monitor=one.monitor, family="job", series=f"job:{one.job}", at=one.at,
            urgency=one.urgency or (rules[one.job].urgency if one.job in rules else "ticket"),
            evidence=1.0, threshold=1.0, feature=one.job, unit="runs", since=one.at,
            because=_with_reason(one, rules.get(one.job)),
            details={"run": one.run, "events": 1, "level": "page", "fixed": True, "tick_seconds": 60},
        )
        for one in broke
    ]  # fmt: skip


def well_since(runs: Sequence[Run], job: str, after: datetime, until: datetime) -> datetime | None:
    """When ``job`` next succeeded after ``after``, or None."""
    return min((r.at for r in runs if r.job == job and r.succeeded and after < r.at <= until), default=None)


def _with_reason(one: Broken, job: Job | None) -> str:
    return f"{one.because}; {job.because}" if job and job.because else one.because


def _by_run(job: Job, runs: Sequence[Run]) -> Iterator[Broken]:
    """What each run broke by itself; its usual length is that of the good runs before it."""
    lasted: list[timedelta] = []
    for run in runs:
        for monitor, rule in RULES.items():
            says = rule(job, run, lasted[-USUAL:])
            if says:
                urgency: Urgency | None = "page" if monitor == "job_artefact" else None
                yield Broken(monitor, job.name, run.run, run.at, f"{job.name} run {run.run} {says}", urgency)
        if run.succeeded and run.lasted is not None:
            lasted.append(run.lasted)


def _late(job: Job, runs: Sequence[Run], begin: datetime, until: datetime) -> Iterator[Broken]:
    if job.every is None:
        return
    grace = job.grace if job.grace is not None else max(job.every / 4, LEAST_LATE)
    good = [r.at for r in runs if r.succeeded]
    last = [at for at in good if at <= begin]
    starts = [last[-1] if last else begin, *(at for at in good if at > begin)]
    for at, following in zip(starts, [*starts[1:], until], strict=True):
        due = at + job.every + grace
        if due < following or due == until:
            often = words.length(job.every)
            says = f"{job.name} has not succeeded for {words.length(due - at)}: it is due every {often}"
            yield Broken("job_late", job.name, f"after {at.isoformat()}", due, says)


# -- the rules: (job, run, how long its good runs lasted before) -> what is wrong, or nothing

Rule = Callable[[Job, Run, Sequence[timedelta]], str]


def _failed(job: Job, run: Run, lasted: Sequence[timedelta]) -> str:
    return f"ended as {run.state}" if run.failed else ""


def _short(job: Job, run: Run, lasted: Sequence[timedelta]) -> str:
    least = job.shortest or (_middle(lasted) * SHORT if len(lasted) >= HISTORY else None)
    if not run.succeeded or run.lasted is None or least is None or run.lasted >= least:
        return ""
    return f"succeeded after {words.length(run.lasted)}, too soon to have done its work{_usual(lasted)}"


def _long(job: Job, run: Run, lasted: Sequence[timedelta]) -> str:
    most = job.longest or (_middle(lasted) * LONG if len(lasted) >= HISTORY else None)
    took = run.lasted if run.lasted is not None else run.at - run.started if run.started else None
    if took is None or most is None or took <= most:
        return ""
    return f"took {words.length(took)}{_usual(lasted)}"


def _middle(lasted: Sequence[timedelta]) -> timedelta:
    return timedelta(seconds=median(one.total_seconds() for one in lasted))


def _usual(lasted: Sequence[timedelta]) -> str:
    return f", usually {words.length(_middle(lasted))}" if lasted else ""


def _artefact(job: Job, run: Run, lasted: Sequence[timedelta]) -> str:
    if run.readable is False:
        return "left an artefact that cannot be read"
    if run.expected_digest and run.digest and run.expected_digest != run.digest:
        return f"stored another artefact ({run.digest[:12]}) than it made ({run.expected_digest[:12]})"
    return ""


def _parameters(job: Job, run: Run, lasted: Sequence[timedelta]) -> str:
    out = []
    for name, (low, high) in job.parameters.items():
        value = _figure(run.parameters.get(name))
        if value is not None and not low <= value <= high:
            out.append(f"{name} = {value:g}, outside {low:g} to {high:g}")
    return f"used {words.listing(out)}" if out else ""


def _figure(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, (int, float, str)) else None
    except (ValueError, OverflowError):
        return None


def _gate(job: Job, run: Run, lasted: Sequence[timedelta]) -> str:
    if not (job.gate and run.succeeded) or run.passed:
        return ""
    return "skipped its evaluation gate" if run.passed is None else "went on although its evaluation failed"


def _data(job: Job, run: Run, lasted: Sequence[timedelta]) -> str:
    if job.oldest_data is None or run.data_until is None or not run.succeeded:
        return ""
    age = (run.finished or run.at) - run.data_until
    if age <= job.oldest_data:
        return ""
    return (
        f"learnt from data that ends {words.length(age)} before it, more than {words.length(job.oldest_data)}"
    )


RULES: Mapping[str, Rule] = {
    "job_failed": _failed, "job_short": _short, "job_long": _long, "job_artefact": _artefact,
    "job_parameters": _parameters, "job_gate": _gate, "job_data": _data,
}  # fmt: skip
