"""The real loop on the simulation's stage: scripted findings and truth, and every write a place to die."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast

from fireline.act import SimulatedSwitchBoard, Worker
from fireline.casefile import CaseFile
from fireline.clock import ManualClock, micros
from fireline.detect.grouping import Desk
from fireline.drill.simulation import Life, Scene
from fireline.drill.simulation.scene import BEGIN
from fireline.learn import ReviewFacts
from fireline.loop import House, tick
from fireline.replay import moments
from fireline.runbook.default_decisions import default_decisions
from fireline.runbook.schema import Runbook
from fireline.store import Store
from fireline.terms.alert import Finding, finding_of
from fireline.terms.cause import Cause, CauseKind
from fireline.terms.change import Change
from fireline.terms.incident import Incident
from fireline.terms.measure import MeasureState
from fireline.terms.severity import Severity
from fireline.terms.timeline import Draft, EntryKind
from fireline.triage.case import Assessment
from fireline.verify import Obedience
from fireline.verify.recovery import Recovery
from tests.lifecycle.make import runbook

DAYS = 4
SCRIPTS = 10
DONE = "loop is done"


def agreed() -> Runbook:
    """A runbook whose every row acts by itself."""
    rows = [{**row, "authority": "auto"} for row in default_decisions()]
    return runbook(decisions=rows, watch="12h")


@dataclass
class Script:
    """What happens: findings, and from when on each trouble is over. The same for the same number."""

    number: int
    findings: list[Finding] = field(default_factory=list)
    over: dict[str, datetime] = field(default_factory=dict)
    real: bool = False

    def __post_init__(self) -> None:
        rng = Random(f"script {self.number}")
        self.real = self.number % 2 == 1
        for trouble in range(rng.randrange(1, 4)):
            first = BEGIN + timedelta(minutes=rng.randrange(0, 2 * 1440))
            family, feature = rng.choice((("error_rate", None), ("null_rate", f"x{trouble}"), ("auc", None)))
            version = rng.choice(("B", None))
            self.over[f"{family} {feature}"] = first + timedelta(hours=rng.randrange(3, 60))
            for again in range(rng.randrange(1, 5)):
                at = first + timedelta(minutes=37 * again)
                self.findings.append(_finding(family, feature, version, at))
        self.findings.sort(key=lambda f: f.at)

    @property
    def end(self) -> datetime:
        return BEGIN + timedelta(days=DAYS)


def _finding(family: str, feature: str | None, version: str | None, at: datetime) -> Finding:
    return Finding(
        monitor=family, family=family, series="rates", at=at, urgency="page", evidence=6.0, threshold=4.0,
        feature=feature, version=version, seen=0.2, usual=0.01, unit="share",
        since=at - timedelta(minutes=20), because=f"{family} is off",
        details={"level": "page", "events": 5000},
    )  # fmt: skip


class ScriptedFile:
    """Stands where the case file stands, and knows the script."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def case(self, findings: Sequence[Finding], now: datetime) -> Sequence[Finding]:
        return tuple(findings)

    def is_moot(self, finding: Finding, now: datetime) -> bool:
        return False

    def shares(self, now: datetime) -> dict[str, float]:
        return {"A": 0.2, "B": 0.8}

    def comparison(self, *_: Any) -> None:
        return None

    watched = comparison

    def recoveries(self, incident: Incident, now: datetime) -> list[Recovery]:
        found = []
        for alert in incident.alerts:
            over = self.script.over[f"{alert['family']} {alert['feature']}"]
            found.append(
                Recovery(alert["id"], alert["family"], over <= now, over, 3.0, 2.0, "it is as usual again")
            )
        return found

    def obedience(self, *_: Any) -> Obedience:
        return Obedience()  # traffic is seen by `see_traffic`, between two ticks

    def review_facts(self, incident: Incident, now: datetime) -> ReviewFacts:
        return ReviewFacts(now)


def assess(findings: Sequence[Finding]) -> Assessment:
    """The version is to blame where a finding names one; else nothing is known."""
    first = findings[0]
    bad = next((f.version for f in findings if f.version), None)
    change = Change(first.since or first.at, "deploy", f"model {bad}", "flights", bad) if bad else None
    kind = CauseKind.DEPLOY if bad else CauseKind.UPSTREAM_DATA
    cause = Cause(kind, 0.9, f"{len(findings)} findings say so.", change)
    onset = (first.at - timedelta(minutes=30), first.at)
    return Assessment(
        onset, Severity.SEV1, "It is bad.", f"{first.family} is off", None, bad, (cause,), (), ()
    )


def loop(life: Life) -> None:
    """One life of the process: takes up what is written, plays to the end of the script, and rests."""
    script = script_of(life.scene)
    store, clock = life.store(), ManualClock(BEGIN)
    house = open_house(store, clock, script, life.hand("plane"), f"{life.name}-{life.born}")
    torn = house.bookmark.now
    if torn is not None:
        clock.move_to(torn)
        desk = store.get_state("desk:flights")
        if desk is not None:
            house.desk.restore(desk.body)
        tick(house, [f for f in script.findings if f.at == torn])
    step = timedelta(hours=6)
    at = BEGIN + (clock.now() - BEGIN) // step * step
    while at < script.end or is_tried(store):
        at += step
        if script.real:
            see_traffic(house, life.hand("plane"))
        moments(house, clock, script.findings, micros(at))
    with store.begin() as tx:
        tx.put_state(DONE, 0, b"")
    while True:
        life.rest()


def is_tried(store: Store) -> bool:
    """Whether a measure's outcome is open: a line broke, and whether production obeys only another try can
    tell. A play that ended there would end before its story does."""
    return bool(store.measures(states={MeasureState.REQUESTED, MeasureState.CLAIMED}))


def script_of(scene: Scene) -> Script:
    return Script(scene.fate.seed % SCRIPTS)


def open_house(store: Store, clock: ManualClock, script: Script, plane: Any, name: str) -> House:
    book = agreed()
    worker = Worker(store, plane if script.real else SimulatedSwitchBoard(), clock, name="loop")
    return House(
        store, book, Desk(book, lambda finding: None), cast(CaseFile, ScriptedFile(script)), worker, clock,
        "real" if script.real else "replay", lambda incident, entry: None, assess=cast(Any, assess),
    )  # fmt: skip


def see_traffic(house: House, plane: Any) -> None:
    """What live traffic obeys is confirmed."""
    for measure in house.store.measures(house.service, states={MeasureState.APPLIED}):
        switch = plane.current(house.service)
        if switch is not None and any(route.measure == measure.id for route in switch.routes):
            with house.store.begin() as tx:
                said = Draft(EntryKind.CONFIRMED, "Seen in traffic.", {"measure": measure.id})
                tx.append(measure.incident, said, house.clock.now())
    house.forget()


def told(store: Store) -> dict[str, list[tuple[str, str, Any]]]:
    """Every journal: kinds, times and data."""
    return {
        name: [(entry.kind.value, entry.at.isoformat(), dict(entry.data)) for entry in store.entries(name)]
        for name in store.incidents()
    }


def alerts(store: Store) -> list[str]:
    """Every alert, wherever it is filed."""
    found = [finding_of(a) for name in store.incidents() for a in store.incident(name).alerts]
    return sorted({f"{f.family} {f.feature} {f.version} {f.at.isoformat()}" for f in found})
