"""Sizes: what is too large is refused early, with what to do, and pages that last end when they must."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Annotated

import httpx
import pytest
import uvicorn
from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse

from fireline.clock import SystemClock
from fireline.errors import StoreError
from fireline.store.people import People
from fireline.web.auth import Access, Who, protect, viewer
from fireline.web.auth.tokens import digest
from tests.auth.conftest import PASSWORD, Door, plain_app

EVENTS = "/v1/events?service=pricing"
SMALL = Access(max_body=1000, max_bodies={"/v1/events": 5000})


def in_pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // 100):
        yield b"x" * 100


def test_a_body_that_is_too_large_is_refused_with_what_to_do(door: Door) -> None:
    browser, bearer = door.browser(door.app(SMALL)), door.token("ingest")
    assert browser.post(EVENTS, headers=bearer, content=b"x" * 5000).json()["bytes"] == 5000
    for body in (b"x" * 5001, in_pieces(5100)):
        refused = browser.post(EVENTS, headers=bearer, content=body)
        assert refused.status_code == 413
        assert "smaller batches" in refused.json()["todo"]
        assert "5000 bytes" in refused.json()["error"]


def test_other_paths_have_the_smaller_limit_strangers_too(door: Door) -> None:
    browser = door.browser(door.app(SMALL))
    for body in (b"x" * 1001, in_pieces(1100)):
        refused = browser.post(
            "/login", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert refused.status_code == 413
    nonsense = browser.post("/login", headers={"Content-Length": "many"})
    assert nonsense.status_code == 400


def test_too_many_or_too_long_headers_are_refused(door: Door) -> None:
    browser = door.browser(door.app())
    assert browser.get("/healthz", headers={f"X-{n}": "1" for n in range(101)}).status_code == 431
    assert browser.get("/healthz", headers={"X-Long": "x" * 33_000}).status_code == 431
    assert browser.get("/healthz", headers={f"X-{n}": "1" for n in range(50)}).status_code == 200


def test_a_very_large_form_is_not_read_to_look_for_its_token(door: Door) -> None:
    door.user("ada", "admin")
    browser, csrf = door.signed_in(door.app(), "ada")
    fields = {"text": "x" * 300_000, "csrf": csrf}
    assert browser.post("/v1/incidents/inc-1/note", data=fields).status_code == 413


# Real servers: what a test client does not show.


def streaming_app() -> FastAPI:
    app = plain_app()

    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b"data: tick\n\n"
            await asyncio.sleep(0.02)

    @app.get("/v1/stream")
    async def stream(who: Annotated[Who, Depends(viewer)]) -> StreamingResponse:
        return StreamingResponse(ticks(), media_type="text/event-stream")

    return app


@contextlib.contextmanager
def served(app: FastAPI) -> Iterator[str]:
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server ended before it had started"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


@pytest.mark.parametrize("how", ["disabled", "signed out", "demoted", "revoked"])
def test_an_open_stream_ends_when_the_one_who_looks_may_not_any_more(door: Door, how: str) -> None:
    door.user("ada", "admin")
    door.user("bob", "responder")
    app = streaming_app()
    protect(app, door.store, door.clock, Access())
    with served(app) as address, httpx.Client(base_url=address, timeout=60) as browser:
        headers = door.token("viewer", name="screen") if how == "revoked" else {}
        if not headers:
            assert browser.post("/login", data={"name": "bob", "password": PASSWORD}).status_code == 303
        with browser.stream("GET", "/v1/stream", headers=headers) as stream:
            assert stream.status_code == 200
            pieces = stream.iter_raw()
            assert b"tick" in next(pieces)
            door.clock.advance(timedelta(seconds=11))
            for _ in range(20):
                assert b"tick" in next(pieces), "who may still look is left alone"
            if how == "disabled":
                door.people.change_user("bob", disabled=True)
            elif how == "signed out":
                door.people.end_session(digest(browser.cookies["fireline"]))
            elif how == "demoted":
                door.people.change_user("bob", role="viewer")
            else:
                door.people.revoke_token("screen", door.clock.now())
            door.clock.advance(timedelta(seconds=31))
            for _ in pieces:  # ends, or the time-out of the client fails the test
                pass


def test_over_a_real_socket_this_machine_is_the_operator_and_http_1_0_is_not(door: Door) -> None:
    app = plain_app()
    protect(app, door.store, SystemClock(), Access(open_on_loopback=True))
    with served(app) as address:
        assert httpx.get(f"{address}/v1/incidents").json()["name"] == "operator"
        forwarded = {"X-Forwarded-For": "127.0.0.1"}
        assert httpx.get(f"{address}/v1/incidents", headers=forwarded).status_code == 401
        assert httpx.get(f"{address}/v1/incidents", headers={"Host": "evil.example"}).status_code == 421
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as plain:
            plain.sendall(b"GET /v1/incidents HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            assert plain.recv(100).split(b" ")[1] == b"401", (
                "as nginx passes requests on unless told otherwise"
            )


def test_health_answers_while_the_store_is_away(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreError("the store cannot be reached", permanent=False)

    door.user("ada", "admin")
    browser, _ = door.signed_in(door.app(), "ada")
    open_door = door.browser(
        door.app(Access(open_on_loopback=True)), "http://127.0.0.1:8700", ("127.0.0.1", 1)
    )
    for name in ("session", "token", "any_user"):
        monkeypatch.setattr(People, name, away)
    for one, headers in ((browser, {}), (browser, door.token("viewer")), (open_door, {})):
        assert one.get("/healthz", headers=headers).json() == "a stranger"
        closed = one.get("/v1/incidents", headers=headers)
        assert closed.status_code == 503
        assert closed.headers["Retry-After"]
        assert closed.json()["permanent"] is False


def test_a_body_in_chunks_is_cut_off_over_a_real_socket(door: Door) -> None:
    app = plain_app()
    protect(app, door.store, SystemClock(), SMALL)
    bearer = door.token("ingest")
    with served(app) as address:
        refused = httpx.post(f"{address}{EVENTS}", headers=bearer, content=in_pieces(5100))
        assert refused.status_code == 413
        assert refused.headers["connection"] == "close"
