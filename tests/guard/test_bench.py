"""`fireline guard-bench` measures what it says, and the targets hold with room to spare."""

from __future__ import annotations

import json

from fireline.cli.entry import main
from fireline.guard import bench


def test_the_costs_are_measured_side_by_side(monkeypatch, capsys):
    monkeypatch.setattr(bench, "_throughput", lambda way, threads, seconds: 1.0)
    assert main(["guard-bench", "--json", "--samples", "5000"]) == 0
    found = json.loads(capsys.readouterr().out)
    costs = {cost["name"]: cost for cost in found["costs"]}
    assert len(costs) == 8
    assert all(cost["p50_us"] <= cost["p99_us"] for cost in costs.values())
    assert costs["breaker"]["over_us"] <= 1.0
    assert costs["breaker, async"]["over_us"] <= 1.2
    assert costs["guard: route, breaker, event"]["over_us"] <= 3.0
    assert found["grown_mib"] < 5
    assert found["sent"] + found["dropped"] > 300_000


def test_eight_threads_call_together():
    assert bench._throughput(lambda: None, 8, 0.05) > 10_000


def test_a_missed_target_is_an_exit_code_and_red(monkeypatch, capsys):
    slow = bench.Cost("breaker", 2.0, 3.0, 1.9, 1.0, 5.0)
    found = bench.Bench((slow,), 8, 10, 0.0, 1, 2)
    monkeypatch.setattr("fireline.cli.guard_bench.run", lambda **_: found)
    assert main(["guard-bench"]) == 1
    said = capsys.readouterr().out
    assert "1.90" in said
    assert "2 dropped" in said
