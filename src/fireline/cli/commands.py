"""`fireline commands`: every command and option on one page, made from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

_HEAD = """# Commands

Every command says more with `--help`. This page is made from the commands themselves:
`fireline commands -o docs/reference/commands.md`.

Exit codes: 0 all well, 1 something was found, 2 wrong usage or input. Results go to standard output, progress
and errors to standard error; `NO_COLOR` or `--no-color` leaves colours out.
"""


def commands(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there.", show_default=False)
    ] = None,
) -> None:
    """Print every command and option as one Markdown page."""
    text = as_markdown(context.find_root().command)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def as_markdown(command: Any) -> str:
    """The page of ``command`` and all below it."""
    return "\n".join([_HEAD, *_pages(command, "fireline")]) + "\n"


def _pages(command: Any, name: str) -> Iterator[str]:
    below = getattr(command, "commands", {})
    if not below or name == "fireline":
        yield from _page(command, name)
    for word in below:
        if not below[word].hidden:
            yield from _pages(below[word], f"{name} {word}")


def _page(command: Any, name: str) -> Iterator[str]:
    yield f"## {name}"
    yield ""
    if name != "fireline":
        lines = [line.strip() for line in (command.help or "").splitlines() if line.strip()]
        yield "\n".join(lines)
        yield ""
    if command.epilog and name != "fireline":
        yield f"```console\n$ {command.epilog.removeprefix('Example: ')}\n```"
        yield ""
    yield "| option | meaning |"
    yield "|---|---|"
    for one in command.params:
        written = (
            ", ".join([*one.opts, *one.secondary_opts]) if one.param_type_name == "option" else one.metavar
        )
        shown = f"{written} {one.metavar}" if one.param_type_name == "option" and one.metavar else written
        needed = " Needed." if one.required else ""
        if written != "--help":
            yield f"| `{shown}` | {one.help}{needed} |"
    yield ""
