"""The guide on quality: its runbook parts are accepted as they stand, and what it says is watched is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from fireline.detect.choice import asked_for
from fireline.detect.registry import kind_named, kinds
from fireline.runbook.schema import Runbook
from tests.support.quality_town import columns_of, runbook

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "watch-quality-and-fairness.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_its_parts_of_a_runbook_are_accepted(block):
    book = Runbook.from_plain({**runbook("binary", **columns_of("binary")).plain(), **yaml_of(block)})
    for rule in book.monitors:
        kind = kind_named(rule.monitor)
        assert asked_for(kind, book) == (rule.on or rule.threshold is not None)


def yaml_of(block: str) -> dict[str, object]:
    """The block as the runbook's reader takes it: `on` is a word and not a truth value."""
    return yaml.safe_load(re.sub(r"\bon:", '"on":', block))


def test_it_names_every_kind_that_waits_to_be_asked():
    waiting = {kind.name for kind in kinds() if kind.optional} - {"average_precision"}
    assert [name for name in sorted(waiting) if name not in TEXT] == []
