"""The demo's model service: a process of its own, two versions of the delay model, and a guard around them.

    python -m fireline.demo.delays --models models.pkl --port 8701

It knows nothing of Fireline but the guard. Its clock is the player's: each request says what time it is.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from fireline.clock import EPOCH
from fireline.demo.delay_model import CATEGORICAL, NUMERIC, DelayModel
from fireline.demo.flights import SERVICE
from fireline.guard import Guard, HeardClock, Refused, Rung

LATE = 0.5


@dataclass(frozen=True)
class Answer:
    """A score with the features it rests on: what the version's own feature code made of the request."""

    score: float
    features: Mapping[str, Any]

    def described(self) -> dict[str, Any]:
        """What the event holds of it."""
        return {"score": self.score, "prediction": int(self.score >= LATE), **self.features}


@dataclass(frozen=True)
class Version:
    """One version of the model with its feature code: ``hour`` is the field it reads the departure hour
    from."""

    model: DelayModel
    hour: str

    def __call__(self, flight: Mapping[str, Any]) -> Answer:
        features = {name: flight[name] for name in (*NUMERIC, *CATEGORICAL) if name != "dep_hour"}
        features["dep_hour"] = flight[self.hour]
        columns = {
            name: np.array([features[name]], dtype=object if name in CATEGORICAL else np.float64)
            for name in (*NUMERIC, *CATEGORICAL)
        }
        score = round(float(self.model.score(columns)[0]), 6)
        seen = {name: value for name, value in features.items() if value is not None}
        return Answer(score, seen)


def create(models: Mapping[str, DelayModel], fault: bool, clock: HeardClock, **guard: Any) -> FastAPI:
    """The service with versions A and B; ``fault`` gives B the feature code that reads the hour in UTC."""
    a = Version(models["A"], "local_hour")
    b = Version(models["B"], "utc_hour" if fault else "local_hour")
    guarded = Guard(
        SERVICE,
        [
            Rung("current", kind="current", version="B", call=b),
            Rung("last known good", kind="last_known_good", version="A", call=a),
            Rung("closed", kind="closed"),
        ],
        deploy={"A": 1.0},
        shadow={"A": 1.0},
        describe=Answer.described,
        exercise=0.0,
        clock=clock,
        wait=10.0,
        outbox={"every": 0.2},
        **guard,
    )
    app = FastAPI(title="delay service")
    app.state.guard = guarded
    _routes(app, guarded, clock)
    return app


def _routes(app: FastAPI, guarded: Guard, clock: HeardClock) -> None:
    @app.middleware("http")
    async def hear(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        """The player says what time it is."""
        if "fireline-clock" in request.headers:
            clock.hear(request.headers["fireline-clock"])
        return await go_on(request)

    @app.post("/score")
    def score(flight: dict[str, Any]) -> Any:
        """Will this flight be more than 15 minutes late?"""
        segments = {name: flight[name] for name in ("carrier", "origin")}
        try:
            answer = guarded.call(flight, key=flight["request_id"], segments=segments)
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, 503)
        return {"request_id": flight["request_id"], "late": answer.score}

    @app.post("/deploy")
    def deploy(split: dict[str, float]) -> dict[str, Any]:
        """The deploy pipeline: these shares of the calls go to these versions."""
        guarded.deploy(split)
        return {"deployed": split}

    @app.post("/flush")
    def flush() -> dict[str, Any]:
        """Send what waits, so that the player may move the clock."""
        return {"sent": guarded.flush(5.0), "switch": guarded.version, "stale": guarded.stale}

    @app.get("/status")
    def status() -> Any:
        """The guard's own account."""
        return guarded.status()


def main() -> None:
    """Serve until killed."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--models", type=Path, required=True)
    ask.add_argument("--port", type=int, required=True)
    ask.add_argument("--state", type=Path, required=True)
    ask.add_argument("--healthy", action="store_true", help="version B without the bug")
    told = ask.parse_args()
    models = pickle.loads(told.models.read_bytes())
    app = create(models, not told.healthy, HeardClock(EPOCH), state=told.state)
    uvicorn.run(app, host="127.0.0.1", port=told.port, log_level="warning")


if __name__ == "__main__":
    main()
