"""Who asks: what every endpoint may rely on, and the dependencies that say who is allowed.

The gate (`fireline.web.auth.gate`) has looked at the request before any of this runs. What it found is in
``request.state.identity``; an app without the gate lets nobody in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from starlette.requests import HTTPConnection, Request

from fireline.terms.people import Level, Scope, Session, reaches
from fireline.web.auth.refusal import Refused

GUARDS = "__fireline_allows__"
_F = TypeVar("_F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Who:
    """A person, or a program that acts like one; ``name`` is what the journal says."""

    name: str
    role: Level
    how: Literal["session", "token", "loopback"]


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that delivers events or asks for switches; ``service`` None means every service."""

    name: str
    scope: Scope
    service: str | None = None

    def may(self, service: str) -> bool:
        """Whether it speaks for ``service``."""
        return self.service is None or self.service == service

    def require(self, service: str) -> None:
        """Raise Refused (403) unless it speaks for ``service``."""
        if not self.may(service):
            raise Refused(
                403,
                f"this token is for the service {self.service}, not for {service}",
                f"use a token of {service}: fireline token create NAME --scope guard --service {service}",
            )


@dataclass(frozen=True, slots=True)
class Identity:
    """What the gate found out about a request; all None is a stranger."""

    who: Who | None = None
    caller: Caller | None = None
    session: Session | None = None

    @property
    def known(self) -> bool:
        """Whether it is anybody at all."""
        return self.who is not None or self.caller is not None


STRANGER = Identity()


def identity_of(connection: HTTPConnection) -> Identity:
    """What the gate found; a stranger where there is no gate."""
    found = getattr(connection.state, "identity", STRANGER)
    return found if isinstance(found, Identity) else STRANGER


def who_asks(connection: HTTPConnection) -> Who | None:
    """Who asks, None for a stranger: for pages that anybody may see."""
    return identity_of(connection).who


def csrf_of(connection: HTTPConnection) -> str:
    """What a form's field ``csrf`` or the header ``X-CSRF-Token`` must carry; "" where none is needed."""
    session = identity_of(connection).session
    return session.csrf if session is not None else ""


def _allows(what: str) -> Callable[[_F], _F]:
    def mark(dependency: _F) -> _F:
        setattr(dependency, GUARDS, what)
        return dependency

    return mark


def _at_least(request: Request, needed: Level) -> Who:
    identity = identity_of(request)
    if identity.who is None:
        if identity.caller is not None:
            raise Refused(
                403,
                f"a token of scope {identity.caller.scope} cannot do this",
                f"use a token of scope {needed}: fireline token create NAME --scope {needed}",
            )
        raise Refused(
            401, "this needs somebody who is signed in", "sign in, or send Authorization: Bearer TOKEN"
        )
    if not reaches(identity.who.role, needed):
        raise Refused(
            403,
            f"{identity.who.name} is a {identity.who.role}, and this needs a {needed}",
            f"ask an admin: fireline user role {identity.who.name} {needed}",
        )
    return identity.who


@_allows("viewer")
async def viewer(request: Request) -> Who:
    """Whoever may look: everybody who is known. Refused (401, 403) otherwise."""
    return _at_least(request, "viewer")


@_allows("responder")
async def responder(request: Request) -> Who:
    """Whoever may act in incidents. Refused (401, 403) otherwise."""
    return _at_least(request, "responder")


@_allows("admin")
async def admin(request: Request) -> Who:
    """Whoever sees to people and tokens. Refused (401, 403) otherwise."""
    return _at_least(request, "admin")


@_allows("viewer")
async def looker_or_sender(request: Request) -> str:
    """Whoever may look, and programs of the service in the path; the name of who asks. Refused (401, 403)
    otherwise."""
    caller = identity_of(request).caller
    if caller is None:
        return _at_least(request, "viewer").name
    caller.require(str(request.path_params["service"]))
    return caller.name


def service_token(scope: Literal["ingest", "switches"]) -> Callable[[Request], object]:
    """A dependency for endpoints that programs use; it gives the Caller.

    The token's scope must be ``scope`` or ``guard``, or it is an admin who asks. A token of one service is
    refused where the path or the query names another; where the rows name it, call ``caller.require(name)``.
    """

    @_allows(scope)
    async def caller(request: Request) -> Caller:
        identity = identity_of(request)
        found = identity.caller
        if found is None:
            return _as_admin(request, scope)
        if found.scope not in (scope, "guard"):
            raise Refused(
                403,
                f"a token of scope {found.scope} cannot do this",
                f"use a token of scope {scope} or guard",
            )
        named = request.query_params.getlist("service")
        if "service" in request.path_params:
            named.append(str(request.path_params["service"]))
        for service in named:
            found.require(service)
        return found

    return caller


def _as_admin(request: Request, scope: str) -> Caller:
    identity = identity_of(request)
    if identity.who is None:
        raise Refused(
            401,
            f"this needs a token of scope {scope}",
            "send Authorization: Bearer TOKEN; `fireline token create --help` says how to make one",
        )
    if identity.who.role != "admin":
        raise Refused(
            403,
            f"{identity.who.name} is a {identity.who.role}: this is for programs",
            f"use a token of scope {scope}",
        )
    return Caller(identity.who.name, "admin")
