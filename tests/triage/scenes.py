"""Seeded synthetic incidents with a known truth: a small service, one fault, simple monitors, and their
case."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fireline.clock import MICROS, from_micros, micros
from fireline.runbook.schema import Runbook
from fireline.terms.change import Change
from fireline.triage.case import Case
from tests.triage.watching import make_case

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = 3600 * MICROS, 86_400 * MICROS
REGIONS, CHANNELS = ("north", "south", "east", "west", "isles"), ("web", "app", "partner")
DEVICES, PLANS = ("phone", "laptop", "tablet", "tv"), ("free", "basic", "pro")
NUMERIC = ("amount", "age", "distance", "warmth", "hour", "pace")
CATEGORICAL = ("device", "plan")


@dataclass
class Plot:
    """What happens in a scene; it is assessed ``now_hours`` after the alert. ``onset_day`` counts from the
    start."""

    kind: str
    seed: int
    reference_days: float = 14
    onset_day: float = 17.3
    days: float = 21.0
    per_minute: float = 3.0
    size: float = 1.0
    canary: bool = True
    shadow: float = 0.0
    announced: bool = True
    innocents: int = 0
    where: dict[str, str] | None = None
    harmless_deploy: bool = False
    weather: float = 0.6
    now_hours: float = 3.0


@dataclass
class Scene:
    case: Case
    truth: str
    onset: datetime
    plot: Plot
    extra: dict[str, Any] = field(default_factory=dict)


def runbook(**more: Any) -> Runbook:
    return Runbook.from_plain(
        {
            "service": "shop",
            "timezone": "Europe/Berlin",
            "task": "binary",
            "columns": {
                "time": "time",
                "request_id": "request_id",
                "version": "version",
                "segments": ["region", "channel"],
                "features": {
                    **dict.fromkeys(NUMERIC, "numeric"),
                    **dict.fromkeys(CATEGORICAL, "categorical"),
                },
                "score": "score",
                "label": "label",
                "label_time": "label_time",
                "latency_ms": "latency_ms",
                "status": "status",
                "host": "host",
                "source": "source",
                "shadow": "shadow",
            },
            "labels": {"age": "36h", "usual_share": 0.95},
            "reference": {"since": "2026-03-02T00:00:00Z", "until": "2026-03-16T00:00:00Z"},
            **more,
        }
    )


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def law(rows: dict[str, Any], turned: Any = 0.0) -> Any:
    """The label's log odds; ``turned`` 0..1 moves it to another law of the same inputs."""
    amount, hour = np.log(np.maximum(rows["amount"], 1e-6) / 40), rows["hour"]
    base = -1.7 + 0.9 * np.sin((hour - 5) / 24 * 2 * np.pi) + 0.6 * amount + 0.5 * (rows["age"] - 40) / 12
    base = (
        base
        + 0.3 * (rows["warmth"] - 10) / 5
        + 0.35 * (rows["device"] == "phone")
        - 0.3 * (rows["plan"] == "pro")
    )
    other = -1.7 - 0.7 * np.sin((hour - 5) / 24 * 2 * np.pi) - 0.3 * amount + 0.5 * (rows["age"] - 40) / 12
    return (1 - turned) * base + turned * other


def score_of(rows: dict[str, Any]) -> Any:
    clean = {k: rows[k] for k in ("device", "plan")}
    for name, middle in (("amount", 40.0), ("hour", 12.0), ("age", 40.0), ("warmth", 10.0)):
        clean[name] = np.where(np.isfinite(rows[name]), rows[name], middle)
    return np.round(sigmoid(law(clean)), 4)


def play(plot: Plot) -> Scene | None:
    """Generate the log of ``plot``, watch it with simple monitors, and make the case."""
    rng = np.random.default_rng(plot.seed)
    onset = micros(START) + int(plot.onset_day * 24) * HOUR + int(rng.integers(0, 60)) * 60 * MICROS
    rows = traffic(plot, rng, onset)
    changes, truth = strike(plot, rng, rows, onset)
    answer(plot, rng, rows, onset)
    if plot.innocents:
        changes += innocents(rng, onset, plot.innocents)
    changes = [c for c in changes if plot.announced or c.kind != "deploy"]
    case = make_case(
        rows,
        runbook(),
        sorted(changes, key=lambda c: c.at),
        START,
        plot.now_hours,
        onset if truth != "none" else 0,
    )
    return Scene(case, truth, from_micros(onset), plot) if case is not None else None


def traffic(plot: Plot, rng: Any, onset: int) -> dict[str, Any]:
    n = int(plot.days * 1440 * plot.per_minute)
    time = np.sort(rng.uniform(0, plot.days * DAY, int(n * 1.6)).astype(np.int64)) + micros(START)
    hour = (time // HOUR + 1) % 24
    keep = rng.random(len(time)) < (0.62 + 0.35 * np.sin((hour - 9) / 24 * 2 * np.pi))
    time = time[keep]
    n = len(time)
    day = (time - micros(START)) / DAY
    wobble = _walk(rng, plot.days)
    cold = _walk(rng, plot.days)
    spot = np.minimum(day * 24, len(wobble) - 1).astype(int)
    hour = (time // HOUR + 1) % 24
    rows: dict[str, Any] = {
        "time": time,
        "request_id": np.array([f"r{i}" for i in range(n)], dtype=object),
        "region": rng.choice(np.array(REGIONS, dtype=object), n, p=[0.3, 0.25, 0.2, 0.15, 0.1]),
        "channel": rng.choice(np.array(CHANNELS, dtype=object), n, p=[0.5, 0.35, 0.15]),
        "device": rng.choice(np.array(DEVICES, dtype=object), n, p=[0.5, 0.3, 0.15, 0.05]),
        "plan": rng.choice(np.array(PLANS, dtype=object), n, p=[0.5, 0.35, 0.15]),
        "amount": np.round(np.exp(3.7 + 0.6 * rng.normal(size=n) + 0.05 * wobble[spot]), 2),
        "age": np.round(rng.normal(40, 12, n)),
        "distance": np.round(rng.gamma(2, 10, n), 1),
        "warmth": np.round(
            10 + plot.weather * cold[spot] + 3 * np.sin((hour - 9) / 24 * 2 * np.pi) + rng.normal(0, 3, n), 1
        ),
        "hour": hour.astype(float),
        "pace": np.round(rng.normal(0, 1, n), 3),
        "host": rng.choice(np.array(["h1", "h2", "h3", "h4"], dtype=object), n),
        "source": np.array([f"s{int(i)}" for i in np.minimum(rng.zipf(1.6, n), 60)], dtype=object),
        "version": np.full(n, "A", dtype=object),
        "shadow": np.zeros(n, dtype=bool),
        "error": rng.random(n) < 0.006,
        "latency_ms": np.round(np.exp(4 + 0.35 * rng.normal(size=n)), 1),
    }
    rows["true"] = {k: rows[k].copy() for k in (*NUMERIC, *CATEGORICAL)}
    rows["turned"] = np.zeros(n)
    rows["delay"] = (np.exp(math.log(10) + 0.5 * rng.normal(size=n)) * HOUR).astype(np.int64)
    rows["lost"] = rng.random(n) < 0.03
    rows["flip"] = np.zeros(n, dtype=bool)
    return rows


def _walk(rng: Any, days: float) -> Any:
    """A slow AR(1) wobble with a day's memory, one value an hour, unit variance."""
    hours = int(days * 24) + 2
    noise = rng.normal(size=hours)
    rho = math.exp(-1 / 24)
    out = np.zeros(hours)
    out[0] = noise[0]
    for i in range(1, hours):
        out[i] = rho * out[i - 1] + math.sqrt(1 - rho * rho) * noise[i]
    return out


def _inside(plot: Plot, rows: dict[str, Any], onset: int) -> Any:
    hit = rows["time"] >= onset
    for column, value in (plot.where or {}).items():
        hit = hit & (rows[column] == value)
    return hit


def _ramp(rows: dict[str, Any], onset: int, days: float) -> Any:
    return np.clip((rows["time"] - onset) / (days * DAY), 0, 1)


def _deploy(at: int, what: str = "model B", version: str | None = "B") -> Change:
    return Change(from_micros(at), "deploy", what, "shop", version)


def _roll_out(plot: Plot, rng: Any, rows: dict[str, Any], at: int) -> list[Change]:
    time = rows["time"]
    if plot.canary:
        full = at + 6 * HOUR
        mine = (time >= full) | ((time >= at) & (rng.random(len(time)) < 0.2))
        changes = [_deploy(at, "model B to 20 %"), _deploy(full, "model B to everybody")]
    else:
        mine, changes = time >= at, [_deploy(at)]
    rows["version"][mine] = "B"
    return changes


def strike(plot: Plot, rng: Any, rows: dict[str, Any], onset: int) -> tuple[list[Change], str]:
    """Put the fault into the rows; answers its change events and the kind of its cause."""
    changes: list[Change] = []
    if plot.harmless_deploy:
        changes += _roll_out(plot, rng, rows, onset + int(rng.uniform(-3, 3) * HOUR))
    hit, kind, size = _inside(plot, rows, onset), plot.kind, plot.size
    n = len(rows["time"])
    if kind.startswith("deploy"):
        changes += _roll_out(plot, rng, rows, onset)
        rows["fault"] = kind.removeprefix("deploy_")
        return changes, "deploy"
    if kind == "config_errors":
        rows["error"] |= hit & (rng.random(n) < 0.05 * size)
        return [*changes, Change(from_micros(onset), "config", "new limits", "shop")], "deploy"
    if kind == "upstream_null":
        rows["amount"][hit & (rng.random(n) < 0.4 * size)] = np.nan
        return changes, "upstream_data"
    if kind == "upstream_unit":
        rows["distance"][hit] *= 1.609
        return changes, "upstream_data"
    if kind == "upstream_rename":
        rows["device"][hit & (rows["device"] == "phone")] = "Phone "
        return changes, "upstream_data"
    if kind == "upstream_stuck":
        rows["age"][hit & (rng.random(n) < 0.6)] = 0.0
        return changes, "upstream_data"
    if kind == "upstream_schema":
        rows["plan"][hit] = ""
        return [
            *changes,
            Change(from_micros(onset - 2 * 60 * MICROS), "schema", "plan table v2", "crm"),
        ], "upstream_data"
    if kind == "natural_ramp":
        slow = _ramp(rows, onset, 3.0)
        rows["warmth"] += np.round(5 * size * slow, 1)
        rows["amount"] *= np.exp(0.4 * size * slow)
        rows["distance"] += 6 * size * slow
        rows["pace"] += 0.4 * size * slow
        for name in ("warmth", "amount", "distance", "pace"):
            rows["true"][name] = rows[name].copy()
        return changes, "natural_drift"
    if kind == "natural_campaign":
        new = hit & (rng.random(n) < 0.4)
        rows["channel"][new] = "partner"
        rows["age"][new] -= 12
        rows["amount"][new] *= 0.55
        rows["device"][new & (rng.random(n) < 0.7)] = "phone"
        rows["distance"][new] *= 0.7
        for name in ("age", "amount", "device", "distance"):
            rows["true"][name] = rows[name].copy()
        return [
            *changes,
            Change(from_micros(onset), "campaign", "spring offers for partners", "shop"),
        ], "natural_drift"
    if kind == "concept":
        rows["turned"] = 0.8 * size * _ramp(rows, onset, 2.5)
        return changes, "concept_drift"
    if kind == "infra_host":
        bad = hit & (rows["host"] == "h2")
        rows["latency_ms"][bad] *= 3
        rows["error"] |= bad & (rng.random(n) < 0.1)
        rows["timeout"] = bad
        return changes, "infrastructure"
    if kind == "infra_slow":
        rows["latency_ms"][hit] *= 1.8
        rows["error"] |= hit & (rng.random(n) < 0.03)
        rows["timeout"] = hit
        return changes, "infrastructure"
    if kind == "attack":
        _flood(rng, rows, onset)
        return changes, "attack"
    if kind == "labels_late":
        rows["delay"] = np.where(
            rows["time"] + rows["delay"] >= onset, rows["delay"] + 40 * HOUR, rows["delay"]
        )
        return changes, "label_pipeline"
    if kind == "labels_flip":
        rows["flip"] = (rows["time"] + rows["delay"] >= onset) & (rng.random(n) < 0.3 * size)
        return changes, "label_pipeline"
    return changes, "none"


def _flood(rng: Any, rows: dict[str, Any], onset: int) -> None:
    """Two sources send many near copies."""
    pick = np.flatnonzero(rows["time"] >= onset)
    extra = pick[rng.random(len(pick)) < 0.6]
    n = len(rows["time"])
    order = np.argsort(np.concatenate([rows["time"], rows["time"][extra]]), kind="stable")
    for name, values in list(rows.items()):
        if isinstance(values, dict):
            rows[name] = {k: _flooded(k, v, extra, rng)[order] for k, v in values.items()}
        elif isinstance(values, np.ndarray) and len(values) == n:
            rows[name] = _flooded(name, values, extra, rng)[order]


def _flooded(name: str, values: Any, extra: Any, rng: Any) -> Any:
    more = values[extra].copy()
    if name == "source":
        more[:] = rng.choice(np.array(["x91", "x92"], dtype=object), len(more))
    elif name == "request_id":
        more = np.array([f"x{i}" for i in range(len(more))], dtype=object)
    elif name in ("amount", "age", "distance", "warmth", "pace", "device", "plan"):
        more[:] = values[extra[0]] if len(extra) else more
    return np.concatenate([values, more])


def answer(plot: Plot, rng: Any, rows: dict[str, Any], onset: int) -> None:
    """What the versions read and answered, the shadow rows, and the labels."""
    fault, mine = rows.pop("fault", ""), rows["version"] == "B"
    true = rows.pop("true")
    p = sigmoid(law(true, rows.pop("turned")))
    label = (rng.random(len(p)) < p) != rows.pop("flip")
    rows["label"] = np.where(rows.pop("lost"), np.nan, label.astype(float))
    rows["label_time"] = (rows["time"] + rows.pop("delay")).astype(float)
    seen = {name: rows[name].copy() for name in (*NUMERIC, *CATEGORICAL)}
    if fault == "code":
        rows["hour"] = np.where(mine, (rows["hour"] + 6) % 24, rows["hour"])
    if fault == "null":
        rows["warmth"] = np.where(mine & (rng.random(len(mine)) < 0.5), np.nan, rows["warmth"])
    if fault == "errors":
        rows["error"] |= mine & (rng.random(len(mine)) < 0.05 * plot.size)
    if fault == "latency":
        rows["latency_ms"] = np.where(mine, rows["latency_ms"] * 1.7, rows["latency_ms"])
    rows["score"] = score_of(rows)
    late = rows.pop("timeout", np.zeros(len(mine), dtype=bool))
    rows["status"] = np.where(rows["error"], np.where(late, "504", "500"), "200").astype(object)
    if plot.shadow:
        _shadow(plot, rng, rows, seen, mine)


def _shadow(plot: Plot, rng: Any, rows: dict[str, Any], seen: dict[str, Any], mine: Any) -> None:
    """Version A also scores a share of the requests that B answers."""
    ghost = np.flatnonzero(mine & (rng.random(len(mine)) < plot.shadow))
    copies = {name: values[ghost].copy() for name, values in rows.items()}
    for name, values in seen.items():
        copies[name] = values[ghost]
    copies["version"][:] = "A"
    copies["shadow"][:] = True
    copies["error"] = rng.random(len(ghost)) < 0.006
    copies["score"] = score_of(copies)
    copies["latency_ms"] = np.exp(4 + 0.35 * rng.normal(size=len(ghost)))
    order = np.argsort(np.concatenate([rows["time"], copies["time"]]), kind="stable")
    for name in list(rows):
        rows[name] = np.concatenate([rows[name], copies[name]])[order]


def innocents(rng: Any, onset: int, count: int) -> list[Change]:
    """Changes that have nothing to do with it, around the onset."""
    told = [
        Change(from_micros(onset - 2 * HOUR), "campaign", "spring newsletter", "shop"),
        Change(
            from_micros(onset - int(rng.uniform(1, 5) * HOUR)),
            "config",
            "limits for the isles",
            "shop",
            None,
            {"region": "isles"},
        ),
        Change(from_micros(onset + int(rng.uniform(1, 6) * HOUR)), "deploy", "model C", "shop", "C"),
        Change(from_micros(onset - int(rng.uniform(8, 30) * HOUR)), "config", "log level", "shop"),
        Change(
            from_micros(onset - int(rng.uniform(20, 60) * HOUR)), "infrastructure", "kernel update", "shop"
        ),
        Change(
            from_micros(onset - int(rng.uniform(4, 20) * HOUR)),
            "data",
            "export moved to another bucket",
            "shop",
        ),
    ]
    return told[:count]
