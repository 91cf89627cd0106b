"""Draws the few pages of this part: small, without scripts, escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse


@cache
def _environment() -> Environment:
    loader = PackageLoader("fireline.web.auth", "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


@cache
def style() -> str:
    """What the pages look like, where the pages' own stylesheets do not say."""
    return (files("fireline.web.auth") / "templates" / "door.css").read_text(encoding="utf-8")


def page(
    template: str, status: int = 200, headers: Mapping[str, str] | None = None, /, **said: object
) -> HTMLResponse:
    """The ``template`` with what is ``said`` in it."""
    return HTMLResponse(_environment().get_template(template).render(said), status, dict(headers or {}))
