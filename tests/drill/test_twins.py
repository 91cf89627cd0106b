"""A harmless twin changes something, and hurts nobody."""

from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from fireline.drill.faults import twins
from fireline.drill.worlds import generate
from tests.drill.looking import Look, auc, bias


@pytest.fixture(scope="module")
def played(world):
    return {
        name: Look(generate(twin.play(world, "large"))) for name, twin in twins().items() if not twin.needs
    }


@pytest.mark.parametrize("name", sorted(name for name, twin in twins().items() if not twin.needs))
def test_a_twin_changes_something_but_not_the_quality(name, played, healthy, world):
    look = played[name]
    assert look.truth["harmless"]
    assert not (look.log.events.equals(healthy.log.events) and look.log.labels.equals(healthy.log.labels))
    live = look.live[look.live.time >= look.log.world.live_from]
    usual = healthy.live[healthy.live.time >= world.live_from]
    assert auc(live) == pytest.approx(auc(usual), abs=0.012)
    assert bias(live) == pytest.approx(bias(usual), abs=0.006)
    assert (live.status >= 500).mean() == pytest.approx((usual.status >= 500).mean(), abs=0.002)
    assert live.latency_ms.median() == pytest.approx(usual.latency_ms.median(), rel=0.05)
    assert live.toxic.mean() == pytest.approx(usual.toxic.mean(), abs=0.002)
    gaps = [f.name for f in world.inputs]
    assert (live[gaps].isna().mean() - usual[gaps].isna().mean()).abs().max() < 0.02


def test_a_harmless_deploy_serves_everybody_with_a_model_a_hair_apart(played, healthy):
    hit = played["harmless_deploy"].hit
    assert set(hit.version) == {"B"}
    same = healthy.live.set_index("request_id").score.loc[hit.request_id].to_numpy()
    assert 0 < abs(hit.score - same).mean() < 0.02


def test_a_campaign_brings_more_of_the_same_people(played, healthy):
    hit, look = played["campaign"].hit, played["campaign"]
    span = (healthy.live.time >= hit.time.min()) & (healthy.live.time <= hit.time.max())
    usual = healthy.live[span]
    assert len(hit) == pytest.approx(1.5 * len(usual), rel=0.05)
    mix = hit.region.value_counts(normalize=True) - usual.region.value_counts(normalize=True)
    assert mix.abs().max() < 0.02
    assert [change["kind"] for change in look.log.changes].count("campaign") == 1


def test_a_holiday_is_announced_and_quiet(played, healthy):
    hit = played["holiday_dip"].hit
    usual = healthy.live[(healthy.live.time >= hit.time.min()) & (healthy.live.time <= hit.time.max())]
    assert 0.35 < len(hit) / len(usual) < 0.55
    assert any(change["kind"] == "holiday" for change in played["holiday_dip"].log.changes)


def test_a_backfill_arrives_late_and_complete(played, healthy):
    rows = played["backfill"].rows
    late = rows.time.cummax() - rows.time > pd.Timedelta(hours=3)
    assert late.mean() > 0.002
    key = ["time", "request_id", "shadow"]
    assert sorted(map(tuple, rows[key].to_numpy())) == sorted(map(tuple, healthy.rows[key].to_numpy()))


def test_blips_last_two_minutes(played, healthy):
    look = played["error_blips"]
    usual = healthy.live.set_index("request_id").status
    more = look.live[(look.live.status >= 500) & (usual.loc[look.live.request_id].to_numpy() < 500)]
    assert len(more) > 0
    assert more.time.dt.floor("min").nunique() <= 3 * look.truth["blips"]


def test_after_the_clocks_change_people_keep_their_local_hours(played):
    look = played["clock_change"]
    zone = ZoneInfo(look.log.world.timezone)
    offsets = {at.astimezone(zone).utcoffset() for at in look.live.time}
    assert len(offsets) == 2
    before, after = look.live[look.live.time < look.onset], look.live[look.live.time >= look.onset]

    def quietest(frame: pd.DataFrame) -> tuple[int, int]:
        local = frame.time.dt.tz_convert(zone).dt.hour.between(1, 5).mean()
        return round(local, 2), len(frame)

    assert quietest(before)[0] == pytest.approx(quietest(after)[0], abs=0.04)
