"""A baseline is learnt the same way every time, kept in one file, and never read from something else."""

import zipfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from fireline.detect.baseline import Baseline, by_season, in_season
from fireline.detect.fit import Fit
from fireline.detect.judge import Judge
from fireline.detect.metrics import psi
from fireline.detect.season import CELLS, cells_of
from fireline.errors import InputError
from fireline.terms.counts import QUARTER, SERVICE, Scope
from tests.support import logs
from tests.support import town as towns


def equal(a: Baseline, b: Baseline) -> None:
    assert (a.plan, a.since, a.until) == (b.plan, b.since, b.until)
    assert list(a.plan.features) == list(b.plan.features)
    assert dict(a.psi_usual) == dict(b.psi_usual)
    assert a.fits.keys() == b.fits.keys()
    assert a.totals.keys() == b.totals.keys()
    for key, one in a.fits.items():
        for item in fields(Fit):
            np.testing.assert_array_equal(getattr(one, item.name), getattr(b.fits[key], item.name))
    for key, total in a.totals.items():
        np.testing.assert_array_equal(total, b.totals[key])


def test_a_saved_baseline_is_the_one_that_was_learnt(tmp_path: Path) -> None:
    _, baseline = towns.calm()
    baseline.save(tmp_path / "b.npz")
    equal(Baseline.load(tmp_path / "b.npz"), baseline)


def test_the_same_baseline_is_the_same_bytes(tmp_path: Path) -> None:
    _, baseline = towns.calm()
    for name in ("a", "b"):
        baseline.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_a_loaded_baseline_judges_as_the_learnt_one(tmp_path: Path) -> None:
    town, baseline = towns.calm()
    baseline.save(tmp_path / "b.npz")
    loaded = Baseline.load(tmp_path / "b.npz")
    states = []
    for one in (baseline, loaded):
        judge = Judge(one, towns.runbook(), town.at(28))
        judge.advance(town.read, town.at(29), town.at(29))
        states.append(judge.save())
    assert states[0] == states[1]


def test_segments_of_any_name_find_their_way_back(tmp_path: Path) -> None:
    _, baseline = towns.calm()
    one = next(iter(baseline.fits.values()))
    odd = [
        Scope("segment", c, v) for c in ("a=b", "a|b", "%3D") for v in ("", "=", "x|y|z", "a/../b", "ü.npy")
    ]
    several = replace(
        baseline,
        fits={("null_rate", s): one for s in odd},
        totals={("rates", s): np.ones((CELLS, 2)) for s in odd},
    )
    several.save(tmp_path / "b.npz")
    loaded = Baseline.load(tmp_path / "b.npz")
    assert list(loaded.fits) == list(several.fits)
    assert list(loaded.totals) == list(several.totals)


def _nothing(path: Path) -> None:
    path.write_bytes(b"")


def _words(path: Path) -> None:
    path.write_text("service: x")


def _one_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.arange(3))


def _other_arrays(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.arange(3))


def _cut_short(path: Path) -> None:
    towns.calm()[1].save(path)
    path.write_bytes(path.read_bytes()[:5000])


def _flipped(path: Path) -> None:
    towns.calm()[1].save(path)
    body = bytearray(path.read_bytes())
    body[2000:2040] = bytes(40)
    path.write_bytes(bytes(body))


def _older(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive, archive.open("meta.npy", "w") as file:
        np.save(file, np.frombuffer(b'{"format": 1}', np.uint8))


@pytest.mark.parametrize("spoil", [_nothing, _words, _one_array, _other_arrays, _cut_short, _flipped, _older])
def test_what_is_no_baseline_is_answered_with_file_and_advice(tmp_path: Path, spoil) -> None:
    path = tmp_path / "runbook.baseline.npz"
    spoil(path)
    with pytest.raises(InputError, match="baseline") as caught:
        Baseline.load(path)
    assert caught.value.where.file == str(path)
    assert "fireline init" in caught.value.todo


def test_a_missing_file_is_answered_likewise(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="baseline"):
        Baseline.load(tmp_path / "none.npz")


# -- how the reference looks at these hours


def test_totals_by_season_hold_every_event() -> None:
    town, baseline = towns.calm()
    for (layout, scope), total in baseline.totals.items():
        grain = town.plan.layout(layout).grains[scope.kind]
        days = slice(0, 28 * 86_400 // grain)
        np.testing.assert_array_equal(total.sum(axis=0), town.tables[layout, grain][scope][days].sum(axis=0))


def test_the_reference_in_season_is_weighed_by_when_events_fell() -> None:
    totals = np.zeros((CELLS, 2), np.int64)
    totals[3], totals[15] = (90, 10), (100, 900)
    day = in_season(totals, np.array([15, 15]), np.array([4, 6]))
    assert day.sum() == pytest.approx(totals.sum())
    whole = totals.sum(axis=0) / totals.sum()
    assert day / day.sum() == pytest.approx(0.95 * np.array([0.1, 0.9]) + 0.05 * whole)
    unseen = in_season(totals, np.array([20]), np.array([5]))
    assert unseen / unseen.sum() == pytest.approx(whole)


def test_a_usual_day_reads_what_chance_reads() -> None:
    """Without drift a day's PSI lies below its 95 % point nineteen times in twenty."""
    town, baseline = towns.calm()
    layout = town.plan.shapes
    few, usual = baseline.psi_usual[SERVICE, "feature:x"]
    assert few > usual > 0
    counts = town.tables["shapes", QUARTER][SERVICE][28 * 96 :, layout.span("feature:x")]
    first = logs.START // QUARTER + 28 * 96
    cells = cells_of(np.arange(first, first + len(counts)), QUARTER, town.plan.timezone)
    totals = baseline.totals["shapes", SERVICE][:, layout.span("feature:x")]
    days = [slice(i, i + 96) for i in range(0, len(counts), 96)]
    read = [psi(in_season(totals, cells[d], counts[d].sum(axis=1)), counts[d].sum(axis=0)) for d in days]
    assert np.mean(np.array(read) > usual) < 0.25
    assert np.max(read) < 3 * usual


def test_totals_of_a_tick_without_events_are_nothing() -> None:
    assert by_season(np.zeros((5, 3), np.int64), np.arange(5)).sum() == 0
