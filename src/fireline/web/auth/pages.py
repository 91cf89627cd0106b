"""Login, logout, the first admin, and the own password."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fireline.clock import Clock
from fireline.errors import InputError
from fireline.store.people import People
from fireline.terms.people import User
from fireline.web.auth.access import Access
from fireline.web.auth.hosts import local_path
from fireline.web.auth.paper import page, style
from fireline.web.auth.passwords import Guesses, a_name, fits, hashed, is_name, is_old
from fireline.web.auth.refusal import Refused
from fireline.web.auth.sessions import SessionDesk
from fireline.web.auth.tokens import digest
from fireline.web.auth.who import Who, csrf_of, identity_of, viewer, who_asks

log = logging.getLogger("fireline.auth")

WRONG = "This name and this password do not belong together."
_T = TypeVar("_T")


def pages(people: People, clock: Clock, access: Access) -> APIRouter:
    """The routes /login, /logout, /setup and /account."""
    here = _Pages(people, clock, access)
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/login", here.login_form, methods=["GET"])
    router.add_api_route("/login", here.login, methods=["POST"])
    router.add_api_route("/login/door.css", here.style, methods=["GET"])
    router.add_api_route("/logout", here.logout, methods=["POST"], dependencies=[Depends(viewer)])
    router.add_api_route("/setup", here.setup_form, methods=["GET"])
    router.add_api_route("/setup", here.setup, methods=["POST"])
    router.add_api_route("/account", here.account_form, methods=["GET"], dependencies=[Depends(viewer)])
    router.add_api_route("/account", here.account, methods=["POST"], dependencies=[Depends(viewer)])
    return router


class _Pages:
    def __init__(self, people: People, clock: Clock, access: Access) -> None:
        self._people, self._clock = people, clock
        self._sessions = SessionDesk(people, clock, access)
        self._guesses = Guesses(clock)
        self._hashing: CapacityLimiter | None = None

    async def _hash(self, work: Callable[..., _T], *given: object) -> _T:
        """Do work that takes 64 MiB and a processor: at most two at once, whoever stands at the door."""
        if self._hashing is None:
            self._hashing = CapacityLimiter(2)  # made here: it belongs to the running event loop
        return await to_thread.run_sync(work, *given, limiter=self._hashing)

    async def _come_in(self, request: Request, name: str, to: str) -> Response:
        response = RedirectResponse(to, 303)
        was = self._sessions.secret_in(request)
        secret, _ = await to_thread.run_sync(self._sessions.begin, name, was)
        self._sessions.hand(response, secret, request.url.scheme == "https")
        log.info("%s signed in from %s", name, request.client.host if request.client else "nowhere")
        return response

    # Login.

    async def style(self) -> Response:
        return Response(style(), media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})

    async def login_form(self, request: Request) -> Response:
        to = local_path(request.query_params.get("next"))
        if who_asks(request) is not None:
            return RedirectResponse(to, 303)
        anybody = await to_thread.run_sync(self._people.any_user)
        return _paper("login.html", error="", name="", to=to, anybody=anybody)

    async def login(self, request: Request) -> Response:
        form = await _fields(request)
        name, password = form.get("name", "").strip().lower(), form.get("password", "")
        to, address = local_path(form.get("next")), request.client.host if request.client else None
        wait = self._guesses.attempt(name, address)
        if wait:
            log.warning("too many attempts to sign in from %s", address)
            said = f"Too many attempts. Try again in {-(-wait // 60)} minutes."
            return _paper(
                "login.html", 429, {"Retry-After": str(wait)}, error=said, name=name, to=to, anybody=True
            )
        user = await to_thread.run_sync(self._people.user, name) if is_name(name) else None
        if not await self._hash(fits, user, password) or user is None:
            if user is not None:  # an unknown name is not logged: it may be a password in the wrong field
                log.warning("a wrong password for %s from %s", user.name, address)
            return _paper("login.html", 401, error=WRONG, name=name, to=to, anybody=True)
        self._guesses.right(name, address)
        if is_old(user):
            newer = await self._hash(hashed, password)
            await to_thread.run_sync(self._people.rehash, user.name, user.password_hash, newer)
        return await self._come_in(request, user.name, to)

    async def logout(self, request: Request) -> Response:
        response = RedirectResponse("/login", 303)
        secret = self._sessions.secret_in(request)
        if secret:
            await to_thread.run_sync(self._sessions.end, secret)
        self._sessions.take_back(response)
        response.headers["Clear-Site-Data"] = '"cache"'
        return response

    # The first admin.

    async def setup_form(self, request: Request) -> Response:
        token = request.query_params.get("token", "")
        if not await to_thread.run_sync(self._people.setup_open, digest(token), self._clock.now()):
            return _paper("setup.html", 403, token="", name="", error=_SPENT)
        return _paper("setup.html", token=token, name="", error="")

    async def setup(self, request: Request) -> Response:
        form = await _fields(request)
        token, name, now = form.get("token", ""), form.get("name", ""), self._clock.now()
        if not await to_thread.run_sync(self._people.setup_open, digest(token), now):
            return _paper("setup.html", 403, token="", name="", error=_SPENT)
        try:
            name = a_name(name)
            user = User(name, "admin", await self._new_password(form, name), now)
        except InputError as wrong:
            return _paper("setup.html", 422, token=token, name=name, error=_said(wrong))
        if not await to_thread.run_sync(self._people.first_admin, digest(token), user):
            return _paper("setup.html", 403, token="", name="", error=_SPENT)
        return await self._come_in(request, user.name, "/")

    # The own password.

    async def account_form(self, request: Request) -> Response:
        return _account(request, _signed_in(request), error="", done=False)

    async def account(self, request: Request) -> Response:
        who, form = _signed_in(request), await _fields(request)
        address = request.client.host if request.client else None
        wait = self._guesses.attempt(who.name, address)
        if wait:
            return _account(request, who, 429, error="Too many attempts. Try again later.", done=False)
        user = await to_thread.run_sync(self._people.user, who.name)
        if not await self._hash(fits, user, form.get("old", "")):
            return _account(request, who, 403, error="The old password is not right.", done=False)
        self._guesses.right(who.name, address)
        try:
            new = await self._new_password(form, who.name)
        except InputError as wrong:
            return _account(request, who, 422, error=_said(wrong), done=False)
        await to_thread.run_sync(lambda: self._people.change_user(who.name, password_hash=new))
        return await self._come_in(request, who.name, "/account?done=1")

    async def _new_password(self, form: dict[str, str], name: str) -> str:
        password = form.get("password", "")
        if password != form.get("again", ""):
            raise InputError("the two passwords are not the same", todo="type it twice")
        return await self._hash(hashed, password, name)


_SPENT = (
    "This link is not valid any more: it works once, within an hour. Start the server again for a new one."
)


def _paper(
    template: str, status: int = 200, headers: dict[str, str] | None = None, /, **said: object
) -> Response:
    return page(template, status, {"Cache-Control": "no-store", **(headers or {})}, **said)


def _account(request: Request, who: Who, status: int = 200, **said: object) -> Response:
    done = said.pop("done") or "done" in request.query_params
    return _paper("account.html", status, None, who=who, csrf=csrf_of(request), done=done, **said)


def _signed_in(request: Request) -> Who:
    """Who has a password here. Raises Refused for a token or the operator on loopback."""
    identity = identity_of(request)
    if identity.who is None or identity.session is None:
        raise Refused(
            403, "only somebody who signed in has a password", "make a user: fireline user add NAME"
        )
    return identity.who


def _said(wrong: InputError) -> str:
    text = f"{wrong.message}: {wrong.todo}." if wrong.todo else f"{wrong.message}."
    return text[0].upper() + text[1:]


async def _fields(request: Request) -> dict[str, str]:
    """The form's fields that are text."""
    async with request.form(max_files=0, max_fields=20) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}
