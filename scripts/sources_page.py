"""Writes docs/reference/sources.md from the kinds of sources themselves, or prints it.

python scripts/sources_page.py docs/reference/sources.md
"""

from __future__ import annotations

import inspect
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from fireline.runbook.durations import write_duration
from fireline.runbook.sources import Source
from fireline.sources.pull import kinds

HEAD = """# Sources

What stands under `sources:` in a [runbook](runbook.md): the places `fireline serve` fetches rows from by
itself. [Bring events from where they are](../guides/bring-events.md) shows them at work; `fireline pull
RUNBOOK` tries them.

Lengths of time are written `90s`, `5m`, `2h`. A secret is written `env:NAME` and stands in the server's
environment. A key nobody knows is an error.

This page is made from the kinds themselves: `python scripts/sources_page.py docs/reference/sources.md`.
"""


def _default(field: Any) -> str:
    value = field.default_factory() if field.default_factory is not None else field.default
    if value is PydanticUndefined:
        return "needed"
    if isinstance(value, timedelta):
        return f"`{write_duration(value)}`"
    return f"`{value}`" if value not in (None, "", (), {}) else ""


def _table(model: type[BaseModel]) -> str:
    rows = ["| key | default | |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        rows.append(f"| `{name}` | {_default(field)} | {field.description} |")
    return "\n".join(rows)


def page() -> str:
    """The whole page."""
    parts = [HEAD, f"## Every source\n\n{_table(Source)}\n"]
    for name, kind in kinds().items():
        about = inspect.cleandoc(kind.__doc__ or "")
        feeds = ", ".join(f"`{feed}`" for feed in kind.FEEDS)
        parts.append(f"## `kind: {name}`\n\n{about}\n\nFeeds: {feeds}.\n\n{_table(kind.Settings)}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")
