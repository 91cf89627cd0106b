"""Baselines through the API, the pages and the command line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from fireline.baselines import propose
from fireline.cli import baseline as cli
from fireline.cli.entry import main
from fireline.clock import iso
from fireline.detect.baseline import Baseline
from fireline.runbook.load import load
from fireline.web.app import create_app
from fireline.web.auth import Access
from tests.support.living import BEGIN, SERVICE, SINCE, Living, write_book
from tests.support.spring import NOW

DAY = timedelta(days=1)
PLACE = f"/v1/services/{SERVICE}/baselines"


@pytest.fixture(scope="module")
def played(spring_state: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    place, state = spring_state
    one = Living(place, Path(shutil.copytree(state, tmp_path_factory.mktemp("doors") / "state")), NOW)
    yield one
    one.store.close()


@pytest.fixture
def here(played: Living, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(propose, "LEAST", 2)
    app = create_app(played.running, Access(open_on_loopback=True), begin=False)
    return TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000))


def test_days_are_proposed_shown_and_accepted_over_http_and_back(here: TestClient, played: Living) -> None:
    bad = here.post(PLACE, json={"since": "2026-01-19T00:00:00", "until": iso(BEGIN + 2 * DAY)})
    assert bad.status_code == 422, bad.text
    made = here.post(PLACE, json={"since": iso(BEGIN), "until": iso(BEGIN + 2 * DAY), "because": "spring"})
    assert made.status_code == 201, made.text
    (one,) = made.json()["proposals"]
    page = here.get(f"/baselines/{SERVICE}").text
    assert f'action="/baselines/{SERVICE}/{one["id"]}/accept"' in page
    assert "spring" in page
    assert here.post(f"{PLACE}/{one['id']}/reject", json={}).status_code == 409
    assert here.post(f"{PLACE}/{one['id']}/frob", json={}).status_code == 422
    told = here.post(f"{PLACE}/{one['id']}/accept", json={"because": "it is spring"}).json()
    assert told["active"] == one["id"]
    assert told["journal"][-1]["because"] == "it is spring"
    assert played.pulse.book.runbook.reference.since == BEGIN
    back = here.post(f"{PLACE}/own/back", json={"because": "winter again"}).json()
    assert back["active"] == ""
    assert played.pulse.book.runbook.reference.since == SINCE
    assert "winter again" in here.get(f"/baselines/{SERVICE}").text
    assert here.get("/baselines/nobody").status_code == 404


def test_the_commands_ask_the_same(here: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    class Asked:
        def get(self, path: str, **query: Any) -> Any:
            return here.get(path, params=query).json()

        def post(self, path: str, body: Any) -> Any:
            return here.post(path, json=body).json()

    monkeypatch.setattr(cli, "client", lambda url, token: Asked())
    days = ["--since", iso(BEGIN)[:10], "--until", iso(BEGIN + 2 * DAY)[:10]]
    assert main(["baseline", "propose", SERVICE, *days, "-m", "again"]) == 0
    assert main(["baseline", "list", SERVICE]) == 0
    said = capsys.readouterr().out
    assert "the runbook's own" in said
    assert "in force" in said


def test_a_baseline_is_taken_from_a_log_beside_the_old_one(tmp_path: Path, capsys: Any) -> None:
    place = write_book(tmp_path)
    text = place.read_text().replace("reference: {", "# what is normal\nreference: {")
    place.write_text(text)
    log = str(tmp_path / "past.parquet")
    asked = [
        "baseline",
        "take",
        str(place),
        "--events",
        log,
        "--since",
        "2026-01-07",
        "--until",
        "2026-01-15",
    ]
    assert main(asked) == 0
    runbook = load(place)
    assert iso(runbook.reference.since) == "2026-01-07T00:00:00Z"
    assert "# what is normal" in place.read_text()
    assert (tmp_path / "runbook.baseline.npz").exists(), "the old one is kept"
    new = Baseline.load(tmp_path / runbook.reference.baseline)
    assert new.since < new.until
    assert pq.read_table(log).num_rows > 0
    before = place.read_text()
    assert main([*asked[:-3], "2030-01-07", "--until", "2030-01-15"]) == 2
    assert place.read_text() == before, "what fails changes nothing"
    assert not list(tmp_path.glob(".runbook*"))
