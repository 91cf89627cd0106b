"""PSI of 20 features against a frozen reference: Fireline, Evidently, whylogs and a full scan, each in a
process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
FEATURES, SEGMENT, VALUES = 20, "country", tuple(f"c{i}" for i in range(5))
PINS = {
    "evidently": ("evidently==0.7.23", "pandas==2.3.3", "numpy==2.4.6", "pyarrow"),
    "whylogs": ("whylogs==1.6.4", "pandas==2.2.3", "numpy==1.26.4", "pyarrow==17.0.0"),
}
"""Versions that run: Evidently breaks on pandas 3, whylogs on numpy 2."""


@dataclass(frozen=True)
class Ran:
    """One contender's medians; ``scaled`` tells by how much its rows were fewer."""

    name: str
    cpu: float
    wall: float
    peak_mb: float
    scaled: float
    psi: dict[str, float]


def environment(folder: Path, name: str) -> Path:
    """The Python of a peer's own virtual environment, made where it is missing."""
    home = folder / name
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PINS[name]], check=True)
    return python


def write(folder: Path, rows: int) -> dict[str, Path]:
    """Reference and current as Parquet, and a tenth of the current rows."""
    found = {}
    for name, seed in (("reference", 1), ("current", 2)):
        rng = np.random.default_rng(seed)
        moved = 0.1 if name == "current" else 0.0
        columns: dict[str, Any] = {}
        for i in range(FEATURES):
            values = rng.normal(moved * (i % 3), 1, rows)
            if i % 4 == 1:
                values = np.exp(values)
            columns[f"x{i}"] = pa.array(values, mask=rng.random(rows) < 0.01)
        columns[SEGMENT] = pa.array(VALUES).take(pa.array(rng.integers(0, len(VALUES), rows)))
        table = pa.table(columns)
        for label, part in ((name, table), (f"{name} tenth", table.slice(0, rows // 10))):
            found[label] = folder / f"{label.replace(' ', '-')}.parquet"
            pq.write_table(part, found[label])
    return found


def ran(
    name: str, python: Path | str, files: dict[str, Path], segmented: bool, tenth: bool, rounds: int
) -> Ran:
    """Runs a contender; on a tenth of the current rows and scaled up where ``tenth``."""
    command = [
        "nice", str(python), str(HERE / "peers" / f"{name}_psi.py"), "--rounds", str(rounds),
        "--reference", str(files["reference tenth" if tenth else "reference"]),
        "--current", str(files["current tenth" if tenth else "current"]),
    ]  # fmt: skip
    if name.startswith(("fireline", "scan")):
        command[2:3] = ["-m", f"bench.peers.{name.split(',')[0]}_psi"]
    if "memory" in name:
        command.append("--in-memory")
    if segmented:
        command += ["--segment", SEGMENT, "--values", *VALUES]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE.parent)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    said = json.loads(done.stdout[done.stdout.index('{"cpu"') :])
    scaled = 10.0 if tenth else 1.0
    return Ran(name, said["cpu"] * scaled, said["wall"] * scaled, said["peak_mb"], scaled, said["psi"])


def compare(folder: Path, venvs: Path, rows: int, rounds: int, segmented: bool) -> list[Ran]:
    """Every contender on the same rows."""
    files = write(folder, rows)
    pythons = {name: environment(venvs, name) for name in PINS}
    return [
        ran("scan", sys.executable, files, segmented, tenth=False, rounds=rounds + 2),
        ran("fireline", sys.executable, files, segmented, tenth=False, rounds=rounds + 2),
        ran("evidently", pythons["evidently"], files, segmented, tenth=segmented, rounds=1),
        # between the two it is compared with: a shared machine's speed changes within a minute
        ran("fireline, in memory", sys.executable, files, segmented, tenth=False, rounds=rounds + 2),
        ran("whylogs", pythons["whylogs"], files, segmented, tenth=True, rounds=1),
    ]


def show(found: list[Ran], segmented: bool) -> None:
    """Prints figures side by side and which bars hold."""
    by = {one.name: one for one in found}
    streamed, ours = by["fireline"], by["fireline, in memory"]
    print(f"\nPSI of {FEATURES} features, {'by 5 segments' if segmented else 'in whole'}")
    print(f"{'':20}{'cpu s':>9}{'wall s':>9}{'peak MB':>9}{'x in memory':>14}")
    for one in found:
        note = " (a tenth of the rows, times ten)" if one.scaled > 1 else ""
        print(f"{one.name:20}{one.cpu:9.2f}{one.wall:9.2f}{one.peak_mb:9.0f}{one.cpu / ours.cpu:14.1f}{note}")
    print("peers' frames are in memory before the clock starts, so is the table they are compared with")
    bar(">= 30 x Evidently's speed", by["evidently"].cpu / ours.cpu, at_least=30)
    bar(">= 100 x whylogs' speed", by["whylogs"].cpu / ours.cpu, at_least=100)
    bar("within 3 x of a full scan", streamed.cpu / by["scan"].cpu, at_most=3)


def bar(says: str, figure: float, at_least: float = 0.0, at_most: float = float("inf")) -> None:
    """One line: whether a bar holds."""
    holds = at_least <= figure <= at_most
    print(f"{'holds' if holds else 'FAILS':6} {says}: {figure:.1f}")
