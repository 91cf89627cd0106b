"""What a log of prompts and answers says beside them: which tool was called, and that an answer was refused.

Words that mean something else elsewhere: a `tool` may be a machine's, and `declined` a payment.
"""

from __future__ import annotations

import pyarrow as pa

from fireline.runbook.content import is_text
from fireline.runbook.looks import Look
from fireline.runbook.sorting import Sorting

TOOLS = frozenset((
    "tool", "tool_name", "tool_called", "tool_used", "called_tool", "used_tool", "function_name",
    "function_call",
))  # fmt: skip
REFUSED = frozenset(("declined", "is_declined", "refuse", "is_refusal", "rejected", "gave_no_answer"))


def guess_chat(sorting: Sorting, table: pa.Table) -> None:
    """Give the role of the tools, where the log holds prose."""
    if "tools" in sorting.taken or not _has_prose(sorting, table):
        return
    for look in sorting.left():
        if look.plain in TOOLS and look.kind == "text":
            sorting.take("tools", look, f"a guess by its name, beside prose; {look.describe()}")
            return


def is_refusal(look: Look, sorting: Sorting, table: pa.Table) -> bool:
    """Whether a yes/no column beside prose says that no answer was given."""
    return look.is_truth and look.plain in REFUSED and _has_prose(sorting, table)


def _has_prose(sorting: Sorting, table: pa.Table) -> bool:
    return any(is_text(look, table.column(look.name)) for look in sorting.left())
