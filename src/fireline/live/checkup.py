"""Why nothing arrives: from the address to the token, each step with a verdict and what to do.

It goes the way a guard goes: directly, without a proxy, with the guard's own token and key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, Literal
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

from fireline.clock import Clock, SystemClock
from fireline.guard.post import Answer, connection, exchange
from fireline.terms.words import length

Outcome = Literal["ok", "problem", "hint"]
SKEW = timedelta(seconds=30)
NOTICED = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found. A hint is worth knowing and no reason that nothing arrives."""

    check: str
    outcome: Outcome
    says: str
    todo: str = ""

    def as_json(self) -> dict[str, str]:
        return {"check": self.check, "verdict": self.outcome, "says": self.says, "todo": self.todo}


def ok(check: str, says: str) -> Verdict:
    """All well."""
    return Verdict(check, "ok", says)


def problem(check: str, says: str, todo: str) -> Verdict:
    """Something stands in the way."""
    return Verdict(check, "problem", says, todo)


def hint(check: str, says: str, todo: str = "") -> Verdict:
    """Worth knowing."""
    return Verdict(check, "hint", says, todo)


@dataclass
class Checkup:
    """The checks of one address. ``told`` is what the server said of the service, once it was let in."""

    url: str
    service: str = ""
    token: str = ""
    key: str = ""
    timeout: float = 10.0
    clock: Clock = field(default_factory=SystemClock)
    told: dict[str, Any] | None = None
    _between: tuple[datetime, datetime] = field(init=False, repr=False)

    def run(self) -> Iterator[Verdict]:
        """Every verdict as it comes; it ends where what comes next cannot be known."""
        try:
            yield from self._steps()
        except (OSError, HTTPException, ValueError, KeyError) as error:
            why = str(error) or type(error).__name__
            yield problem("server", f"it stopped answering, or makes no sense: {why}",
                          "see the server's log, and run this again")  # fmt: skip

    def _steps(self) -> Iterator[Verdict]:
        answer = yield from self._reached()
        if answer is None or not (yield from self._is_fireline(answer)):
            return
        yield self._clocks(answer)
        yield from self._ready()
        if not self.service and not (yield from self._one_service()):
            return
        if not (yield from self._let_in()):
            return
        yield self._may_send()
        yield from self._switches()

    # -- the way there ------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: bytes | None = None, token: bool = True) -> Answer:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/x-ndjson"
        if token and self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = self.url.rstrip("/") + path
        return exchange(connection(url, self.timeout), method, url, headers, body)

    def _reached(self) -> Generator[Verdict, None, Answer | None]:
        check, host = "address", urlsplit(self.url).hostname or ""
        asked = self.clock.now()
        try:
            answer = self._ask("GET", "/healthz", token=False)
            self._between = asked, self.clock.now()
        except (OSError, HTTPException, ValueError) as error:
            yield problem(check, *_unreachable(error, self.url, host))
            if (found := _proxy(self.url, host)) is not None:
                yield found
            return None
        yield ok(check, f"{self.url} answers")
        if (found := _proxy(self.url, host)) is not None:
            yield found
        return answer

    def _is_fireline(self, answer: Answer) -> Generator[Verdict, None, bool]:
        if answer.status == 200 and _json(answer).get("status") == "ok":
            yield ok("server", "a Fireline answers there")
            return True
        what = answer.headers.get("server", "") or answer.headers.get("content-type", "")
        says = f"something else answers there: HTTP {answer.status} to /healthz" + (
            f", {what}" if what else ""
        )
        if answer.status in (301, 302, 303, 307, 308):
            to = answer.headers.get("location", "")
            yield problem("server", f"it leads elsewhere: {to}", "use that address: a guard follows nobody")
        else:
            yield problem(
                "server", says, "look at host, port and path; a proxy in front must pass all paths on"
            )
        return False

    def _clocks(self, answer: Answer) -> Verdict:
        try:
            there = parsedate_to_datetime(answer.headers["date"])
        except (KeyError, TypeError, ValueError):
            return hint("clock", "the server does not say what time it is", "compare the clocks by hand")
        # It was said at some moment between asking and hearing, and in whole seconds: neither is a skew.
        asked, heard = self._between
        ahead = asked - there
        if ahead < timedelta(seconds=1):
            ahead = min(heard - there, timedelta(0))
        if abs(ahead) <= NOTICED:
            return ok("clock", "this machine's clock and the server's agree")
        way = "ahead of" if ahead > timedelta(0) else "behind"
        says = f"this machine's clock is {length(abs(ahead))} {way} the server's"
        why = "its events are put aside" if ahead > timedelta(0) else "its events come too late to be judged"
        if abs(ahead) <= SKEW:
            return hint("clock", says, "set it by NTP")
        return problem("clock", f"{says}: {why} once that is more than the runbook allows", "set it by NTP")

    def _ready(self) -> Iterator[Verdict]:
        answer = self._ask("GET", "/readyz", token=False)
        told = _json(answer)
        if told.get("status") == "collecting":
            yield hint("ready", "this server only collects; nothing is judged",
                       "when enough is there: fireline init, then fireline serve")  # fmt: skip
        elif answer.status == 200:
            yield ok("ready", "its store answers, and it gives switches")
        else:
            named = ", ".join(str(one) for one in told.get("trouble", ())) or f"HTTP {answer.status}"
            yield problem("ready", f"it is in trouble: {named}", "see the server's log, and `loop` below")

    # -- who asks -----------------------------------------------------------------------------------------

    def _one_service(self) -> Generator[Verdict, None, bool]:
        answer = self._ask("GET", "/v1/services")
        if answer.status == 200:
            names = [one["service"] for one in json.loads(answer.body)]
            if len(names) == 1:
                self.service = str(names[0])
                return True
            yield hint("service", f"there are several: {', '.join(names)}", "name one: --service NAME")
        elif answer.status == 401:
            yield self._stranger(answer)
        else:
            yield hint("service", "which one is not said", "name it: --service NAME")
        return False

    def _stranger(self, answer: Answer) -> Verdict:
        told = _json(answer)
        if not self.token:
            return problem(
                "token", "there is none, and the server asks for one",
                "fireline token create NAME --scope guard --service NAME beside the server, then set "
                "FIRELINE_TOKEN",
            )  # fmt: skip
        cut = "" if self.token.startswith("fl_") and len(self.token) == 59 else "; it looks cut or mistyped"
        return problem("token", str(told.get("error", "it is not valid")) + cut, str(told.get("todo", "")))

    def _let_in(self) -> Generator[Verdict, None, bool]:
        answer = self._ask("GET", f"/v1/services/{quote(self.service, safe='')}/arrivals")
        told = _json(answer)
        said, todo = str(told.get("error", f"HTTP {answer.status}")), str(told.get("todo", ""))
        if answer.status == 401:
            yield self._stranger(answer)
        elif answer.status == 403:
            yield problem("token", said, todo)
        elif answer.status == 422:
            yield ok("token", "it is valid" if self.token else "none is asked for on this machine")
            yield problem("service", said, todo or "look at the runbooks the server was started with")
        elif answer.status == 200:
            yield ok("token", f"it is valid: {told.get('asks', '')}" if self.token
                     else "none is asked for on this machine")  # fmt: skip
            yield ok("service", f"{self.service} is known")
            self.told = told
            return True
        else:
            yield problem("service", said, todo or "is this server as new as this command?")
        return False

    def _may_send(self) -> Verdict:
        answer = self._ask("POST", f"/v1/events?service={quote(self.service, safe='')}", b"")
        told = _json(answer)
        if answer.status in (200, 422):  # an empty body: nothing was sent, and it would have been let in
            return ok("delivery", "this token may deliver events")
        if answer.status in (429, 503):
            return problem("delivery", f"the server takes nothing just now: {told.get('error', '')}",
                           "senders try again by themselves; see `counting` below")  # fmt: skip
        return hint("delivery", f"this token may look and not deliver: {told.get('error', answer.status)}",
                    "to check a sender's token, run this with it")  # fmt: skip

    def _switches(self) -> Iterator[Verdict]:
        answer = self._ask("GET", f"/v1/switches/{quote(self.service, safe='')}")
        if answer.status != 200:
            said = _json(answer).get("error", f"HTTP {answer.status}")
            yield hint("switch key", f"this token hears no switches: {said}",
                       "a guard needs a token of scope guard")  # fmt: skip
            return
        told = _json(answer)
        if not self.key:
            yield hint("switch key", "FIRELINE_SWITCH_KEY is not set here: a guard without it obeys nobody",
                       "it is shown with the token: fireline token create --scope guard")  # fmt: skip
            return
        try:
            key = bytes.fromhex(self.key)
        except ValueError:
            yield problem("switch key", "FIRELINE_SWITCH_KEY is not hexadecimal", "copy it as it was shown")
            return
        right = hmac.new(key, str(told["switch"]).encode(), hashlib.sha256).hexdigest()
        if hmac.compare_digest(right, str(told["signature"])):
            yield ok("switch key", "it fits: a guard here would obey this server's switches")
        else:
            yield problem(
                "switch key", "it does not fit: a guard here takes every switch for forged",
                f"make token and key anew: fireline token create NAME --scope guard --service {self.service}",
            )  # fmt: skip


def _json(answer: Answer) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _unreachable(error: Exception, url: str, host: str) -> tuple[str, str]:
    """What it means, and what to do."""
    match error:
        case socket.gaierror():
            return f"the name {host} leads nowhere", "look at the name, and at DNS on this machine"
        case ssl.SSLCertVerificationError():
            why = error.verify_message or str(error)
            return (f"its certificate is not trusted here: {why}",
                    "give it one this machine trusts, or trust its issuer (SSL_CERT_FILE)")  # fmt: skip
        case ssl.SSLError():
            return "it does not speak TLS, or not as it should", "is it http:// rather than https://?"
        case ConnectionRefusedError():
            return ("nothing listens there",
                    "start `fireline serve`; for other machines it must listen with --host")  # fmt: skip
        case TimeoutError():
            return f"no answer from {url}", "look at firewalls and routes between here and there"
        case HTTPException() | ConnectionResetError():
            return (f"what answers is not HTTP: {type(error).__name__}",
                    "is it https:// rather than http://? Look at the port")  # fmt: skip
        case ValueError():
            return str(error), "write http://host:port or https://host"
    return f"it cannot be reached: {error}", "look at the address and the network"


def _proxy(url: str, host: str) -> Verdict | None:
    """A proxy that the environment names for this address: the guard does not use it."""
    proxy = getproxies().get(urlsplit(url).scheme)
    if not proxy or proxy_bypass(host):
        return None
    return hint("proxy", f"the environment sends {host} through {proxy}; guards and this check go directly",
                f"let them through directly, and set NO_PROXY={host} for the other commands")  # fmt: skip
