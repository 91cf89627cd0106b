import json
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
import pytest

from fireline.drill.worlds import World, canary, generate, write
from tests.drill.looking import Look, auc, bias


def test_equal_worlds_give_equal_logs_and_other_seeds_others(world):
    small = replace(world, days=1, reference_days=0.5)
    assert generate(small).events.equals(generate(small).events)
    assert not generate(small).events.equals(generate(replace(small, seed=4)).events)


@pytest.mark.parametrize(("seed", "target"), [(1, 0.75), (2, 0.80), (3, 0.85)])
def test_the_model_is_calibrated_and_as_good_as_asked(seed, target):
    look = Look(
        generate(World(seed=seed, days=4, reference_days=2, per_minute=12, label_hours=1, base_auc=target))
    )
    assert auc(look.live) == pytest.approx(target, abs=0.012)
    assert bias(look.live) == pytest.approx(0, abs=0.006)
    deciles = look.live.dropna(subset=["y", "score"]).assign(
        cell=lambda f: np.digitize(f.score, f.score.quantile(np.linspace(0.1, 0.9, 9)))
    )
    gaps = deciles.groupby("cell").apply(lambda f: abs(f.score.mean() - f.y.mean()))
    assert gaps.max() < 0.03


def test_a_log_has_the_columns_of_the_file_reference(healthy):
    names = healthy.log.events.column_names
    for name in (
        "time",
        "request_id",
        "version",
        "shadow",
        "host",
        "source",
        "score",
        "prediction",
        "latency_ms",
        "status",
        "toxic",
        "refusal",
    ):
        assert name in names
    assert healthy.log.labels.column_names == ["request_id", "label", "label_time"]
    features = [f.name for f in healthy.log.world.inputs]
    assert len(features) == 12
    assert set(features) < set(names)
    assert 2 <= len(healthy.log.world.columns) <= 5


def test_rates_are_as_asked(healthy, world):
    live = healthy.live
    assert len(live) == pytest.approx(world.days * 1440 * world.per_minute, rel=0.15)
    assert (live.status >= 500).mean() == pytest.approx(world.error_rate, rel=0.25)
    assert live.score[live.status >= 500].isna().all()
    assert live.distance_km.isna().mean() == pytest.approx(0.05, abs=0.005)
    assert live.toxic.mean() == pytest.approx(0.002, abs=0.001)
    assert healthy.labels.mean() == pytest.approx(world.base_rate, abs=0.015)


def test_traffic_and_seasonal_inputs_follow_local_time(healthy, world):
    hour = healthy.live.time.dt.tz_convert(ZoneInfo(world.timezone)).dt.hour
    by_hour = healthy.live.groupby(hour).size()
    assert 12 <= by_hour.idxmax() <= 21
    assert by_hour.max() > 2 * by_hour.min()
    velocity = healthy.live.groupby(hour).velocity_1h.mean()
    assert velocity.max() > 1.3 * velocity.min()


def test_a_label_comes_after_its_request_and_before_the_end_of_the_log(healthy, world):
    at = healthy.live.set_index("request_id").time
    known = healthy.log.labels.to_pandas().set_index("request_id").label_time
    assert (known > at.loc[known.index]).all()
    assert (known < world.end).all()
    hours = (known - at.loc[known.index]).dt.total_seconds() / 3600
    assert hours.median() == pytest.approx(world.label_hours, rel=0.1)


def test_a_deploy_goes_to_a_fifth_and_then_to_everybody_while_the_former_version_shadows(world):
    at = world.live_from
    log = generate(replace(world, harmless_deploys=0, rollouts=tuple(canary(at, "B")), shadow=0.5))
    rows = log.events.to_pandas()
    live, shadow = rows[~rows.shadow], rows[rows.shadow]
    during = live[(live.time >= at) & (live.time < log.world.plan[-1].at)]
    assert (during.version == "B").mean() == pytest.approx(0.2, abs=0.02)
    assert (live[live.time >= log.world.plan[-1].at].version == "B").all()
    assert (shadow.version == "A").all()
    assert shadow.time.min() >= at
    served = live.set_index("request_id").version
    assert (served.loc[shadow.request_id.unique()] == "B").all()
    assert [change["version"] for change in log.changes] == ["B", "B"]


def test_shadow_calls_see_the_same_request(healthy):
    both = healthy.live.merge(healthy.shadow, on="request_id", suffixes=("", "_s"))
    assert len(both) > 500
    assert both.amount.equals(both.amount_s)
    assert both.distance_km.equals(both.distance_km_s)
    assert (both.version != both.version_s).all()
    assert np.corrcoef(both.score.fillna(0), both.score_s.fillna(0))[0, 1] > 0.8


def test_the_change_log_can_be_silent_or_full_of_innocents(world):
    small = replace(world, days=1, reference_days=0.5)
    assert generate(replace(small, announced=False)).changes == []
    changes = generate(replace(small, innocents=5)).changes
    assert sum(change["kind"] != "deploy" for change in changes) == 5
    assert changes == sorted(changes, key=lambda change: change["at"])


def test_rows_lie_in_order_of_arrival_nearly_in_order_of_time(healthy):
    seconds = healthy.rows.time.astype("int64").to_numpy() / 1e6
    late = np.maximum.accumulate(seconds) - seconds
    assert 0 < late.max() < 300


@pytest.mark.parametrize("format", ["parquet", "csv", "jsonl"])
def test_a_log_is_written_and_read_back(tmp_path, format):
    log = write(World(days=0.2, reference_days=0.1, per_minute=2, label_hours=0.5), tmp_path, format)
    read = {
        "parquet": pyarrow.parquet.read_table,
        "csv": pyarrow.csv.read_csv,
        "jsonl": pyarrow.json.read_json,
    }[format]
    for name, table in (("events", log.events), ("labels", log.labels)):
        back = read(tmp_path / f"{name}.{format}")
        assert back.column_names == table.column_names
        assert back.num_rows == table.num_rows > 0
    assert json.loads((tmp_path / "truth.json").read_text()) == log.truth
    lines = (tmp_path / "changes.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == log.changes


def test_labels_can_lie_in_the_rows(tmp_path):
    world = World(days=0.2, reference_days=0.1, per_minute=5, label_hours=0.5, harmless_deploys=0)
    own, joined = generate(world), write(replace(world, labels_in_row=True), tmp_path)
    assert not (tmp_path / "labels.parquet").exists()
    first = joined.events.to_pandas().drop_duplicates("request_id").dropna(subset="label")
    assert (
        first.set_index("request_id")
        .label.sort_index()
        .astype(int)
        .equals(own.labels.to_pandas().set_index("request_id").label.sort_index().astype(int))
    )


@pytest.mark.parametrize("wrong", [{"days": 3, "reference_days": 3}, {"segments": 0}, {"features": 0}])
def test_an_impossible_world_says_so(wrong):
    with pytest.raises(ValueError, match=r"reference_days|segment"):
        World(**wrong)
