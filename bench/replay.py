"""What a replay costs: a log of 28 days and a million events played through the whole loop, as one process.

    python -m bench.replay [--events 1000000] [--live 14] [--fault null_jump] [--keep DIR]

A synthetic service (20 features, 5 segment columns, 2 versions, later labels, Parquet) with a fault in its
new version; a runbook is drafted and its baseline taken first, which is not counted. Then `fireline replay`
runs as a process of its own: wall time, CPU time and peak memory are those of that process, start to end,
beside the bars (60 s, 1.5 GB). The split is the wall time inside the steps; what the children of a step do
belongs to the step. Another busy process makes the wall time longer, so the CPU time and the load average
stand beside it.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DAYS = 28
WALL_BAR, MEMORY_BAR = 60.0, 1500.0


def make(folder: Path, events: int, live: float, fault: str | None, seed: int) -> None:
    """Writes the log and drafts its runbook into ``folder``."""
    from fireline.clock import iso
    from fireline.drill.faults import faults
    from fireline.drill.worlds import World, write

    days = max(DAYS, 14 + live)
    world = World(
        seed=seed, days=days, reference_days=days - live, per_minute=events / (days * 1440) / 1.05,
        features=20, segments=5, harmless_deploys=0, labels_in_row=False,
    )  # fmt: skip
    if fault:
        world = faults()[fault].play(world, where="version")
    log = write(world, folder)
    print(f"{log.events.num_rows} events, {log.labels.num_rows} labels, {days:g} days, {live:g} of them live")
    command = [
        "init",
        str(folder / "events.parquet"),
        "--labels",
        str(folder / "labels.parquet"),
        "--service",
        world.service,
        "--until",
        iso(world.live_from),
        "--changes",
        str(folder / "changes.jsonl"),
        "--timezone",
        world.timezone,
        "-o",
        str(folder / "runbook.yaml"),
        "--quiet",
        "--force",
    ]
    subprocess.run([sys.executable, "-m", "fireline.cli.entry", *command], check=True)


def play(folder: Path, out: Path) -> dict[str, Any]:
    """One replay in a process of its own; what it cost."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "bench.replay", "--play", str(folder), "--out", str(out)], check=True
    )
    wall = time.perf_counter() - began
    return {"wall": wall, **json.loads((out / "cost.json").read_text())}


def inside(folder: Path, out: Path) -> None:
    """Runs the command with a stop watch around its steps."""
    from fireline import casefile, loop, recording, replay
    from fireline.cli.entry import main
    from fireline.detect import judge
    from fireline.web import report

    spent: dict[str, float] = {}
    for name, owner, attribute in (
        ("reading", replay, "log_of"),
        ("counting", recording.Recorder, "take"),
        ("counting quality", recording.Cohorts, "count"),
        ("judging", judge.Judge, "advance"),
        ("sizes", replay, "sizes"),
        ("hearing", loop, "hear"),
        ("of it: the case", casefile.CaseFile, "case"),
        ("triage", loop, "understand"),
        ("contain", loop, "contain"),
        ("verify", loop, "verify"),
        ("learn", loop, "learn"),
        ("report page", report, "write"),
    ):
        setattr(owner, attribute, _timed(spent, name, getattr(owner, attribute)))
    out.mkdir(parents=True, exist_ok=True)
    code = main(
        [
            "replay",
            str(folder / "runbook.yaml"),
            "--events",
            str(folder / "events.parquet"),
            "--labels",
            str(folder / "labels.parquet"),
            "--changes",
            str(folder / "changes.jsonl"),
            "--out",
            str(out),
            "--quiet",
        ]
    )
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "cpu": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss / 1024,
        "split": {name: round(seconds, 2) for name, seconds in spent.items()},
    }
    (out / "cost.json").write_text(json.dumps(cost))
    if code:
        sys.exit(code)


def _timed(spent: dict[str, float], name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return step(*args, **kwargs)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - began

    return wrapped


def tell(cost: dict[str, Any], out: Path) -> None:
    """Prints the figures beside their bars."""
    incidents = json.loads((out / "incidents.json").read_text())
    paged = sum(any(a["urgency"] == "page" for a in i["alerts"]) for i in incidents)
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"wall    {cost['wall']:8.1f} s    bar {WALL_BAR:.0f} s on two cores; load average {load}")
    print(f"cpu     {cost['cpu']:8.1f} s")
    print(f"memory  {cost['memory']:8.0f} MB   bar {MEMORY_BAR:.0f} MB at its peak")
    print(f"found   {len(incidents)} incidents, {paged} with a page")
    for name, seconds in cost["split"].items():
        print(f"  {name:<18} {seconds:7.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--live", type=float, default=14.0, help="days judged; with 28 the log has 42")
    parser.add_argument("--fault", default="null_jump", help="a fault of the drills, or none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="make the log there, or take the one that is there")
    parser.add_argument("--play", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.play:
        inside(asked.play, asked.out)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        if not (folder / "runbook.yaml").exists():
            fault = None if asked.fault == "none" else asked.fault
            make(folder, asked.events, asked.live, fault, asked.seed)
        out = Path(scratch) / "out"
        tell(play(folder, out), out)


if __name__ == "__main__":
    main()
