"""Files that were given on the command line and hold nothing: whoever gave one meant something by it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.text import Text

from fireline import sources
from fireline.cli import screen
from fireline.errors import InputError

EXPECTED = {
    "--labels": "one row per label: the request's id, the label, and when it became known",
    "--signals": "one row per sample: `at`, `kind` (gauge, call, error, canary), `name` and its value",
    "--changes": 'one change a line, such as {"at": "2026-03-01T06:00:00Z", "kind": "deploy", "what": "v7"}',
    "--jobs": 'one run a line, such as {"at": "2026-03-01T06:00:00Z", "job": "train", "state": "succeeded"}',
    "--training": "one row per example the model was trained on, with the columns of its features",
    "--counts": "the counts that `fireline tally` wrote",
}
"""What a file given with an option holds."""


def warn_of_empty(**given: Iterable[Path] | Path | None) -> None:
    """A warning for each file without a row, by the name of its option. A file that cannot be read is for the
    command to speak of."""
    for name, paths in given.items():
        option = f"--{name}"
        for path in [paths] if isinstance(paths, Path) else paths or ():
            if _is_empty(path, by_line=option in ("--changes", "--jobs")):
                says = f": there is no row in it, so it changes nothing; expected {EXPECTED[option]}"
                screen.err().print(Text(f"warning: {option} {path}", "yellow").append(says))


def _is_empty(path: Path, by_line: bool) -> bool:
    try:
        if by_line:
            with path.open("rb") as lines:
                return not any(line.strip() for line in lines)
        files, _ = sources.find([path])
        return not any(len(piece.rows) or piece.bad for one in files for piece in sources.read(one))
    except (InputError, OSError):
        return False
