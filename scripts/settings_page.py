"""Writes docs/reference/settings.md from the settings themselves, or prints it.

python scripts/settings_page.py docs/reference/settings.md
"""

from __future__ import annotations

import inspect
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from fireline.channels import kinds
from fireline.live.kept import Kept
from fireline.oncall import Heartbeat, Paging, Step
from fireline.runbook.durations import write_duration

HEAD = """# Settings

The server's own file, read by `fireline serve --config fireline.yaml`: how people are reached and when, and
what is kept how long. What a *service* needs stands in its [runbook](runbook.md).
[Get paged](../guides/get-paged.md) shows both parts at work.

Lengths of time are written `90s`, `5m`, `2h`. A key ending in `_env` names an environment variable, one
ending in `_file` a file: that is where secrets stand, and nowhere else. A key nobody knows is an error.

This page is made from the settings themselves: `python scripts/settings_page.py docs/reference/settings.md`.
"""


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "needed"
    if isinstance(value, timedelta):
        return f"`{write_duration(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value not in (None, "", ()) else ""


def _table(model: type[BaseModel]) -> str:
    rows = ["| key | default | |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        rows.append(f"| `{field.alias or name}` | {_default(field.default)} | {field.description} |")
    return "\n".join(rows)


def _section(title: str, model: type[BaseModel]) -> str:
    return f"{title}\n\n{inspect.cleandoc(model.__doc__ or '')}\n\n{_table(model)}\n"


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## `channels`\n\nNames of your choice, each with the settings of its kind.\n"]
    parts += [_section(f"### `kind: {name}`", kind.Settings) for name, kind in sorted(kinds().items())]
    parts += [_section("## `paging`", Paging), _section("### A step", Step)]
    parts += [_section("### `heartbeat`", Heartbeat), _section("## `keeping`", Kept)]
    return "\n".join(parts)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
