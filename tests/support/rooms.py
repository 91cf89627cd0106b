"""A small Fireline for the pages' tests: a real store with a real journal, views made up whole, no loop.

    python -m tests.support.rooms [PORT]

serves it, to look at.
"""

# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request, Response

from fireline.clock import ManualClock, iso
from fireline.live.news import News
from fireline.live.views import GuardView, MonitorView, ServiceView
from fireline.runbook.schema import Runbook
from fireline.store import Store
from fireline.terms.budget import BurnView, ErrorBudget
from fireline.terms.measure import Measure, MeasureState
from fireline.terms.slo import BURN_RULES
from fireline.terms.switch import Route, Switch
from fireline.terms.timeline import Draft, EntryKind
from fireline.terms.verdict import Verdict, VerdictKind
from fireline.web.auth.who import Identity, Who
from fireline.web.pages import pages_router
from tests.support import sample_incidents

ZONE = "America/New_York"
SERVICE = sample_incidents.SERVICE
OPENED = sample_incidents.ALERTED
NOW = OPENED + timedelta(minutes=9)
RUNBOOK = Runbook.from_plain(
    {
        "service": SERVICE,
        "purpose": "Says at the gate whether a flight will be late.",
        "timezone": ZONE,
        "ownership": {"team": "delays team"},
        "columns": {"time": "time", "request_id": "request_id", "version": "version", "features": {"dep_hour": "numeric"}},
        "reference": {"since": "2013-03-01T00:00:00Z", "until": "2013-03-15T00:00:00Z"},
        "ladder": [
            {"name": "current", "kind": "current"},
            {"name": "last known good", "kind": "last_known_good", "version": "A"},
            {"name": "by airport", "kind": "rules", "because": "The airport's usual delay, without the model."},
            {"name": "closed", "kind": "closed", "fails": "closed", "because": "No answer is better than a wrong one."},
        ],
        "last_known_good": {"version": "A", "known_by": "AUC 0.756"},
    }
)  # fmt: skip


def measure(name: str = "msr-1", **more: Any) -> Measure:
    """A rollback as the loop proposes it."""
    usual: dict[str, Any] = {
        "action": "rollback",
        "params": {"from": "B", "to": "A"},
        "because": "Only B is bad, and A is known to be good: AUC 0.65 with B, 0.70 with A on the same requests",
        "authority": "ask",
        "state": MeasureState.ASKED,
        "requested_at": OPENED + timedelta(minutes=5),
        "simulated": False,
        "expected": "The AUC back from 0.65 to about 0.70.",
        "dry_run": "All traffic goes to A; B, which answers 20 % of it now, answers nothing any more.",
        "inverse": {"action": "route_share", "params": {"version": "B", "share": 0.2, "to": "A"}},
        "expires_at": OPENED + timedelta(days=1),
    }
    return Measure(id=name, incident="", service=SERVICE, **(usual | more))


class Rooms:
    """What the pages ask of a running Fireline, with nothing running."""

    def __init__(self, now: datetime = NOW, runbook: Runbook = RUNBOOK) -> None:
        self.store, self.clock, self.news = Store.open(":memory:"), ManualClock(now), News()
        self.runbooks: Mapping[str, Runbook] = {runbook.service: runbook}
        self.trouble = ""
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1
        self.news.told()

    def write(self, incident: str, *drafts: Draft) -> None:
        """Append entries at the clock's time and tell the news, as the loop does."""
        with self.store.begin() as tx:
            for draft in drafts:
                tx.append(incident, draft, self.clock.now())
        self.news.told()

    def open_incident(self, name: str = "inc-1", title: str = "dep_hour of version B moved since its deploy",
                      asked: bool = True, **more: Any) -> str:  # fmt: skip
        """An incident with all that triage writes, and a rollback asked for."""
        K = EntryKind
        seen, found = sample_incidents.alerts(), sample_incidents.causes()
        now, self.clock = self.clock.now(), ManualClock(OPENED)
        service = next(iter(self.runbooks))
        self.write(
            name,
            Draft(K.OPENED, "a page opened it", {"service": service, "mode": "real", "title": title}),
            Draft(K.ALERTED, seen[0].because, {"alert": seen[0].as_json()}),
            Draft(K.MOVED, "a page is an incident", {"to": "declared"}),
            Draft(K.MOVED, "what it is, since when and why is worked out next", {"to": "triaging"}),
            Draft(K.ONSET, "by 41 events before and 61 after", {
                "earliest": iso(OPENED - timedelta(minutes=86)), "latest": iso(OPENED - timedelta(minutes=66))}),
            Draft(K.SEVERITY, "20 % of the traffic, and not undone by itself", {"severity": "SEV2"}),
            Draft(K.CAUSES, found[0].because, {"causes": [c.as_json() for c in found]}),
            Draft(K.EVIDENCE, "frozen before anything is touched", {
                "evidence": more.get("evidence") or [e.as_json() for e in sample_incidents.exhibits()]}),
            Draft(K.NEXT, "what to look at", {"checks": ["Compare B's and A's feature code for dep_hour."]}),
        )  # fmt: skip
        self.clock = ManualClock(OPENED + timedelta(minutes=5))
        if asked:
            self.write(name, Draft(K.MOVED, "a measure was chosen", {"to": "containing"}))
            self.ask(name)
        self.clock = ManualClock(now)
        return name

    def ask(self, incident: str, name: str = "msr-1", default: str = "leave") -> str:
        """Ask for a rollback; unanswered for 15 minutes its default applies."""
        found, due = measure(name), self.clock.now() + timedelta(minutes=15)
        body = {"measure": found.as_json(), "default": default, "due": iso(due)}
        self.write(incident, Draft(EntryKind.ASKED, found.because, body))
        return name

    def perform(self, incident: str, name: str = "msr-1") -> None:
        """Claim, apply and confirm a measure, as act and the traffic do."""
        now = self.clock.now()
        with self.store.begin() as tx:
            claim = tx.claim(name, "tests", now, timedelta(minutes=1))
            assert claim is not None
            assert tx.applied(claim, {"switch": 4}, now, "Switch 4 is out: 100% of all calls to version A.")
        self.write(
            incident,
            Draft(EntryKind.CONFIRMED, "All of 212 calls since were answered by A.", {"measure": name}),
        )

    def recover(self, incident: str) -> None:
        """All is well again, and the watch period has passed."""
        now = self.clock.now()
        well = Verdict(now, VerdictKind.RECOVERED, "All is as usual.").as_json()
        self.write(
            incident,
            Draft(EntryKind.VERDICT, "All is as usual.", {"verdict": well}),
            Draft(EntryKind.MOVED, "it recovered", {"to": "verifying"}),
            Draft(EntryKind.WATCH, "a day", {"until": iso(now)}),
            Draft(EntryKind.VERDICT, "All is as usual.", {"verdict": well}),
        )

    def services(self) -> list[ServiceView]:
        return [self.service(name) for name in self.runbooks]

    def service(self, name: str) -> ServiceView:
        now = self.clock.now()
        hours = [now.replace(minute=0, second=0) - timedelta(hours=47 - h) for h in range(48)]
        hourly = tuple(
            (at, 0 if at.hour in (5, 6, 7, 8) else 60 + 90 * ((at.hour * 7) % 11) // 11) for at in hours
        )
        live = self.store.measures(name, states={MeasureState.CONFIRMED})
        switch = None
        if live:
            route = Route(live[-1].id, version="A", expires_at=live[-1].expires_at)
            switch = Switch(name, 4, (route,), now, live[-1].expires_at, live[-1].because)
        return ServiceView(
            name, self.runbooks[name], watermark=now - timedelta(minutes=5), judged_until=now - timedelta(minutes=6),
            last_event=now - timedelta(seconds=12), events=41511, late=12, duplicates=3, quarantined=7, waiting=40,
            versions={"A": 1.0} if live else {"A": 0.8, "B": 0.2},
            rungs={"last known good": 1.0} if live else {"current": 1.0},
            hourly=hourly, switch=switch, guards=(
                GuardView("gate-1 (pid 4711)", 4 if live else 0, False, now - timedelta(seconds=3)),
                GuardView("gate-2 (pid 4712)", 0, bool(live), now - timedelta(minutes=4)),
            ), monitors=_monitors(), budgets=_budgets(now), changes=sample_incidents.DEPLOYS[:1], trouble=self.trouble,
        )  # fmt: skip


def _budgets(now: datetime) -> tuple[ErrorBudget, ...]:
    """One of each verdict; the last two of them cannot be told."""

    def burns(*pairs: tuple[float, float], asks: int = 0) -> tuple[BurnView, ...]:
        return tuple(
            BurnView(r.name, a, b, r.rate, r.urgency, i >= asks, i >= asks and min(a, b) >= r.rate)
            for i, (r, (a, b)) in enumerate(zip(BURN_RULES, pairs, strict=True))
        )

    def curve(*falls: tuple[int, float]) -> tuple[tuple[datetime, float], ...]:
        left = [1.0] * 97
        for at, fall in falls:
            left = [one - fall if i >= at else one for i, one in enumerate(left)]
        return tuple((now - timedelta(hours=7 * (96 - i)), one) for i, one in enumerate(left))

    calm = burns((0.4, 0.2), (0.3, 0.5), (0.5, 0.1), (0.4, 0.6))
    return (
        ErrorBudget("availability", "99.5 % of answers without an error, over 28 days", 0.995, "28 days", "events",
                    "kept", 0.79, 40, 38_000, calm, curve((20, 0.08), (55, 0.1), (90, 0.03)), now),
        ErrorBudget("speed", "95 % of answers within 200 ms, over 28 days", 0.95, "28 days", "events", "page", 0.36, 1216,
                    38_000, burns((16.2, 18.1), (4.1, 17.0), (1.2, 7.0), (0.6, 4.0)), curve((10, 0.1), (40, 0.2), (95, 0.34)), now),
        ErrorBudget("quality", "90 % of hours with an AUC of at least 0.7, over 28 days", 0.9, "28 days", "hours",
                    "broken", -0.34, 90, 672, burns((9.9, 9.9), (3.3, 1.7), (3.1, 5.0), (1.2, 2.2), asks=1),
                    curve(*((i, 0.0279) for i in range(48, 96))), now),
        ErrorBudget("fresh", "99 % of minutes with an event no older than 300 s, over 28 days", 0.99, "28 days",
                    "minutes", "ticket", 0.58, 169, 40_320, burns((0, 0), (0, 0), (3.4, 3.1), (1.4, 1.1)),
                    curve((30, 0.12), (70, 0.3)), now),
        ErrorBudget("alike", "90 % of days in which the groups of carrier are chosen alike within 0.05, over 28 days", 0.9,
                    "28 days", "days", "unmeasured", why="the baseline does not count demographic parity by carrier",
                    todo="take a new one with `fireline init` from a log that holds it"),
    )  # fmt: skip


def _monitors() -> tuple[MonitorView, ...]:
    loud = (
        MonitorView("numeric_drift", "drift", "dep_hour", None, "B", "alert", 2.0e4, 70, 740, "a shift of 0.4 sd within 24 h"),
        MonitorView("range", "range", "dep_hour", None, "B", "alert", 1.1e3, 70, 740, "2 % out of range within 3 h"),
        MonitorView("auc", "auc", None, None, "B", "rising", 95, 70, 740, "an AUC of 0.66 within 24 h"),
        MonitorView("score_drift", "score_drift", None, {"carrier": "UA"}, None, "quiet", 12, 70, 740, "a shift of 0.5 sd within 24 h"),
        MonitorView("error_rate", "error_rate", None, None, None, "quiet", 1.4, 70, 740, "1.1 % errors within 1 h"),
        MonitorView("calibration", "calibration", None, None, None, "waiting", 0, 70, 740),
    )  # fmt: skip
    names = (
        "temp",
        "dewp",
        "humid",
        "wind_dir",
        "wind_speed",
        "precip",
        "pressure",
        "visib",
        "distance",
        "sched_minutes",
    )
    calm = tuple(
        MonitorView(
            "numeric_drift",
            "drift",
            name,
            None,
            None,
            "quiet",
            0.4 + k,
            70,
            740,
            "a shift of 0.3 sd within 24 h",
        )
        for k, name in enumerate(names)
    )
    return loud + calm


PEOPLE = {
    "ada": Who("ada", "responder", "session"),
    "vic": Who("vic", "viewer", "session"),
    "root": Who("root", "admin", "loopback"),
}


def app_of(rooms: Any, default: str = "ada") -> FastAPI:
    """The pages alone; who asks is what the cookie or header ``as`` says."""
    app = FastAPI()
    app.state.fireline = rooms

    @app.middleware("http")
    async def known(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        name = request.headers.get("as") or request.cookies.get("as") or default
        request.state.identity = Identity(who=PEOPLE[name])
        return await call_next(request)

    app.include_router(pages_router())
    return app


class Recorded(Rooms):
    """The store that a replay left, in replay mode."""

    def __init__(self, place: str, service: str = SERVICE) -> None:
        super().__init__(datetime(2013, 3, 20, 12, tzinfo=UTC))
        self.store.close()
        self.store = Store.open(place)
        self.runbooks = {service: RUNBOOK}


if __name__ == "__main__":
    import sys

    import uvicorn

    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8701
    shown: Rooms = Recorded(sys.argv[2]) if len(sys.argv) > 2 else Rooms()
    if len(sys.argv) <= 2:
        shown.open_incident()
    uvicorn.run(app_of(shown), port=port, log_level="warning")
