"""The middleware: real routes of a real app, steered and counted with no change to what they call."""

from __future__ import annotations

import asyncio
import json
from time import perf_counter

import pytest
from fastapi import FastAPI, Request

from fireline.guard import Breaker, Guard, GuardMiddleware, Rung
from fireline.terms.switch import Route
from tests.guard.conftest import switch


class Broken(Exception):
    """The app is broken."""


def app_that(does):
    async def app(scope, receive, send):
        await does(scope, receive, send)

    return app


async def answers(scope, receive, send):
    decision = scope["state"]["fireline"]
    decision.say(score=0.25)
    body = json.dumps({"version": decision.version, "rung": decision.rung}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def errs(scope, receive, send):
    await send({"type": "http.response.start", "status": 502, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def breaks_midway(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise Broken


async def hangs(scope, receive, send):
    await asyncio.sleep(30)


def made(does, **options):
    events = []
    rungs = [
        Rung("current", version="B", breaker=Breaker(least=3, cool=60)),
        Rung("good", kind="last_known_good", version="A"),
        Rung("closed", kind="closed"),
    ]
    guard = Guard("pricing", rungs, url="", sink=events.append)
    return guard, events, GuardMiddleware(app_that(does), guard, paths=("/predict",), **options)


def ask(app, path="/predict/1", headers=()):
    async def story():
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "http.request", "body": b""}

        scope = {"type": "http", "method": "GET", "path": path, "headers": list(headers), "query_string": b""}
        await app(scope, receive, send)
        return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:]), sent[0]["headers"]

    return asyncio.run(story())


def test_the_app_learns_where_to_go_and_adds_to_the_event():
    guard, events, app = made(answers, segments=lambda scope: {"path": scope["path"]})
    assert json.loads(ask(app, headers=[(b"x-request-id", b"r-1")])[1]) == {"version": "B", "rung": "current"}
    guard.obey(switch(3, Route("m", version="A")))
    assert json.loads(ask(app)[1]) == {"version": "A", "rung": "good"}
    one, two = events
    assert (one["request_id"], one["version"], one["status"], one["score"]) == ("r-1", "B", "200", 0.25)
    assert (one["path"], one["rung"]) == ("/predict/1", "current")
    assert (two["version"], two["switch"]) == ("A", "3")


def test_other_routes_are_left_alone():
    _, events, app = made(errs)
    assert ask(app, path="/health")[0] == 502
    assert events == []


def test_answers_of_500_and_above_open_the_breaker_and_the_next_rung_is_told():
    guard, events, app = made(errs)
    for _ in range(4):
        assert ask(app)[0] == 502
    assert [(event["version"], event["status"]) for event in events] == [("B", "502")] * 3 + [("A", "502")]
    assert guard.status()["rungs"][0]["breaker"] == "open"


def test_a_stream_that_breaks_midway_is_a_failure_and_passed_on():
    guard, events, app = made(breaks_midway)
    with pytest.raises(Broken):
        ask(app)
    assert events[0]["status"] == "error"
    assert guard.status()["rungs"][0]["failure_rate"] == 1.0


def test_a_client_that_leaves_is_no_failure():
    guard, events, app = made(hangs)

    async def story():
        task = asyncio.create_task(app({"type": "http", "path": "/predict", "headers": []}, None, None))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)

    asyncio.run(story())
    assert events[0]["status"] == "cancelled"
    assert guard.status()["rungs"][0]["calls_in_window"] == 0


def test_a_closed_rung_is_answered_with_503_and_the_app_is_not_asked():
    guard, events, app = made(hangs)
    guard.obey(switch(1, Route("m", rung="closed")))
    status, body, headers = ask(app)
    assert status == 503
    assert (b"retry-after", b"30") in headers
    assert json.loads(body)["error"] == "refused for now"
    assert (events[0]["rung"], events[0]["status"]) == ("closed", "refused")


def test_an_open_rung_is_answered_with_what_was_declared():
    guard = Guard("pricing", [Rung("current"), Rung("open", kind="open", answer={"score": 0})], url="")
    guard.obey(switch(1, Route("m", rung="open")))
    status, body, _ = ask(GuardMiddleware(app_that(hangs), guard))
    assert (status, json.loads(body)) == (200, {"score": 0})


def test_it_stands_before_a_real_fastapi_app():
    events = []
    guard = Guard("pricing", [Rung("current", version="B")], url="", sink=events.append)
    app = FastAPI()
    app.add_middleware(GuardMiddleware, guard=guard, paths=["/predict"])

    @app.get("/predict")
    def predict(request: Request):
        request.state.fireline.say(prediction=1)
        return {"version": request.state.fireline.version}

    assert json.loads(ask(app, path="/predict")[1]) == {"version": "B"}
    assert (events[0]["status"], events[0]["prediction"]) == ("200", 1)


def test_what_an_app_does_after_its_answer_is_no_part_of_it():
    answered = []

    async def answers_and_works_on(scope, receive, send):
        await answers(scope, receive, send)
        answered.append(perf_counter())
        await asyncio.sleep(0.05)
        raise Broken

    guard, events, app = made(answers_and_works_on)
    began = perf_counter()
    with pytest.raises(Broken):
        ask(app)
    assert [event["status"] for event in events] == ["200"]
    assert events[0]["latency_ms"] <= 1e3 * (answered[0] - began)
    assert guard.status()["rungs"][0]["failed"] == 0
