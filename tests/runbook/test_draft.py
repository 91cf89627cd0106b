"""Drafting a runbook: what the log tells is filled in, what it cannot tell is marked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fireline.errors import InputError
from fireline.runbook.check import check
from fireline.runbook.draft import Draft, draft
from fireline.runbook.load import parse
from fireline.runbook.schema import Contact
from fireline.terms.change import Change
from fireline.terms.role import Role
from tests.support.books import log

UNTIL = datetime(2026, 1, 20, tzinfo=UTC)


def drafted(table: pa.Table | None = None, **how: Any) -> Draft:
    return draft(log() if table is None else table, "pricing", how.pop("until", UNTIL), **how)


def test_a_draft_reads_back_as_the_value_it_is() -> None:
    made = drafted()
    assert parse(made.text).runbook == made.runbook
    assert made.text == drafted().text


def test_a_fresh_draft_lacks_only_people_for_a_sev1() -> None:
    file = parse(drafted(timezone="Europe/Paris").text)
    assert [one.key for one in check(file, baseline=True) if one.level == "error"] == ["ownership.contacts"]
    named = drafted(contacts=[Contact(name="Ada", role=Role.COMMANDER, reach="+1")], team="Revenue")
    assert not [one for one in check(parse(named.text), baseline=True) if one.level == "error"]


def test_everything_only_observes() -> None:
    assert {row.authority for row in drafted().runbook.decisions} == {"observe"}


def test_the_zone_is_a_guess_until_somebody_says_it() -> None:
    assert "timezone: UTC  # fill in" in drafted().text
    assert "timezone: Asia/Tokyo\n" in drafted(timezone="Asia/Tokyo").text


def test_the_reference_ends_at_until_and_is_at_most_eight_weeks() -> None:
    short = drafted().runbook.reference
    assert (short.since, short.until) == (datetime(2026, 1, 1, tzinfo=UTC), UNTIL)
    long = drafted(log(days=100), until=datetime(2026, 4, 1, tzinfo=UTC)).runbook.reference
    assert long.until - long.since == timedelta(days=56)


@pytest.mark.parametrize("until", [datetime(2025, 6, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 5, tzinfo=UTC)])
def test_too_little_before_until_is_said_with_the_first_event(until: datetime) -> None:
    with pytest.raises(InputError, match="the first is of 2026-01-01T00:00:00Z"):
        drafted(until=until)


def test_labels_are_judged_when_nine_in_ten_have_come() -> None:
    labels = drafted().runbook.labels
    assert labels is not None
    assert labels.age == timedelta(hours=6), "delays are 2 to 6 hours"
    assert labels.usual_share == 1.0
    assert labels.positive == "1"


def test_label_delays_are_not_judged_by_the_fast_ones_alone() -> None:
    """Half of the labels take nine days; at the end of the reference only the fast ones have come."""
    table = log(rows=6_000, days=30)
    at = table.column("timestamp").to_pylist()
    slow = [t + (timedelta(days=9) if i % 2 else timedelta(hours=1)) for i, t in enumerate(at)]
    made = drafted(
        log(rows=6_000, days=30, label_time=pa.array(slow)), until=datetime(2026, 1, 31, tzinfo=UTC)
    )
    assert made.runbook.labels is not None
    assert made.runbook.labels.age == timedelta(days=10)
    assert made.runbook.labels.usual_share == pytest.approx(1.0, abs=0.01)


def test_what_became_known_after_until_is_not_used() -> None:
    table = log()
    late = pa.array([UNTIL + timedelta(hours=1)] * len(table))
    assert drafted(log(label_time=late)).runbook.labels is None


def test_a_share_without_labels_is_the_usual_share() -> None:
    table = log(label=None, label_time=None)
    ids, at = table.column("request_id").to_pylist(), table.column("timestamp").to_pylist()
    labels = pa.table({
        "request_id": ids[::2], "label": [0, 1] * (len(ids) // 4),
        "label_time": pa.array([t + timedelta(minutes=50) for t in at[::2]]),
    })  # fmt: skip
    found = drafted(table, labels=labels).runbook.labels
    assert found is not None
    assert found.usual_share == pytest.approx(0.5, abs=0.01)
    assert found.age == timedelta(hours=1)


def test_a_log_without_labels_promises_no_quality() -> None:
    runbook = drafted(log(label=None, label_time=None)).runbook
    assert runbook.labels is None
    assert {slo.indicator for slo in runbook.slos} == {"availability", "latency"}


def test_promises_would_have_been_kept_by_the_reference() -> None:
    table = log()
    by_name = {slo.indicator: slo for slo in drafted(table).runbook.slos}
    errors = float(np.mean(table.column("http_status").to_numpy() >= 500))
    assert 1 - by_name["availability"].objective >= errors
    p95 = float(np.quantile(table.column("duration_ms").to_numpy(), 0.95))
    assert p95 < (by_name["latency"].threshold or 0) < 1.5 * p95
    assert 0.5 <= (by_name["auc"].threshold or 0) < 0.85


def test_the_last_known_good_is_who_served_most_of_the_end() -> None:
    rows = 3_000
    versions = np.where(np.arange(rows) < 1_800, "v1", np.where(np.arange(rows) % 5 == 0, "v3", "v2"))
    deploy = Change(datetime(2026, 1, 12, 23, 50, tzinfo=UTC), "deploy", "v2", "pricing", version="v2")
    good = drafted(log(model_version=versions.tolist()), changes=[deploy]).runbook.last_known_good
    assert good is not None
    assert good.version == "v2"
    assert good.since == deploy.at
    assert "% of the traffic" in good.known_by
    assert "AUC" in good.known_by


def test_shadow_calls_make_no_version_known_good() -> None:
    rows = 3_000
    shadow = np.arange(rows) % 3 > 0
    made = drafted(log(model_version=np.where(shadow, "dark", "live").tolist(), shadow=shadow))
    assert made.runbook.last_known_good is not None
    assert made.runbook.last_known_good.version == "live"


def test_without_versions_the_gap_is_left_open_for_check_to_find() -> None:
    file = parse(drafted(log(model_version=None)).text)
    keys = {one.key for one in check(file, baseline=True) if one.level == "error"}
    assert keys == {"ownership.contacts", "last_known_good"}


def test_what_a_guard_will_write_is_named_before_it_does() -> None:
    assert drafted().runbook.columns.rung is None
    columns = drafted(guarded=True).runbook.columns
    assert (columns.rung, columns.switch, columns.shadow, columns.host) == (
        "rung",
        "switch",
        "shadow",
        "host",
    )
    rung = np.where(np.arange(3_000) % 50 == 0, "cached", "current")
    assert drafted(log(rung=rung.tolist())).runbook.columns.switch == "switch"


def test_rungs_seen_in_the_log_are_on_the_ladder() -> None:
    rung = np.where(np.arange(3_000) % 50 == 0, "cached_prices", "current")
    ladder = drafted(log(rung=rung.tolist())).runbook.ladder
    assert [one.kind for one in ladder] == ["current", "last_known_good", "cached", "closed"]


def test_a_regression_is_promised_an_error_and_a_word_is_a_positive_label() -> None:
    truth = np.random.default_rng(0).normal(50, 5, 3_000)
    made = drafted(log(label=truth, prediction=truth + 2, score=None))
    assert {s.indicator: s.threshold for s in made.runbook.slos}["rmse"] == pytest.approx(2.35, abs=0.06)
    worded = drafted(log(label=["ok", "fraud"] * 1_500))
    assert worded.runbook.labels is not None
    assert worded.runbook.labels.positive == "fraud"
