"""How long counts and rows stay is a setting, never shorter than somebody needs them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from fireline.clock import micros
from fireline.errors import SettingsError
from fireline.live.keeping import Keeping, keep_small
from fireline.live.kept import KEYS, kept_of
from fireline.live.tidying import STAY, Tidying
from fireline.recording import lake_file
from fireline.runbook.schema import Runbook
from fireline.store import Store
from fireline.telemetry.lake import Lake
from fireline.telemetry.packing import pack
from fireline.terms.counts import CountsRow
from tests.support import logs
from tests.support.incidents import T0

DAY = timedelta(days=1)


def book(**more: object) -> Runbook:
    return logs.runbook(**more)


def said(folder: Path, **keys: str) -> Path:
    path = folder / "fireline.yaml"
    path.write_text("keeping:\n" + "".join(f"  {key}: {value}\n" for key, value in keys.items()))
    return path


def test_without_a_word_it_is_as_long_as_somebody_needs_it():
    assert kept_of(None, [book()]) == Keeping()
    slo = {"name": "answers", "indicator": "availability", "objective": 0.99, "window": "60d"}
    found = kept_of(None, [book(slos=[slo])])
    assert (found.minutes, found.quarters) == (60 * DAY, 60 * DAY), "an objective is read by the minute"
    assert found.hours == Keeping().hours


def test_an_objective_by_the_hour_needs_no_minutes(tmp_path):
    slo = {"name": "ranks", "indicator": "auc", "objective": 0.9, "threshold": 0.7, "window": "90d"}
    assert kept_of(None, [book(slos=[slo])]) == Keeping()
    kept_of(said(tmp_path, hours="90d"), [book(slos=[slo])])
    with pytest.raises(SettingsError, match="the objective ranks"):
        kept_of(said(tmp_path, hours="80d"), [book(slos=[slo])])


def test_what_is_said_holds(tmp_path):
    found = kept_of(
        said(tmp_path, minutes="30d", quarters="40d", hours="100d", days="800d", rows="90d"), [book()]
    )
    assert (found.minutes, found.quarters, found.hours) == (30 * DAY, 40 * DAY, 100 * DAY)
    assert (found.days, found.rows) == (800 * DAY, 90 * DAY)


@pytest.mark.parametrize(
    ("keys", "key", "says"),
    [
        ({"minutes": "20d"}, "minutes", "triage looks back"),
        ({"minutes": "25d"}, "minutes", "the objective answers of"),
        ({"rows": "30d"}, "rows", "28 days"),
        ({"rows": "50d"}, "rows", "labels of"),
        ({"hours": "30d"}, "hours", "five weeks"),
        ({"hours": "40d", "quarters": "50d"}, "hours", "shorter than quarters stay"),
        ({"days": "100d"}, "days", "shorter than hours stay, 396d"),
        ({"rows": "soon"}, "rows", "length of time"),
        ({"weeks": "3"}, "weeks", ""),
    ],
)
def test_what_is_too_short_is_refused_with_for_whom(tmp_path, keys, key, says):
    slo = {"name": "answers", "indicator": "availability", "objective": 0.99, "window": "28d"}
    needy = book(slos=[slo], labels={"age": "50d"})
    with pytest.raises(SettingsError) as refused:
        kept_of(said(tmp_path, **keys), [needy])
    assert refused.value.where.key == f"keeping.{key}"
    assert refused.value.where.file == str(tmp_path / "fireline.yaml")
    assert says in str(refused.value)
    assert refused.value.todo


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_has_a_bound(tmp_path, key):
    with pytest.raises(SettingsError, match="too short"):
        kept_of(said(tmp_path, **{key: "1d"}), [book()])


def test_the_guides_settings_are_taken(tmp_path):
    guide = Path(__file__).parents[2] / "docs" / "guides" / "run-the-server.md"
    (block,) = re.findall(r"```yaml[^\n]*\n(keeping:.*?)```", guide.read_text(encoding="utf-8"), re.S)
    path = tmp_path / "fireline.yaml"
    path.write_text(block)
    assert kept_of(path, [book()]).rows == 90 * DAY


def test_counts_by_the_day_are_let_go_once_they_are_too_old():
    one = pack(pa.array([1]).to_numpy().reshape(1, 1))
    day = micros(T0) // 86_400_000_000
    rows = [CountsRow("a", 86_400, "service", day - age, 1, False, one) for age in (500, 399, 10)]
    with Store.open(":memory:") as store:
        with store.begin() as tx:
            tx.commit_batch("b", at=T0, service="s", counts=rows)
            tx.commit_batch("c", at=T0, service="other", counts=rows[:1])
        assert keep_small(store, "s", T0, T0, Keeping(days=400 * DAY)) == 1
        left = {row.first_tick for row in store.counts(86_400, 0, 1 << 40, service="s")}
        assert left == {day - 399, day - 10}
        assert len(store.counts(86_400, 0, 1 << 40, service="other")) == 1
        assert keep_small(store, "s", T0, T0, Keeping(days=400 * DAY)) == 0


def rows_at(store: Store, lake: Lake, name: str, age: int, service: str) -> str:
    at = pa.array([micros(T0 - age * DAY)], pa.timestamp("us", "UTC"))
    file = lake_file(lake, service, name, "events", pa.table({"time": at, "x": [1.0]}), "time")
    with store.begin() as tx:
        tx.commit_batch(name, at=T0 - age * DAY, service=service, lake_file=file)
    return file.file


def test_rows_are_let_go_and_their_files_go_once_nobody_can_be_reading_them(tmp_path):
    service, lake = book().service, Lake(tmp_path / "lake")
    with Store.open(tmp_path / "store.sqlite") as store:
        files = {age: rows_at(store, lake, f"b{age}", age, service) for age in (200, 95, 85, 1)}
        other = rows_at(store, lake, "o", 300, "other")
        keeping = Keeping(rows=90 * DAY)

        def tidied(now):  # a new process each time: what is to go is remembered by the store
            Tidying(store, lake, book(), keeping=keeping).tidy(now)
            return {file.file for file in store.lake_files("events", 0, 1 << 62, service)}

        assert tidied(T0) == {files[85], files[1]}
        assert all(lake.has(file) for file in files.values()), "somebody may have listed them before"
        assert tidied(T0 + STAY) == {files[85], files[1]}
        assert [lake.has(files[age]) for age in (200, 95, 85, 1)] == [False, False, True, True]
        assert lake.has(other)
        assert tidied(T0 + 10 * DAY) == {files[1]}
        assert lake.has(files[85])
