"""Saying no: to a program as JSON, to a person as a page, in both cases with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Scope as AsgiScope

from fireline.web.auth.paper import page

_HEADS = {
    400: "This cannot be read",
    401: "Please sign in",
    403: "Not allowed",
    413: "Too large",
    421: "Wrong name",
    429: "Too many attempts",
    431: "Too many headers",
    500: "Something broke",
    503: "One moment",
}


class Refused(HTTPException):
    """A request that is not answered: ``status``, why, and what to do."""

    def __init__(
        self, status: int, error: str, todo: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, error, dict(headers or {}))
        self.error, self.todo = error, todo


def wants_page(scope: AsgiScope) -> bool:
    """Whether a person with a browser asks."""
    return "text/html" in Headers(scope=scope).get("accept", "")


def answer(scope: AsgiScope, refused: Refused) -> Response:
    """The answer that says no, in the form that the one who asked can read.

    A person who is not signed in and wants to look is led to the login; JSON is as for every
    other error: ``{"error", "where", "todo", "permanent"}``.
    """
    headers = dict(refused.headers or {})
    if refused.status_code == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="fireline"')
        headers["HX-Redirect"] = "/login"
    if not wants_page(scope):
        body = {
            "error": refused.error,
            "where": "",
            "todo": refused.todo,
            "permanent": refused.status_code not in (429, 503),
        }
        return JSONResponse(body, refused.status_code, headers)
    if refused.status_code == 401 and scope["method"] in ("GET", "HEAD"):
        query = scope["query_string"].decode("latin-1")
        path = HTTPConnection(scope).url.path + (f"?{query}" if query else "")
        to = "/login" if path == "/" else "/login?" + urlencode({"next": path})
        return RedirectResponse(to, 303)
    said = {
        "head": _HEADS.get(refused.status_code, "This does not work"),
        "error": refused.error,
        "todo": refused.todo,
        "signed_out": refused.status_code == 401,
    }
    return page("refused.html", refused.status_code, headers, **said)
