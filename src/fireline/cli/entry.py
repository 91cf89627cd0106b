"""Where `fireline` starts: with the base install it says what to install, and no error shows a traceback."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from fireline.errors import FirelineError

NEEDED = (
    "typer",
    "rich",
    "click",
    "pydantic",
    "pydantic_core",
    "yaml",
    "pyarrow",
    "numpy",
    "jinja2",
    "duckdb",
    "sqlalchemy",
)
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 well, 1 something was found, 2 something was wrong."""
    try:
        run = import_module("fireline.cli.app").run
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] not in NEEDED:
            raise
        _say(f"fireline: the command line needs {missing.name}, which the base install leaves out")
        _say("  -> pip install 'fireline[server]'")
        return 2
    try:
        return int(run(sys.argv[1:] if arguments is None else arguments))
    except FirelineError as error:
        _say(_worded(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _say(f"fireline: {where}{error.strerror or error}")
    except KeyboardInterrupt:
        _say("fireline: stopped")
        return INTERRUPTED
    return 2


def _worded(error: FirelineError) -> str:
    """The message with what to do on a line of its own."""
    head = f"{error.where}: " if error.where and str(error.where) else ""
    lines = [f"fireline: {head}{error.message}"]
    if error.todo:
        lines.append(f"  -> {error.todo}")
    if not error.permanent:
        lines.append("  -> this may pass: try again")
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
