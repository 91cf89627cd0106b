"""What a runbook still lacks: read it the way a responder will need it, before the responder does.

An error is something a SEV1 would need; a warning is something that will hurt; a hint is worth a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta

from fireline.runbook.against import Found, Known, columns_against, expired, names_against, no_baseline
from fireline.runbook.durations import say_duration
from fireline.runbook.load import RunbookFile
from fireline.runbook.problem import LEVELS, Level, Problem, write_key
from fireline.runbook.promises import doubts
from fireline.terms.cause import CauseKind
from fireline.terms.role import Role
from fireline.terms.severity import Severity

DAY = timedelta(days=1)


def check(
    file: RunbookFile,
    baseline: bool | None = None,
    now: datetime | None = None,
    log: Collection[str] | None = None,
    known: Known | None = None,
) -> list[Problem]:
    """Everything ``file`` lacks, gravest first.

    ``baseline``: whether the frozen baseline lies where the runbook says; None looks.
    ``now``: what expired is measured against; None measures against nothing.
    ``log``: the columns of the event log, to hold the runbook's columns against.
    ``known``: the monitors and actions there are, to hold the names in the runbook against.
    """
    present = file.baseline_path.exists() if baseline is None else baseline
    found = [one for part in PARTS for one in part(file)]
    found += no_baseline(file, present)
    if now is not None:
        found += expired(file.runbook, now)
    if log is not None:
        found += columns_against(file, log)
    if known is not None:
        found += names_against(file.runbook, known)
    problems = [
        Problem(level, str(file.path), file.line(*key), write_key(key), says, todo)
        for level, key, says, todo in found
    ]
    return sorted(problems, key=lambda p: (LEVELS.index(p.level), p.line or 0, p.key, p.says))


def _people(file: RunbookFile) -> Iterator[Found]:
    ownership, key = file.runbook.ownership, ("ownership", "contacts")
    example = "{name: ..., role: incident commander, reach: ...}"
    by_role = {role: [c for c in ownership.contacts if c.role is role] for role in Role}
    if not by_role[Role.COMMANDER]:
        yield (
            "error",
            key,
            "nobody is named as incident commander: a SEV1 would call no one",
            f"add `- {example}`",
        )
    for at, contact in enumerate(ownership.contacts):
        if not contact.reach.strip():
            level: Level = "error" if contact.role is Role.COMMANDER else "warning"
            yield (
                level,
                (*key, at),
                f"{contact.name} cannot be reached",
                "add `reach:` with a phone number or a pager",
            )
    for role in (Role.OPS, Role.ML_OWNER, Role.COMMS):
        if ownership.contacts and not by_role[role]:
            yield (
                "warning",
                key,
                f"nobody is named as {role.value}",
                "name one; the same person may take several roles",
            )
    if not ownership.team.strip():
        yield "warning", ("ownership", "team"), "no team owns this service", "write the team's name"


def _meaning(file: RunbookFile) -> Iterator[Found]:
    runbook = file.runbook
    if not runbook.purpose.strip():
        yield (
            "warning",
            ("purpose",),
            "does not say what the service is for",
            "write one sentence for the responder",
        )
    if not runbook.exposure.users.strip():
        says = "does not say who is hurt by a bad answer, and how many: severity starts from it"
        yield (
            "warning",
            ("exposure", "users"),
            says,
            "write who sees the answers, and set harm, reversible, autonomy",
        )
    if not file.written("timezone"):
        yield (
            "error",
            ("timezone",),
            "no time zone: the daily rhythm would be learnt in the wrong hours",
            "add `timezone:`",
        )
    elif runbook.timezone == "UTC":
        says = "UTC: right only if the users' day does not move with summer time"
        yield "hint", ("timezone",), says, "name the zone most users live in, such as Europe/Paris"
    if not file.written("fireline"):
        yield "hint", ("fireline",), "no schema version", "add `fireline: 1` as the first line"


def _way_back(file: RunbookFile) -> Iterator[Found]:
    good, key = file.runbook.last_known_good, ("last_known_good",)
    if good is None:
        yield (
            "error",
            key,
            "no last-known-good version: there is nothing to go back to",
            "add version, known_by, since",
        )
        return
    if not good.known_by.strip():
        says = f"nothing says how {good.version} is known to be good"
        yield "error", (*key, "known_by"), says, "write what was measured, on which traffic, over which time"
    if good.since is None:
        yield (
            "warning",
            (*key, "since"),
            f"nothing says since when {good.version} is known to be good",
            "add `since:`",
        )


def _decisions(file: RunbookFile) -> Iterator[Found]:
    rows, key = file.runbook.decisions, ("decisions",)
    acting = [row for row in rows if row.action != "none"]
    if not any(CauseKind.DEPLOY in row.when.get("cause", [CauseKind.DEPLOY]) for row in acting):
        says = "no row does anything about a bad deploy, the likeliest cause of all"
        yield "error", key, says, "add `- {when: {cause: [deploy]}, action: rollback}`"
    if acting and all(row.authority == "observe" for row in acting):
        says = "every row only observes: Fireline will say what it would have done, and do nothing"
        yield "hint", key, says, "when you trust a row, set its `authority:` to ask, and later to auto"
    for at, row in enumerate(rows):
        if row.authority == "ask" and not file.written(*key, at, "unanswered"):
            says = "asks a person and does not say what happens when nobody answers"
            yield "error", (*key, at), says, "add `unanswered: do` or `unanswered: leave`"
        if row.authority == "ask" and row.answer_within <= timedelta(0):
            yield "error", (*key, at, "answer_within"), "leaves no time to answer", "give at least 5m"
        if row.action != "none" and row.expires <= timedelta(0):
            yield (
                "error",
                (*key, at, "expires"),
                "the measure would end before it began",
                "give it hours or days",
            )
        if not row.because.strip():
            yield "warning", (*key, at), "does not say why", "add `because:` for whoever reads it at 3 a.m."


def _ladder(file: RunbookFile) -> Iterator[Found]:
    ladder, key = file.runbook.ladder, ("ladder",)
    lower = [rung for rung in ladder if rung.kind != "current"]
    if not lower:
        says = "no fallback ladder: when no version can be trusted there is nothing to fall back to"
        yield "error", key, says, "list the rungs, best answer first, down to `kind: closed` or `kind: open`"
        return
    if not any(rung.fails or rung.kind in ("closed", "open") for rung in ladder):
        says = "nothing says whether the service fails open or closed when every rung is gone"
        yield "warning", key, says, "add a last rung of `kind: closed` (refuse) or `kind: open` (let pass)"
    names = {rung.name for rung in ladder} | {str(rung.kind) for rung in ladder}
    wanted = [row.params.get("rungs") for row in file.runbook.decisions]
    idle = [at for at, one in enumerate(wanted) if isinstance(one, list) and not names & set(map(str, one))]
    if idle:
        missing = " or ".join(sorted({str(rung) for at in idle for rung in wanted[at] or ()}))
        lines = ", ".join(str(file.line("decisions", at)) for at in idle)
        says = f"has no rung {missing}: the decision rows on lines {lines} can do nothing"
        yield "warning", key, says, "add such a rung if you have one, or take those rows out"


def _promises(file: RunbookFile) -> Iterator[Found]:
    runbook, columns = file.runbook, file.runbook.columns
    if not runbook.slos:
        yield (
            "warning",
            ("slos",),
            "nothing is promised: severity cannot follow an error budget",
            "write one objective",
        )
    for at, slo in enumerate(runbook.slos):
        role = slo.known.role
        mapped = getattr(columns, role) or (role == "label" and runbook.labels)
        if not mapped:
            says = f"{slo.name} cannot be measured: no column is mapped to `{role}`"
            yield "warning", ("slos", at), says, f"map `columns.{role}`, or drop the objective"
        yield from ((level, ("slos", at, key), says, todo) for level, key, says, todo in doubts(slo))
    if not any(rule.severity is Severity.SEV1 for rule in runbook.severity):
        yield "warning", ("severity",), "nothing is ever a SEV1", "say in the severity map what would be one"
    for at, rule in enumerate(runbook.severity):
        if not rule.because.strip():
            yield "hint", ("severity", at), "does not say why", "add `because:`"


def _watching(file: RunbookFile) -> Iterator[Found]:
    runbook = file.runbook
    if runbook.watch <= timedelta(0):
        yield (
            "error",
            ("watch",),
            "no watch period: an incident would be resolved the moment it looks better",
            "24h",
        )
    elif runbook.watch < timedelta(hours=1):
        says = f"{say_duration(runbook.watch)} is too short to see a relapse"
        yield "warning", ("watch",), says, "give it at least as long as a daily rhythm takes: 24h"
    if not runbook.comms.channels:
        yield (
            "warning",
            ("comms", "channels"),
            "no channel: nobody outside the incident will hear of it",
            "name one",
        )
    if Severity.SEV1 not in runbook.comms.cadence:
        yield (
            "warning",
            ("comms", "cadence"),
            "does not say how often an update is due in a SEV1",
            "add `SEV1: 30m`",
        )
    if not runbook.retraining.strip():
        yield (
            "hint",
            ("retraining",),
            "does not say how often the model is retrained",
            "such as 30d, or `never`",
        )


def _columns(file: RunbookFile) -> Iterator[Found]:
    columns, labels, key = file.runbook.columns, file.runbook.labels, ("columns",)
    if columns.version is None:
        says = "no version column: a bad deploy cannot be told from a bad day"
        yield "warning", key, says, "log the version that answered and map it to `version`"
    if columns.request_id is None:
        says = "no request id: duplicates cannot be found and labels cannot be joined"
        yield "warning", key, says, "log one and map it to `request_id`"
    if labels is None:
        yield (
            "hint",
            ("labels",),
            "no labels: quality is not judged, only what stands in for it",
            "add `labels:` when you have some",
        )
    elif columns.label and not columns.label_time:
        says = "no label time: a label in the log is taken as known when the request was answered"
        yield "warning", (*key, "label"), says, "log when the truth became known and map it to `label_time`"
    if not columns.features and columns.score is None and columns.prediction is None:
        yield "warning", key, "neither features nor a score: nothing of the model is watched", "map them"
    if not columns.segments:
        says = "no segments: a fault that hits a tenth of the traffic may drown in the rest"
        yield "hint", (*key, "segments"), says, "list columns such as country, device, carrier"
    known = set(columns.features) | {columns.score, columns.prediction}
    for at, rule in enumerate(file.runbook.monitors):
        if rule.feature is not None and rule.feature not in known:
            yield (
                "warning",
                ("monitors", at, "feature"),
                f"{rule.feature} is not a feature: the rule does nothing",
                "correct it",
            )
        if rule.off and not rule.because.strip():
            yield (
                "warning",
                ("monitors", at),
                f"{rule.monitor} is off and nobody says why",
                "add `because:` and `until:`",
            )
    for at, silence in enumerate(file.runbook.silences):
        for column in silence.segment or {}:
            if column not in columns.segments:
                says = f"{column} is not a segment column: the silence does nothing"
                yield "warning", ("silences", at, "segment"), says, "correct it"


def _reference(file: RunbookFile) -> Iterator[Found]:
    reference, key = file.runbook.reference, ("reference",)
    length = reference.until - reference.since
    days = f"{length / DAY:.1f} days".replace(".0 days", " days")
    if length < 7 * DAY:
        says = (
            f"only {days}: no weekday is known yet, monitors are duller by what so few days leave "
            f"unknown, and business figures only open tickets"
        )
        yield "warning", key, says, "take the baseline again once there are 28 days"
    elif length < 14 * DAY:
        yield (
            "warning",
            key,
            f"only {days}: weekend hours rest on a few ticks each",
            "take it again at 28 days",
        )
    elif length < 28 * DAY:
        yield "hint", key, f"{days}: enough to begin; the rhythm is steadier from 28 on", "take it again then"


PARTS: tuple[Callable[[RunbookFile], Iterator[Found]], ...] = (
    _people,
    _meaning,
    _way_back,
    _decisions,
    _ladder,
    _promises,
    _watching,
    _columns,
    _reference,
)
