"""How a page is drawn: one environment a time zone, one frame around every page, nothing inline in it."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from fastapi import Request
from jinja2 import Environment
from markupsafe import Markup
from starlette.responses import HTMLResponse

from fireline import __version__
from fireline.clock import iso, parse_time
from fireline.live.views import MonitorView
from fireline.terms import words
from fireline.web import report
from fireline.web.auth.who import Who, csrf_of
from fireline.web.pages import assets
from fireline.web.pages.evidence_bar import bar
from fireline.web.pages.prose import prose
from fireline.web.pages.spark import spark

CSP = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
HTMX = {
    "includeIndicatorStyles": False,  # they would be inline
    "allowEval": False,
    "allowScriptTags": False,
    "selfRequestsOnly": True,
    "historyCacheSize": 0,  # nothing of an incident stays in the browser's store
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "409|422", "swap": True, "error": True},
        {"code": "[45]..", "swap": False, "error": True},
    ],
}
EMBER_STATES = frozenset({"suspected", "declared", "triaging", "containing", "recovering"})


@lru_cache(maxsize=64)
def environment(zone: str) -> Environment:
    """The templates with times on the clocks of ``zone``. Every value is escaped."""
    env = report.environment(report.zone_of(zone))
    env.finalize = _shown
    env.filters.update(
        prose=prose,
        island=island,
        brief=words.brief,
        spaced=_spaced,
        when_in=when_in,
        monitor_name=monitor_name,
    )
    env.globals.update(
        bar=bar, spark=spark, version=__version__, asset=assets.address, until=until, ago=ago,
        htmx=json.dumps(HTMX), vendored=assets.vendored(), ember_states=EMBER_STATES,
    )  # fmt: skip
    return env


def page(
    request: Request, who: Who, template: str, /, status: int = 200, zone: str = "UTC", **known: Any
) -> HTMLResponse:
    """A whole page, with the headers that keep anything foreign out of it."""
    now: datetime = request.app.state.fireline.clock.now()
    body = environment(zone).get_template(f"pages/{template}").render(
        who=who, csrf=csrf_of(request), may_act=may_act(who), now=now, now_iso=iso(now), zone=zone,
        path=request.url.path, **known,
    )  # fmt: skip
    return HTMLResponse(body, status, headers=headers())


def headers() -> dict[str, str]:
    """What every page says about itself."""
    return {
        "Content-Security-Policy": CSP,
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }


def may_act(who: Who) -> bool:
    """Whether this person is shown buttons; the commands ask again."""
    return who.role in ("responder", "admin")


def until(at: datetime | str | None, now: datetime) -> Markup:
    """A countdown: said by the server, kept going by the page's script."""
    return _moving(at, now, "until")


def ago(at: datetime | str | None, now: datetime) -> Markup:
    """How long ago, kept going by the page's script."""
    return _moving(at, now, "ago")


def when_in(at: datetime | str, zone: str) -> Markup:
    """An instant on the clocks of ``zone``, with UTC to hover for."""
    when = parse_time(at) if isinstance(at, str) else at
    said = words.day_time(when, report.zone_of(zone).key)
    return Markup('<time datetime="{}" title="{} (UTC)">{}</time>').format(iso(when), iso(when), said)


def _moving(at: datetime | str | None, now: datetime, how: Literal["until", "ago"]) -> Markup:
    if at is None:
        return Markup("–")
    when = parse_time(at) if isinstance(at, str) else at
    span = when - now if how == "until" else now - when
    said = words.length(span) if span.total_seconds() > 0 else "now"
    said = f"in {said}" if how == "until" and said != "now" else f"{said} ago" if said != "now" else said
    return Markup('<time class="moving" data-{}="{}" datetime="{}" title="{} (UTC)">{}</time>').format(
        how, iso(when), iso(when), iso(when), said
    )


def island(value: Any) -> Markup:
    """``value`` as JSON that cannot end the element it stands in.

    >>> print(island({"a": "</script>"}))
    {"a":"\\u003c/script\\u003e"}
    """
    text = json.dumps(value, separators=(",", ":"), default=str)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _shown(value: Any) -> Any:
    """Text with what turns or hides text in it made visible; what was drawn already stays."""
    return report.cleaned(value) if type(value) is str else value


def monitor_name(monitor: MonitorView) -> str:
    """A monitor with what it looks at; a column's name keeps its letters."""
    return monitor.name.replace(monitor.monitor, _spaced(monitor.monitor), 1)


def _spaced(value: object) -> str:
    return str(value).replace("_", " ")
