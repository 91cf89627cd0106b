"""Asks a running server: what the incident commands share."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from fireline.errors import FirelineError, InputError, Where

URL = Annotated[
    str,
    typer.Option("--url", metavar="URL", envvar="FIRELINE_URL", help="The server.", show_default=True),
]
TOKEN = Annotated[
    str,
    typer.Option(
        "--token", metavar="TOKEN", envvar="FIRELINE_TOKEN",
        help="A token of scope viewer, responder or admin.",
        show_default=False,
    ),
]  # fmt: skip
HERE = "http://127.0.0.1:8700"


class Refusal(FirelineError):
    """The server said no; ``status`` is HTTP's."""

    status = 0


@dataclass(frozen=True, slots=True)
class Client:
    """The API of the server at ``url``."""

    url: str = HERE
    token: str = ""
    patience: float = 30.0

    def get(self, path: str, **query: Any) -> Any:
        """GET and read JSON. Raises FirelineError with what to do."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", path + ("?" + urllib.parse.urlencode(asked) if asked else ""), None)

    def post(self, path: str, body: Any, form: str = "application/json") -> Any:
        """POST JSON (or bytes of the type ``form``) and read JSON. Raises FirelineError with what to do."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._ask("POST", path, sent, form)

    def _ask(self, method: str, path: str, body: bytes | None, form: str = "application/json") -> Any:
        if not self.url.startswith(("http://", "https://")):
            raise InputError(
                f"{self.url!r} is no address of a server", where=Where(key="--url"),
                todo="write it as http://127.0.0.1:8700",
            )  # fmt: skip
        request = urllib.request.Request(self.url.rstrip("/") + path, data=body, method=method)
        request.add_header("Accept", "application/json")
        if body is not None:
            request.add_header("Content-Type", form)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=self.patience) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise _refused(error) from None
        except (urllib.error.URLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise InputError(
                f"no Fireline answers: {reason}", where=Where(file=self.url),
                todo="start one with `fireline serve`, or name it with --url or FIRELINE_URL",
            ) from None  # fmt: skip


def _refused(error: urllib.error.HTTPError) -> FirelineError:
    try:
        told = json.loads(error.read())
    except ValueError:
        told = {}
    detail = told.get("detail")
    said = told.get("error") or (detail if isinstance(detail, str) else "") or f"HTTP {error.code}"
    todo = told.get("todo") or ("" if error.code < 500 else "see the server's log")
    if isinstance(detail, list) and detail and not told.get("error"):
        said = f"{'.'.join(map(str, detail[0].get('loc', ())))}: {detail[0].get('msg', '')}"
    refusal = Refusal(str(said), todo=str(todo), permanent=bool(told.get("permanent", True)))
    refusal.status = error.code
    return refusal


def client(url: str, token: str) -> Client:
    """The client that --url and --token name."""
    return Client(url or os.environ.get("FIRELINE_URL", HERE), token)
