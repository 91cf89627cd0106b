"""Training and serving: the distance is unbiased, a skew there already is told once, a growing one fires."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from fireline.cli.app import app
from fireline.clock import iso
from fireline.detect.baseline import Baseline
from fireline.detect.example import plan as example
from fireline.detect.monitors.training_skew import TrainingSkew
from fireline.detect.skew import skews
from fireline.drill.fault import Fault
from fireline.drill.faults.training_serving_skew import FAULT, TWIN
from fireline.drill.worlds import World, write
from fireline.errors import InputError
from fireline.ingest import training_of
from fireline.runbook.load import load
from fireline.terms.alert import Alert
from tests.drill.test_notices import Books, alerts

WORLD = World(seed=11, days=3.2, reference_days=2.4, per_minute=8, features=5, segments=1, label_hours=2,
              harmless_deploys=0, timezone="UTC", signals=False)  # fmt: skip


def test_the_distance_is_unbiased_and_varies_as_stated():
    shares = np.array([0.4, 0.3, 0.2, 0.1, 0, 0, 0])
    made = example()
    age = replace(made.shapes.by_name["feature:age"], shares=tuple(shares))
    shapes = replace(made.shapes, series=(age, *made.shapes.series[1:]))
    training = (250, 250, 250, 250, 0, 0, 0)
    made = replace(made, shapes=shapes, training={"age": training})
    counts = np.zeros((20_000, shapes.width), np.int64)
    counts[:, shapes.span("feature:age")] = np.random.default_rng(5).multinomial(60, shares, 20_000)
    found = TrainingSkew().ticks(made, counts)
    p = np.maximum(np.array(training) / 1000, 1e-3)
    p /= p.sum()
    error = found.value.std() / np.sqrt(20_000)
    assert found.value.mean() == pytest.approx((shares**2 / p).sum() - 1, abs=4 * error)
    assert found.value.var() == pytest.approx(found.variance[0, 0], rel=0.05)


@pytest.fixture(scope="module")
def drafted(tmp_path_factory) -> Callable[[float], Path]:
    """A runbook by ``fireline init``, of a model whose training data had f times the first input."""
    made: dict[float, Path] = {}

    def of(factor: float) -> Path:
        if factor not in made:
            folder = tmp_path_factory.mktemp("trained")
            write(WORLD, folder)
            events = pq.read_table(folder / "events.parquet")
            past = events.filter(pc.less(events["time"], pa.scalar(WORLD.live_from, events["time"].type)))
            for name in _numeric():
                at = past.column_names.index(name)
                past = past.set_column(at, name, pc.multiply(past[name], factor))
            pq.write_table(past, folder / "training.parquet")
            result = CliRunner().invoke(app, [
                "init", str(folder / "events.parquet"), "--labels", str(folder / "labels.parquet"),
                "--service", WORLD.service, "--until", iso(WORLD.live_from), "--timezone", "UTC",
                "--training", str(folder / "training.parquet"), "-o", str(folder / "runbook.yaml"),
            ])  # fmt: skip
            assert result.exit_code == 0, result.output
            (folder / "said.txt").write_text(result.output, encoding="utf-8")
            made[factor] = folder
        return made[factor]

    return of


def _numeric() -> list[str]:
    return [one.name for one in WORLD.inputs if one.numeric]


def told(folder: Path, world: World, tmp_path: Path) -> list[Alert]:
    """What the monitor says of the world's live part."""
    books = Books(load(folder / "runbook.yaml"), Baseline.load(folder / "runbook.baseline.npz"))
    return [one for one in alerts(books, world, tmp_path) if one.finding.monitor == "training_skew"]


def played(fault: Fault, **other: str) -> World:
    return fault.play(WORLD, "large", where="service", onset=WORLD.live_from + timedelta(hours=4), **other)


def test_inputs_served_otherwise_than_trained_are_named_and_the_harmless_twin_is_not(drafted, tmp_path):
    folder = drafted(1.0)
    assert "served otherwise" not in (folder / "said.txt").read_text(encoding="utf-8")
    world = played(FAULT, kind="logged")
    found = told(folder, world, tmp_path / "fault")
    assert found
    assert found[0].urgency == "ticket"
    assert found[0].finding.feature in world.truth["features"]
    assert found[0].fired_at > world.live_from + timedelta(hours=4)
    assert "PSI" in found[0].because
    assert not told(folder, played(TWIN), tmp_path / "twin")


def test_a_skew_that_the_reference_has_is_told_once_and_only_a_growing_one_fires(drafted, tmp_path):
    folder = drafted(1.5)
    there = [skew.feature for skew in skews(Baseline.load(folder / "runbook.baseline.npz"))]
    assert there
    said = (folder / "said.txt").read_text(encoding="utf-8")
    checked = CliRunner().invoke(app, ["check", str(folder / "runbook.yaml"), "--json"]).output
    warned = [one["says"] for one in json.loads(checked) if one["key"] == "training"]
    assert len(warned) == len(there)
    for name, says in zip(there, warned, strict=True):
        assert f"served otherwise than trained: {name} (PSI" in says
        assert name in said
    assert not told(folder, WORLD, tmp_path / "same")
    assert told(folder, played(FAULT, kind="logged"), tmp_path / "more")


def test_the_training_data_is_counted_over_the_references_bins_whatever_its_format(drafted, tmp_path):
    folder = drafted(1.0)
    table = pq.read_table(folder / "training.parquet")
    plan = Baseline.load(folder / "runbook.baseline.npz").plan
    pa.csv.write_csv(table, tmp_path / "training.csv")
    assert training_of(plan, tmp_path / "training.csv") == plan.training
    for name in _numeric():
        assert plan.training[name] == pytest.approx(
            np.array(plan.shapes.by_name[f"feature:{name}"].shares) * len(table), abs=5
        )


def test_training_data_that_cannot_be_compared_is_refused_with_what_to_do(drafted, tmp_path):
    plan = Baseline.load(drafted(1.0) / "runbook.baseline.npz").plan
    with pytest.raises(InputError, match="not there"):
        training_of(plan, tmp_path / "nowhere.parquet")
    pq.write_table(pa.table({"other": [1.0]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="no input of the model"):
        training_of(plan, tmp_path / "other.parquet")
    pq.write_table(pa.table({_numeric()[0]: [1.0]}), tmp_path / "few.parquet")
    with pytest.raises(InputError, match="1 rows, too few"):
        training_of(plan, tmp_path / "few.parquet")
