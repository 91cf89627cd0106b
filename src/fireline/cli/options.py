"""Options that several commands share, and reading what people write in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from fireline.clock import parse_time
from fireline.runbook.durations import parse_duration
from fireline.runbook.schema import Contact
from fireline.runbook.values import zones
from fireline.terms.role import Role

RunbookPath = Annotated[
    Path, typer.Argument(metavar="RUNBOOK", help="The runbook, a YAML file.", show_default=False)
]
Signals = Annotated[
    list[Path] | None,
    typer.Option(
        "--signals",
        metavar="FILE",
        help="What was sampled beside the requests (gauges, calls, canaries); may be given again.",
        show_default=False,
    ),
]
Training = Annotated[
    Path | None,
    typer.Option(
        "--training",
        metavar="FILE",
        help="The model's training data: tells inputs that are served otherwise than trained.",
        show_default=False,
    ),
]
Jobs = Annotated[
    Path | None,
    typer.Option(
        "--jobs", metavar="FILE", help="Runs of training and ETL jobs, as JSON lines.", show_default=False
    ),
]
Changes = Annotated[
    Path | None,
    typer.Option(
        "--changes",
        metavar="FILE",
        help="Deploys, config changes, campaigns: JSON lines.",
        show_default=False,
    ),
]
Labels = Annotated[
    list[Path] | None,
    typer.Option(
        "--labels", metavar="FILE", help="A label log of its own; may be given again.", show_default=False
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Only the result, no progress.")]

_ROLES = {
    "incident commander": Role.COMMANDER,
    "commander": Role.COMMANDER,
    "ic": Role.COMMANDER,
    "ops": Role.OPS,
    "ml owner": Role.ML_OWNER,
    "owner": Role.ML_OWNER,
    "comms": Role.COMMS,
}


def a_time(text: str, timezone: str, option: str) -> datetime:
    """A time as people write it; without an offset it is in ``timezone``. Raises typer.BadParameter."""
    try:
        return parse_time(text, timezone)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a time; write 2026-03-01 or 2026-03-01T06:00:00Z", param_hint=option
        ) from None


def a_length(text: str, option: str) -> float:
    """A length of time as people write it, in seconds. Raises typer.BadParameter."""
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def a_zone(text: str | None) -> str | None:
    """A time zone, or None where none was said. Raises typer.BadParameter."""
    if text is None or text in zones():
        return text
    near = get_close_matches(text, sorted(zones()), 1)
    hint = f"; did you mean {near[0]}?" if near else "; names look like Europe/Paris"
    raise typer.BadParameter(f"{text!r} is not a time zone{hint}", param_hint="--timezone")


def roles_of(given: Sequence[str]) -> dict[str, str]:
    """``ROLE=COLUMN`` pairs. Raises typer.BadParameter."""
    found = {}
    for one in given:
        role, equals, column = one.partition("=")
        if not equals or not role.strip() or not column.strip():
            raise typer.BadParameter(
                f"{one!r}: write ROLE=COLUMN, such as label=is_fraud", param_hint="--column"
            )
        found[role.strip()] = column.strip()
    return found


def contacts_of(given: Sequence[str]) -> list[Contact]:
    """``NAME, ROLE, REACH`` each; ROLE may be several with a slash between, or all. Raises
    typer.BadParameter."""
    return [contact for one in given for contact in _contact(one)]


def _contact(text: str) -> list[Contact]:
    parts = [part.strip() for part in text.split(",", 2)]
    if len(parts) != 3 or not all(parts):
        example = "'Ada Lovelace, incident commander, +1 555 0100'"
        raise typer.BadParameter(
            f"{text!r}: write NAME, ROLE, REACH, such as {example}", param_hint="--contact"
        )
    name, said, reach = parts
    if said.lower() == "all":
        return [Contact(name=name, role=role, reach=reach) for role in Role]
    found = []
    for word in said.split("/"):
        role = _ROLES.get(word.strip().lower())
        if role is None:
            known = ", ".join(role.value for role in Role)
            raise typer.BadParameter(f"{word.strip()!r} is no role: {known}, or all", param_hint="--contact")
        found.append(Contact(name=name, role=role, reach=reach))
    return found
