"""Logs of many habits: what is read off each of them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from fireline.runbook.draft import draft
from fireline.runbook.load import parse
from tests.support.unknown_logs import LOGS, UNTIL


@pytest.mark.parametrize("name", list(LOGS))
def test_roles_task_and_segments_are_read_off_a_log_of_any_habit(name: str) -> None:
    known = LOGS[name]()
    made = draft(flat(known.table), "demand", UNTIL, labels=known.labels)
    columns = made.runbook.columns
    assert made.runbook.task == known.task, made.notes["task",]
    assert columns.roles().items() >= known.roles.items()
    assert set(columns.segments) == known.segments
    assert not known.no_feature & set(columns.features)
    for what, expected in known.also.items():
        found = len(columns.features) if what == "n_features" else getattr(columns, what)
        assert found == expected, what
    assert parse(made.text).runbook == made.runbook


@pytest.mark.parametrize("name", list(LOGS))
def test_every_choice_says_why(name: str) -> None:
    known = LOGS[name]()
    made = draft(flat(known.table), "demand", UNTIL, labels=known.labels)
    columns = made.runbook.columns
    silent = [role for role in columns.roles() if not made.notes.get(("columns", role))]
    for part in ("features", "segments", "flags", "groups", "texts", "embeddings", "ignore"):
        keys = list(columns.features) if part == "features" else range(len(getattr(columns, part)))
        silent += [f"{part}.{key}" for key in keys if not made.notes.get(("columns", part, key))]
    assert not silent


def flat(table: pa.Table) -> pa.Table:
    """As the sources hand it on: objects within objects become columns with dotted names."""
    while any(pa.types.is_struct(one.type) for one in table.schema):
        table = table.flatten()
    return table
