"""Coverage: what a runbook would notice of harms put into its own log, and the guide's commands."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from fireline.cli.entry import main
from fireline.drill.coverage import cover
from fireline.drill.coverage.cover import gaps
from fireline.drill.coverage.harms import harms
from fireline.drill.worlds import World, write
from fireline.errors import InputError

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "what-would-you-notice.md"
PLAIN = World(seed=5, days=4.5, reference_days=2.5, per_minute=8, features=5, segments=1, label_hours=2,
              harmless_deploys=0)  # fmt: skip


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A folder with a log and the runbook that `init` drafted for it."""
    folder = tmp_path_factory.mktemp("covered")
    write(PLAIN, folder)
    events, labels, book = (str(folder / n) for n in ("events.parquet", "labels.parquet", "runbook.yaml"))
    told = ["--labels", labels, "--service", PLAIN.service, "--until", PLAIN.live_from.isoformat()]
    assert main(["init", events, *told, "-o", book, "-q"]) == 0
    return folder


def logs(folder):
    return [folder / "events.parquet", folder / "labels.parquet"]


@pytest.fixture(scope="module")
def covered(there):
    return cover(there / "runbook.yaml", logs(there), window=timedelta(hours=6))


def by_name(covered):
    return {row.harm.name: row for row in covered.rows}


def test_every_large_harm_is_noticed_and_every_twin_is_silent(covered):
    unseen = [row.name for row in covered.rows if row.sizes[2].first is None]
    assert not unseen
    assert [row.name for row in covered.rows if row.woke is not None] == []
    assert not covered.already
    assert len(covered.rows) > 20


def test_larger_is_not_noticed_later(covered):
    assert covered.rows
    for row in covered.rows:
        after = [o.first.after if o.first else np.inf for o in row.sizes]
        assert after[2] <= after[1] <= after[0], row.name


def test_what_only_labels_show_waits_for_them(covered):
    aged = [row for row in covered.rows if row.harm.group == "Labels and outcome"]
    assert len(aged) == 3
    for row in aged:
        assert min(o.first.after for o in row.sizes if o.first) > covered.labels_after > 0


def test_the_right_monitors_see_it(covered):
    rows = by_name(covered)
    for name, family in (("null jump", "null_rate"), ("errors", "error_rate"), ("slow answers", "latency"),
                         ("duplicates", "duplicates"), ("traffic drop", "freshness"),
                         ("labels lost", "label_coverage"), ("flagged answers", "toxic_rate")):  # fmt: skip
        assert rows[name].sizes[2].first.family == family
    assert rows["errors there"].target == "region=south"


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        ((False, False, True), "only the large one is noticed"),
        ((True, False, False), "a smaller one is noticed, but not the medium and the large one"),
        ((True, True, False), "a smaller one is noticed, but not the large one"),
        ((False, False, False), "nothing notices it"),
        ((False, True, True), None),
    ],
)
def test_a_gap_says_which_sizes_are_missed(covered, shown, says):
    row = by_name(covered)["errors"]
    seen = row.sizes[2].first
    assert seen is not None
    sizes = tuple(
        replace(one, first=seen if is_seen else None) for one, is_seen in zip(row.sizes, shown, strict=True)
    )
    said = gaps(replace(covered, rows=(replace(row, sizes=sizes, woke=None),), skipped=()))
    assert len(said) == (says is not None)
    assert says is None or says in said[0]


def test_what_the_log_cannot_show_names_the_key_to_add(covered):
    said = "\n".join(gaps(covered))
    assert all(key in said for key in ("columns.outcome", "columns.rung", "columns.groups"))
    assert {row.harm.name for row in covered.rows} | {harm.name for harm in covered.skipped} == {
        harm.name for harm in harms()
    }


def test_the_same_log_gives_the_same_answer(there, covered):
    again = cover(there / "runbook.yaml", logs(there), window=timedelta(hours=6), only=["errors", "null"])
    same = [row for row in covered.rows if row.harm.name in by_name(again)]
    assert [row.as_json() for row in again.rows] == [row.as_json() for row in same]


def test_a_harm_that_is_there_already_counts_for_no_other(there, tmp_path):
    """A log that is full of errors already is said to be, and a few more of them count as unnoticed."""
    table = pq.read_table(there / "events.parquet")
    at = table.column("time").to_numpy()
    status = table.column("status").to_numpy().copy()
    status[(at > at.max() - np.timedelta64(7, "h")) & (np.arange(len(at)) % 3 == 0)] = 500
    place = table.schema.get_field_index("status")
    pq.write_table(table.set_column(place, "status", [status]), tmp_path / "events.parquet")
    for name in ("runbook.yaml", "runbook.baseline.npz", "labels.parquet"):
        shutil.copy(there / name, tmp_path)
    found = cover(tmp_path / "runbook.yaml", logs(tmp_path), window=timedelta(hours=6), only=["errors"])
    errors = by_name(found)["errors"]
    assert any(alert.startswith("error rate") for alert in found.already)
    assert errors.sizes[0].page is None


def test_a_name_that_no_fault_has_is_refused_with_those_there_are(there):
    with pytest.raises(InputError, match="no fault is called quarks"):
        cover(there / "runbook.yaml", logs(there), only=["quarks"])


def test_the_guides_commands_run_and_write_the_page(there, monkeypatch, capsys):
    monkeypatch.chdir(there)
    blocks = re.findall(r"```console\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    assert len(lines) == 2
    for line in lines:
        words = shlex.split(line)[1:]
        assert main([*words, *([] if "--only" in words else ["--only", "answers", "--within", "3h"])]) == 0
    said = capsys.readouterr().out
    assert "harmless twins page nobody" in " ".join(said.split())
    page = (there / "coverage" / "coverage.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "http" not in page.replace("http-equiv", "")
    told = json.loads((there / "coverage" / "coverage.json").read_text(encoding="utf-8"))
    assert {fault["fault"] for fault in told["faults"]} >= {"errors", "slow answers"}
