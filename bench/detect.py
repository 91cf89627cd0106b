"""False pages and time to detect for every family, by simulation, beside peers on the same counts.

    python -m bench detect                                      three rates of traffic, four services each
    python -m bench detect --full                               forty services each
    python -m bench detect --rates 5 --services 10 --scenes AUC
    python -m bench detect --evidently PYTHON --nannyml PYTHON  with the packages, each in a Python of its own

Each service has 28 days of reference and 30 faultless ones; each scene (`detecting/scenes.py`) happens to it
on a Wednesday at eleven. The peers: PSI > .2 hourly, 3 sigma of the reference's hours (of Jensen-Shannon
distance, or of the figure itself), ADWIN (river), and the defaults of Evidently and NannyML where a Python
that has them is named; those two see a part of the views, of some services and days. Each is shown as it
comes, and again with its threshold (the same multiple for all it watches) tuned on the faultless days until
it raises no more false alarms than Fireline did on the same days. That is in the peers' favour twice: they
watch fewer things, and are tuned on the days that count. `elsewhere` says what a threshold tuned on all
services but one raises on that one.

Alarms are grouped: after one come none for four hours, pages and tickets alike. In brackets are 95 %
intervals: exact Poisson for false alarms, bootstrap over services for the median delay. `=` marks a tuned
peer that is level with Fireline within them, `!` one that is quicker. `OUT/detect.json` and `OUT/detect.svg`
hold it all.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.detecting.figures import a_month, better, between, median, spoken, verdict
from bench.detecting.ours import delay, grouped, learned, watch
from bench.detecting.peers import PEERS, package
from bench.detecting.plot import picture
from bench.detecting.scenes import SCENES, Scene
from bench.detecting.service import Array, Service
from bench.detecting.views import PACKAGED, everything, view

HORIZON = 16
OURS = "Fireline"
BARS = (5.0, 50.0, 1000.0)


@dataclass
class Cell:
    """All that was seen at one rate of traffic."""

    rate: float
    days: int = 0
    pages: int = 0
    tickets: int = 0
    families: Counter[str] = field(default_factory=Counter)
    alarms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    calm: dict[str, list[Array]] = field(default_factory=lambda: defaultdict(list))
    paged: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    scores: dict[tuple[str, str], list[Array | None]] = field(default_factory=lambda: defaultdict(list))
    observed: dict[str, int] = field(default_factory=dict)  # faultless days of each service, by contestant


@dataclass(frozen=True)
class Packages:
    """The packages by the Python that has each, and how much of the simulation they see: ``services``, the
    first ``days`` of faultless life, ``horizon`` days of a scene whose name holds one of ``words``."""

    pythons: dict[str, Path]
    services: int
    days: int
    horizon: int
    words: tuple[str, ...] = ()

    def sees(self, scene: str) -> bool:
        return not self.words or any(word in scene for word in self.words)


def hours_above(scores: Array, threshold: float) -> list[float]:
    """The ends of the hours, in seconds into live, whose score is above."""
    return [float(hour + 1) * 3600 for hour in np.flatnonzero(np.nan_to_num(scores, nan=-np.inf) > threshold)]


def one_service(cell: Cell, seed: int, live: int, scenes: Sequence[Scene], packages: Packages) -> None:
    """Adds one service to ``cell``: its faultless days, then each scene."""
    service = Service(cell.rate, seed, live=max(live, HORIZON))
    baseline = learned(service)
    split = service.reference * 24
    calm = watch(service, baseline, days=live)
    cell.days += live
    cell.pages += len(grouped(calm.pages))
    cell.tickets += len(grouped(calm.tickets))
    cell.families += calm.families
    cell.alarms[OURS].append(len(grouped(calm.pages + calm.tickets)))
    every = [view(service, name, scope) for name, scope in everything()]
    for name, score in PEERS.items():
        cell.calm[name].append(_worst([score(one, split) for one in every])[: live * 24])
        cell.observed[name] = live
    if seed < packages.services:
        some = [one.until(split + packages.days * 24) for one in every if one.name in PACKAGED]
        for name, python in packages.pythons.items():
            cell.calm[name].append(_worst(package(name, python, some, split)))
            cell.observed[name] = packages.days
    views = []
    for scene in scenes:
        changed = copy.copy(service)
        changed.truth = dict(service.truth)
        changed.counts = {key: counts.copy() for key, counts in service.counts.items()}
        changed.rng = np.random.default_rng((seed, 7))
        scene.change(changed)
        told = watch(changed, baseline, scene.kinds, scene.scope, scene.onset, HORIZON)
        cell.paged[scene.name].append(delay(told.pages, scene.onset))
        cell.alarms[scene.name].append(delay(told.pages + told.tickets, scene.onset))
        views.append(view(changed, scene.views[0], scene.scope))
        for name, score in PEERS.items():
            found = score(views[-1], split)
            cell.scores[name, scene.name].append(None if found is None else found[: HORIZON * 24])
    if seed < packages.services:
        shown = [(s.name, v.until(split + packages.horizon * 24)) for s, v in zip(scenes, views, strict=True)]
        shown = [(name, one) for name, one in shown if packages.sees(name)]
        for name, python in packages.pythons.items():
            found = package(name, python, [one for _, one in shown], split)
            for (scene_name, _), one in zip(shown, found, strict=True):
                cell.scores[name, scene_name].append(one)


def _worst(scores: Sequence[Array | None]) -> Array:
    """The largest score of any view, by the hour."""
    known = [np.nan_to_num(one, nan=-np.inf) for one in scores if one is not None]
    return np.asarray(np.max(known, axis=0))


def tuned(calm: Sequence[Array], allowed: int) -> float:
    """The smallest threshold at which at most ``allowed`` grouped alarms are raised in the faultless days."""
    levels = np.unique(np.concatenate([one[np.isfinite(one)] for one in calm]))[::-1]
    found = float(levels[0])
    for level in levels[: 50 * (allowed + 1)]:
        if _raised(calm, float(level)) > allowed:
            break
        found = float(level)
    return found


def _raised(calm: Sequence[Array], threshold: float) -> int:
    """Grouped alarms of the faultless days at a threshold."""
    return sum(len(grouped(hours_above(one, threshold))) for one in calm)


def summary(cell: Cell, scenes: Sequence[Scene]) -> dict[str, Any]:
    """The cell in figures, as it is written to JSON."""
    ours = int(sum(cell.alarms[OURS]))
    contestants: dict[str, Any] = {
        OURS: {
            "false_alarms": a_month(ours, cell.days), "false_pages": a_month(cell.pages, cell.days),
            "services": len(cell.alarms[OURS]), "families": dict(cell.families),
        }
    }  # fmt: skip
    thresholds = {}
    for name, calm in cell.calm.items():
        days = cell.observed[name] * len(calm)
        allowed = ours * days / cell.days
        thresholds[name] = tuned(calm, int(allowed))
        others = [[*calm[:i], *calm[i + 1 :]] or calm for i in range(len(calm))]
        elsewhere = [(tuned(rest, int(allowed)), one) for rest, one in zip(others, calm, strict=True)]
        contestants[name] = {
            "false_alarms": a_month(_raised(calm, 1.0), days), "services": len(calm),
            "days": days, "tuned_to": thresholds[name],
            "elsewhere": a_month(sum(_raised([one], at) for at, one in elsewhere), days),
        }  # fmt: skip
    rows = []
    for scene in scenes:
        delays: dict[str, Any] = {OURS: median(cell.alarms[scene.name])}
        for name in cell.calm:
            given = [one for one in cell.scores[name, scene.name] if one is not None]
            for label, level in ((name, 1.0), (f"{name}, tuned", thresholds[name])):
                if given:
                    delays[label] = median([delay(hours_above(one, level), scene.onset) for one in given])
        at = BARS.index(cell.rate) if cell.rate in BARS else None
        bar = scene.bar[at] * 3600 if scene.bar and at is not None else None
        rivals = {n: better(delays[OURS], d) for n, d in delays.items() if n.endswith(", tuned")}
        rows.append({
            "scene": scene.name, "family": scene.family, "delays": delays,
            "page": median(cell.paged[scene.name]),
            "found": float(np.mean(np.isfinite(cell.alarms[scene.name]))),
            "bar": bar, "against_bar": verdict(delays[OURS], bar), "at_equal_false_alarms": rivals,
        })  # fmt: skip
    return {"rate": cell.rate, "days": cell.days, "contestants": contestants, "scenes": rows}


def show(result: dict[str, Any]) -> None:
    """One rate as a table."""
    who = result["contestants"]
    print(f"\n{result['rate']:g} events a minute, {result['days']} faultless service-days")
    for name, one in who.items():
        found, low, high = one["false_alarms"]
        more = ""
        if "tuned_to" in one:
            there, least, most = one["elsewhere"]
            more = f" ({one['days']} service-days), tuned to {one['tuned_to']:.3g} of its own threshold"
            more += f", elsewhere {there:.2f} [{least:.2f}, {most:.2f}]"
        if name == OURS:
            page = one["false_pages"]
            more = f"; pages alone {page[0]:.2f} [{page[1]:.2f}, {page[2]:.2f}] {one['families'] or ''}"
        print(f"  {name:10} {found:7.2f} [{low:.2f}, {high:.2f}] false alarms in 30 days{more}")
    names = [name for name in who if name != OURS]
    print(f"{'scene':30}{'Fireline [95 %]':>34}{'page':>9}{'bar':>9}" + "".join(
        f"{name + ' / tuned':>24}" for name in names))  # fmt: skip
    for row in result["scenes"]:
        ours = row["delays"][OURS]
        said = f"{spoken(ours[0])} [{between(ours[1], ours[2])}]"
        bar = f"{spoken(row['bar'])} {'' if row['against_bar'] == 'ok' else '!'}" if row["bar"] else ""
        cells = [f"{_beside(row, name):>24}" for name in names]
        print(f"{row['scene']:30}{said:>34}{spoken(row['page'][0]):>9}{bar:>9}" + "".join(cells))


def _beside(row: dict[str, Any], name: str) -> str:
    """A peer's delay as it comes and tuned, with a mark unless Fireline is quicker."""
    tuned_name = f"{name}, tuned"
    if name not in row["delays"]:
        return "nothing for it"
    mark = {"better": "", "level": " =", "worse": " !"}[row["at_equal_false_alarms"][tuned_name]]
    return f"{spoken(row['delays'][name][0])} / {spoken(row['delays'][tuned_name][0])}{mark}"


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--services", type=int, default=4)
    ask.add_argument("--full", action="store_true", help="forty services a rate")
    ask.add_argument("--rates", default="5,50,1000")
    ask.add_argument("--live", type=int, default=30, help="faultless days a service")
    ask.add_argument("--scenes", default="", help="words of which a scene's name must hold one")
    ask.add_argument("--evidently", type=Path, help="a Python with evidently==0.7.17 and pandas < 3")
    ask.add_argument("--nannyml", type=Path, help="a Python with nannyml==0.13.1 and pandas < 3")
    ask.add_argument("--package-services", type=int, default=1, help="how many services the packages see")
    ask.add_argument("--package-days", type=int, default=7, help="faultless days of each that they see")
    ask.add_argument("--package-horizon", type=int, default=5, help="days of a scene (onset is in the third)")
    ask.add_argument("--package-scenes", default="", help="words; a scene they see holds one in its name")
    ask.add_argument("--out", type=Path, default=Path("out"))
    said = ask.parse_args()
    os.nice(5)
    words = [word for word in said.scenes.split(",") if word]
    scenes = [scene for scene in SCENES if not words or any(word in scene.name for word in words)]
    packages = Packages(
        {n: p for n, p in (("evidently", said.evidently), ("nannyml", said.nannyml)) if p},
        said.package_services, said.package_days, said.package_horizon,
        tuple(word for word in said.package_scenes.split(",") if word),
    )  # fmt: skip
    results = []
    for rate in (float(r) for r in said.rates.split(",")):
        cell, began = Cell(rate), time.perf_counter()
        for seed in range(40 if said.full else said.services):
            one_service(cell, seed, said.live, scenes, packages)
            print(f"  service {seed + 1} ({time.perf_counter() - began:.0f} s)", file=sys.stderr, flush=True)
        results.append(summary(cell, scenes))
        show(results[-1])
        print(f"({time.perf_counter() - began:.0f} s)", flush=True)
        _write(results, said.out)
    if not packages.pythons:
        print("\nEvidently and NannyML were not asked: name a Python that has each (--evidently, --nannyml).")
    print(f"\nWritten: {said.out / 'detect.json'}, {said.out / 'detect.svg'}")


def _write(results: list[dict[str, Any]], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "detect.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    peers = [f"{name}, tuned" for name in results[0]["contestants"] if name != OURS]
    (out / "detect.svg").write_text(picture(results, [OURS, *peers]), encoding="utf-8")


if __name__ == "__main__":
    main()
