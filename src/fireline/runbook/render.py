"""The one-page runbook a responder reads at 3 a.m., as Markdown or as a self-contained HTML page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Literal

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from fireline.runbook import wording
from fireline.runbook.durations import say_duration
from fireline.runbook.problem import Problem
from fireline.runbook.schema import Contact, Runbook
from fireline.terms import words
from fireline.terms.role import Role
from fireline.terms.severity import Severity

Form = Literal["md", "html"]


@dataclass(frozen=True)
class Line:
    """One line of a table: what it is about, what is said, the small print, and a word that marks it."""

    about: str
    says: str
    small: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Page:
    """All that the page shows, in words."""

    service: str
    purpose: str
    team: str
    call: tuple[Line, ...]
    harm: tuple[str, ...]
    first: tuple[str, ...]
    decisions: tuple[Line, ...]
    ladder: tuple[Line, ...]
    good: Line | None
    slos: tuple[Line, ...]
    severity: tuple[Line, ...]
    comms: tuple[Line, ...]
    channels: tuple[str, ...]
    watched: tuple[Line, ...]
    quiet: str
    facts: tuple[str, ...]
    missing: tuple[str, ...] = field(default=())


def render(runbook: Runbook, form: Form = "html", problems: Sequence[Problem] = ()) -> str:
    """The page. ``problems`` (from ``check``) that are errors are shown on it: a gap seen by day costs
    nothing."""
    return _environment().get_template(f"runbook.{form}.j2").render(page=page(runbook, problems))


def page(runbook: Runbook, problems: Sequence[Problem] = ()) -> Page:
    """The runbook in words."""
    return Page(
        service=runbook.service,
        purpose=runbook.purpose.strip(),
        team=runbook.ownership.team.strip(),
        call=tuple(_call(runbook)),
        harm=tuple(wording.exposure(runbook.exposure)),
        first=tuple(_first(runbook)),
        decisions=tuple(_decisions(runbook)),
        ladder=tuple(Line(r.name, wording.rung(r, runbook), r.because, r.kind) for r in runbook.ladder),
        good=_good(runbook),
        slos=tuple(Line(s.name, wording.slo(s)) for s in runbook.slos),
        severity=tuple(
            Line(r.severity.value, wording.severity_when(r), r.because, r.severity.value)
            for r in runbook.severity
        ),
        comms=tuple(Line(s.value, _every(d)) for s, d in sorted(runbook.comms.cadence.items())),
        channels=runbook.comms.channels,
        watched=tuple(_watched(runbook)),
        quiet=say_duration(runbook.watch),
        facts=tuple(_facts(runbook)),
        missing=tuple(p.says for p in problems if p.level == "error"),
    )


def _call(runbook: Runbook) -> list[Line]:
    by_role: dict[Role, list[Contact]] = {role: [] for role in Role}
    for contact in runbook.ownership.contacts:
        by_role[contact.role].append(contact)
    lines = []
    for role, contacts in by_role.items():
        if not contacts:
            lines.append(Line(role.value, "nobody is named", mark="missing"))
        lines += [
            Line(
                role.value,
                one.name,
                one.reach or "no way to reach them is written down",
                "" if one.reach else "missing",
            )
            for one in contacts
        ]
    return lines


def _first(runbook: Runbook) -> list[str]:
    """The first five minutes, made of what the runbook says."""
    commander = [c.name for c in runbook.ownership.contacts if c.role is Role.COMMANDER]
    who = f"Call {words.listing(commander, 'or')}" if commander else "Nobody is named: it is you"
    cadence = runbook.comms.cadence.get(Severity.SEV1)
    where = f" in {words.listing(list(runbook.comms.channels))}" if runbook.comms.channels else ""
    often = f", then {_every(cadence)} in a SEV1" if cadence else ""
    steps = [
        f"Name the incident commander. {who}. One person decides, everybody else reports to them.",
        "Read the incident: since when (an interval), who is hit (version, segment), and the causes with "
        "what speaks "
        "against each.",
        "Ask first whether the answers are bad or only the labels: look at label coverage and the label job.",
        "Contain before you understand. The table below says what; a measure ends by itself and can be "
        "undone.",
        f"Say publicly that you are on it{where}{often}. Facts and times, no guesses.",
    ]
    if runbook.last_known_good:
        steps[3] = (
            f"Contain before you understand: {runbook.last_known_good.version} is the version to go back to. "
            + ("The table below says when; a measure ends by itself and can be undone.")
        )
    return steps


def _every(length: timedelta) -> str:
    return f"every {say_duration(length)}".replace("every 1 ", "every ")


def _decisions(runbook: Runbook) -> list[Line]:
    return [
        Line(
            words.sentence(wording.decision_when(row)),
            words.sentence(wording.decision_does(row, runbook)),
            " ".join(words.sentence(part) for part in (row.because, wording.decision_terms(row)) if part),
            row.authority if row.action != "none" else "none",
        )
        for row in runbook.decisions
    ]


def _good(runbook: Runbook) -> Line | None:
    good = runbook.last_known_good
    if good is None:
        return None
    since = f"Since {wording.moment(good.since, runbook.timezone)}." if good.since else ""
    known = words.sentence(good.known_by) or "Nothing says how it is known to be good."
    return Line(good.version, known, since, "" if good.known_by.strip() else "missing")


def _watched(runbook: Runbook) -> list[Line]:
    columns, zone = runbook.columns, runbook.timezone
    lines = [
        Line("inputs", f"{len(columns.features)} features: {_some(list(columns.features))}"),
        Line("answers", _some([n for n in (columns.score, columns.prediction) if n]) or "not logged"),
        Line("one by one", _some(list(columns.segments)) or "no segments"),
    ]
    if columns.flags:
        lines.append(Line("flags", _some(list(columns.flags))))
    if runbook.labels:
        share = f"{100 * runbook.labels.usual_share:.3g} %"
        says = f"judged {say_duration(runbook.labels.age)} after the request, when {share} have their label"
        lines.append(Line("quality", says))
    lines += [
        Line("not as inferred", wording.monitor_rule(rule, zone), rule.because) for rule in runbook.monitors
    ]
    lines += [Line("silent", wording.silence(one, zone), one.because) for one in runbook.silences]
    return lines


def _some(names: list[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _facts(runbook: Runbook) -> list[str]:
    reference, zone = runbook.reference, runbook.timezone
    pages = f"{runbook.false_pages_per_30d:g} false page{'s' if runbook.false_pages_per_30d != 1 else ''}"
    facts = [
        f"Normal is {wording.moment(reference.since, zone)} to {wording.moment(reference.until, zone)}",
        f"{pages} accepted in 30 days",
        f"runbook {runbook.identity}",
    ]
    if runbook.retraining.strip():
        facts.insert(1, f"retrained: {runbook.retraining.strip()}")
    return facts


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("fireline.runbook"),
        autoescape=lambda name: bool(name and name.endswith(".html.j2")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = escape_markdown
    return environment


_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def escape_markdown(text: str) -> str:
    r"""``text`` as Markdown that shows exactly it, on one line.

    >>> escape_markdown("a_b | <c>")
    'a\\_b \\| \\<c\\>'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
