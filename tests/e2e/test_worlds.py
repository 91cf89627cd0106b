"""Whole stories: a played service's log, `fireline init` and `fireline replay`, and what they say of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.cli.entry import main
from fireline.clock import iso, parse_time
from fireline.drill.faults import faults, twins
from fireline.drill.worlds import World, write

WORLD = World(days=12, reference_days=9, per_minute=4, features=4, segments=1, label_hours=4)


@dataclass(frozen=True)
class Story:
    """What a replay said of one world."""

    truth: dict[str, Any]
    incidents: list[dict[str, Any]]
    report: str

    @property
    def paged(self) -> list[dict[str, Any]]:
        """Incidents with a page, merged ones left out."""
        return [i for i in self.incidents if i["state"] != "merged" and pages(i)]

    @property
    def measures(self) -> list[dict[str, Any]]:
        return [m for i in self.incidents for m in i["measures"]]

    @property
    def onset(self) -> datetime:
        return parse_time(self.truth["onset"])

    def the_incident(self) -> dict[str, Any]:
        """The one incident that paged."""
        (one,) = self.paged
        return one


def pages(incident: dict[str, Any]) -> list[dict[str, Any]]:
    return [a for a in incident["alerts"] if a["urgency"] == "page"]


def cause(incident: dict[str, Any]) -> str:
    return str(next(c["cause"] for c in incident["causes"] if not c.get("rejected")))


def told(world: World, folder: Path) -> Story:
    """Plays ``world``, drafts a runbook from its reference and replays the rest, all by the command line."""
    log = write(world, folder)
    events, labels, changes = (str(folder / f) for f in ("events.parquet", "labels.parquet", "changes.jsonl"))
    book, out = str(folder / "runbook.yaml"), folder / "out"
    logs = ["--labels", labels, "--changes", changes, "--quiet"]
    zone, until = world.timezone, iso(world.live_from)
    said = ["--service", world.service, "--timezone", zone, "--until", until, "-o", book]
    assert main(["init", events, *said, *logs]) == 0
    assert main(["replay", book, "--events", events, "--out", str(out), *logs]) == 0
    incidents = json.loads((out / "incidents.json").read_text(encoding="utf-8"))
    return Story(log.truth, incidents, (out / "report.html").read_text(encoding="utf-8"))


def onset_covers(story: Story, incident: dict[str, Any], slack: timedelta = timedelta(minutes=15)) -> bool:
    earliest, latest = (parse_time(t) for t in incident["onset"])
    return earliest - slack <= story.onset <= latest + slack


def delay(story: Story, incident: dict[str, Any], family: str) -> timedelta:
    """From the onset to the first alert of a family."""
    return min(parse_time(a["fired_at"]) for a in incident["alerts"] if a["family"] == family) - story.onset


def test_a_healthy_service_with_a_harmless_deploy_pages_nobody(tmp_path: Path) -> None:
    story = told(twins()["harmless_deploy"].play(WORLD), tmp_path)
    assert story.paged == []
    assert story.measures == []


@pytest.mark.parametrize("announced", [True, False])
def test_a_bad_deploy_is_one_incident_and_taken_back(tmp_path: Path, announced: bool) -> None:
    world = WORLD.with_(announced=announced, innocents=0 if not announced else 5)
    story = told(faults()["bad_deploy"].play(world, "large"), tmp_path)
    one = story.the_incident()
    assert cause(one) == "deploy"
    assert onset_covers(story, one)
    assert delay(story, one, "drift") < timedelta(hours=6)
    assert [(m["action"], m["params"]) for m in one["measures"]] == [
        ("rollback", {"from": "B", "to": story.truth["former"]})
    ]
    assert one["verdicts"]
    assert one["causes"][0]["change"]["version"] == "B"
    assert "roll" in story.report


def test_nulls_from_upstream_are_told_from_a_deploy(tmp_path: Path) -> None:
    story = told(faults()["null_jump"].play(WORLD.with_(innocents=5), "large", where="service"), tmp_path)
    one = story.the_incident()
    assert cause(one) == "upstream_data"
    assert onset_covers(story, one)
    assert delay(story, one, "null_rate") < timedelta(hours=1)
    assert {a["feature"] for a in pages(one) if a["family"] == "null_rate"} == set(story.truth["features"])
    assert not [m for m in story.measures if m["action"] == "rollback"]


def test_an_outage_is_the_platforms(tmp_path: Path) -> None:
    story = told(faults()["outage"].play(WORLD, "large"), tmp_path)
    one = story.the_incident()
    assert cause(one) == "infrastructure"
    assert onset_covers(story, one)
    assert delay(story, one, "error_rate") < timedelta(minutes=30)
    assert not [m for m in story.measures if m["action"] == "rollback"]


def test_broken_labels_leave_the_model_alone(tmp_path: Path) -> None:
    story = told(faults()["label_break"].play(WORLD, "large"), tmp_path)
    one = story.the_incident()
    assert cause(one) == "label_pipeline"
    assert story.measures == []


def test_drift_by_itself_asks_for_no_measure(tmp_path: Path) -> None:
    story = told(faults()["mix_drift"].play(WORLD, "large", where="service", shape="ramp"), tmp_path)
    drifting = [i for i in story.incidents if {"drift", "score_drift"} & {a["family"] for a in i["alerts"]}]
    assert drifting
    assert {cause(i) for i in drifting} <= {"natural_drift", "concept_drift"}
    assert story.measures == []


def month(seed: int) -> World:
    """A service-month without a fault: seasons, slow wobble, a harmless deploy."""
    return World(seed=seed, days=58, reference_days=28, per_minute=4, features=8, segments=3)


def quiet(worlds: list[World], folder: Path) -> None:
    """At most one false page a service-month, and no measure at all."""
    stories = [told(world, folder / str(place)) for place, world in enumerate(worlds)]
    assert sum(len(story.paged) for story in stories) <= len(worlds)
    assert [m["because"] for story in stories for m in story.measures] == []


def test_two_healthy_services_ask_for_nothing(tmp_path: Path) -> None:
    quiet([WORLD.with_(seed=seed, days=14) for seed in range(1, 3)], tmp_path)


@pytest.mark.soak
def test_thirty_healthy_service_months_ask_for_nothing(tmp_path: Path) -> None:
    quiet([month(seed) for seed in range(30)], tmp_path)
