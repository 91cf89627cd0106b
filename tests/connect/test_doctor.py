"""`fireline doctor` names what stands in the way: each condition is a real one, on a real server."""

from __future__ import annotations

import contextlib
import http.server
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fireline.clock import ManualClock, SystemClock, iso, parse_time
from fireline.errors import InputError, StoreError
from fireline.guard import Guard
from fireline.live.checkup import Checkup, Verdict
from fireline.live.verdicts import verdicts
from fireline.terms.switch import Switch
from tests.connect.conftest import Up, lines, recent, typed
from tests.connect.test_guides import wait
from tests.support.living import JSONL, SERVICE


def examined(up: Up | str, guarded: bool = False, **more) -> list[Verdict]:
    """All verdicts."""
    one = Checkup(up if isinstance(up, str) else up.url, more.pop("service", SERVICE), timeout=30.0, **more)
    found = list(one.run())
    return found if one.told is None else [*found, *verdicts(one.told, guarded)]


def said(found: list[Verdict], check: str, outcome: str = "problem") -> str:
    """What the verdicts of ``check`` say, with what to do."""
    named = [one for one in found if one.check == check]
    assert outcome in {one.outcome for one in named}, found
    assert all(one.todo for one in named if one.outcome == "problem")
    return " ".join(f"{one.says} -> {one.todo}" for one in named if one.outcome == outcome)


def send(up: Up, found, kind: str = "events") -> None:
    up.running.take(SERVICE, kind, lines(found), JSONL, "", "")
    up.counted()


# -- the way there -------------------------------------------------------------------------------------------


class Stranger(http.server.BaseHTTPRequestHandler):
    """Somebody else's server."""

    status = 200

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Location", "https://elsewhere.example/")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def stranger(status: int = 200, tls: ssl.SSLContext | None = None, kind: type = Stranger) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("S", (kind,), {"status": status}))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:9", "nothing listens there"),
        ("http://no.such.host.invalid:8700", "no.such.host.invalid leads nowhere"),
        ("127.0.0.1:8700", "begins with http:// or https://"),
        ("ftp://127.0.0.1", "begins with http:// or https://"),
    ],
)
def test_an_address_that_leads_nowhere(url, says):
    found = examined(url)
    assert says in said(found, "address")
    assert [one.check for one in found] == ["address"]


@pytest.mark.parametrize(("status", "says"), [(200, "something else answers"), (302, "leads elsewhere")])
def test_somebody_elses_server(status, says):
    with stranger(status) as port:
        assert says in said(examined(f"http://127.0.0.1:{port}"), "server")


def test_a_server_that_falls_silent_in_between():
    class Dying(Stranger):
        def do_GET(self):
            if self.path != "/healthz":
                self.connection.close()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "ok"}')

    with stranger(kind=Dying) as port:
        assert "stopped answering" in said(examined(f"http://127.0.0.1:{port}"), "server")


def test_https_asked_of_http_and_http_of_https(up: Up, tmp_path):
    assert "http:// rather than https://" in said(examined(up.url.replace("http:", "https:")), "address")
    with stranger(tls=certified(tmp_path)) as port:
        assert "https:// rather than http://" in said(examined(f"http://127.0.0.1:{port}"), "address")


def test_a_certificate_nobody_here_trusts(tmp_path):
    with stranger(tls=certified(tmp_path)) as port:
        assert "not trusted here" in said(examined(f"https://127.0.0.1:{port}"), "address")


def certified(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS with a certificate signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not here")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def test_a_proxy_in_the_environment_is_pointed_out(up: Up, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert "proxy.example" in said(examined(up), "proxy", "hint")
    assert "nothing listens" in said(examined("http://127.0.0.1:9"), "address")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert not [one for one in examined(up) if one.check == "proxy"]


@pytest.mark.parametrize(
    ("by", "outcome", "says"),
    [
        (0, "ok", "agree"),
        (12, "hint", "ahead of"),
        (600, "problem", "10 min ahead of"),
        (-600, "problem", "too late"),
    ],
)
def test_clocks_that_differ(by, outcome, says, up: Up):
    class Apart(SystemClock):
        """Goes on as all clocks do, while the server is asked."""

        def now(self) -> datetime:
            return super().now() + timedelta(seconds=by)

    assert says in said(examined(up, clock=Apart()), "clock", outcome)


def test_an_answer_that_takes_its_time_does_not_make_the_clocks_differ(up: Up):
    class Late(SystemClock):
        """Twenty seconds pass between asking and hearing."""

        passed = timedelta(0)

        def now(self) -> datetime:
            now, self.passed = super().now() + self.passed, timedelta(seconds=20)
            return now

    assert "agree" in said(examined(up, clock=Late()), "clock", "ok")


# -- who asks ------------------------------------------------------------------------------------------------


def test_tokens_that_do_not_open_the_door(start):
    up = start(auth=True)
    assert "there is none" in said(examined(up), "token")
    assert "unknown, mistyped or revoked; it looks cut" in said(examined(up, token="fl_abc"), "token")
    other = up.token("guard", "search")
    assert "for the service search, not for pricing" in said(examined(up, token=other), "token")
    assert "may deliver" in said(examined(up, token=up.token()), "delivery", "ok")
    assert "may look and not deliver" in said(
        examined(up, token=up.token("viewer", None)), "delivery", "hint"
    )
    assert "hears no switches" in said(examined(up, token=up.token("ingest")), "switch key", "hint")


def test_a_service_nobody_knows(up: Up):
    assert "there is no service 'prizing' here" in said(examined(up, service="prizing"), "service")
    assert "pricing is known" in said(examined(up, service=""), "service", "ok")


def test_the_switch_key(up: Up):
    assert "is not set" in said(examined(up), "switch key", "hint")
    assert "it fits" in said(examined(up, key=up.key()), "switch key", "ok")
    assert "for forged" in said(examined(up, key="00" * 32), "switch key")
    assert "not hexadecimal" in said(examined(up, key="secret"), "switch key")


# -- what arrives --------------------------------------------------------------------------------------------


def test_nothing_ever_came(up: Up):
    assert "not one ever came" in said(examined(up), "events")


def test_all_is_well_once_events_come(up: Up):
    send(up, recent())
    found = examined(up)
    assert not [one for one in found if one.outcome == "problem"]
    assert "the last came" in said(found, "events", "ok")
    assert "everything the runbook wants" in said(found, "columns", "ok")


def test_events_stopped_coming(start):
    clock = ManualClock(SystemClock().now())
    up = start(clock=clock)
    send(up, recent())
    clock.advance(timedelta(hours=2))
    up.running._views.clear()
    assert "the last came 2 h" in said(examined(up), "events")


def test_events_that_come_late(up: Up):
    up.running.pulses[SERVICE].since -= 3 * 3_600_000_000  # judging began some hours ago
    send(up, recent(90))
    assert "came more than 15 min late" in said(examined(up), "lateness")


def test_only_the_past_came(up: Up):
    year = timedelta(days=365)
    old = [{**row, "time": iso(parse_time(row["time"]) - year)} for row in recent()]
    send(up, old)
    assert "only the past was sent" in said(examined(up), "events")


def test_rows_put_aside_most_frequent_reason_first(up: Up):
    found = recent()
    ahead = (SystemClock().now() + timedelta(hours=1)).isoformat()
    for i, row in enumerate(found[:9]):
        row.update({"score": 7} if i < 6 else {"time": ahead})
    send(up, found)
    text = said(examined(up), "put aside")
    assert "6 rows in score: 7.0 is not a probability" in text
    assert "3 rows in time: its time is 1 h ahead of this server's clock" in text
    assert text.index("score") < text.index("ahead")


def test_whole_bodies_that_are_refused(up: Up):
    bad = [{"when": row["time"], "x": 1.0} for row in recent()]
    with pytest.raises(InputError):
        send(up, bad)
    assert "1 whole bodies were refused" in said(examined(up), "refused")


def test_columns_the_runbook_wants_and_nobody_sends(up: Up):
    send(
        up, [{**{k: v for k, v in row.items() if k != "score"}, "scores": 0.5, "x": None} for row in recent()]
    )
    found = examined(up)
    text = said(found, "columns")
    assert "the runbook wants 'score': no event brings it -> is it the column 'scores'?" in text
    assert "the runbook wants 'x': no event has a value in it" in text
    assert "'scores'" in said(found, "columns", "hint")


def test_a_guards_columns_that_the_runbook_does_not_name(up: Up):
    send(up, [{**row, "rung": "current", "shadow": False} for row in recent()])
    assert "add to columns: rung: rung, shadow: shadow" in said(examined(up), "columns")


def test_guards_that_listen_and_those_that_do_not(up: Up):
    board, running = up.running.board, up.running
    assert "none listens" in said(examined(up), "guards", "hint")
    assert "none listens" in said(examined(up, guarded=True), "guards")
    running.guards.heard(SERVICE, "g-stale;version=0;stale=1")
    running._views.clear()
    assert "1 of 1 said they were stale: g-stale" in said(examined(up), "guards")
    board.put(Switch(SERVICE, 4, (), SystemClock().now(), None, "test"), "k")
    running.guards.heard(SERVICE, "g-behind;version=3;stale=0")
    running._views.clear()
    text = said(examined(up), "guards")
    assert "do not obey switch 4: g-behind and g-stale" in text


def test_a_real_guard_with_the_right_key_is_well_and_with_a_wrong_one_stays_behind(start, tmp_path):
    up = start(auth=True)
    up.running.board.put(Switch(SERVICE, 4, (), SystemClock().now(), None, "test"), "k")
    token = up.token()
    for key, outcome in ((up.key(), "ok"), ("00" * 32, "problem")):
        guard = Guard(SERVICE, url=up.url, token=token, switch_key=key, state=tmp_path / outcome, wait=1.0)
        guard.start(wait=60 if outcome == "ok" else 0)

        def heard(obeys=4 if outcome == "ok" else 0) -> bool:
            up.running._views.clear()
            return {g.obeys for g in up.running.service(SERVICE).guards} == {obeys}

        wait(heard)
        guards = said(examined(up, token=token, key=key, guarded=True), "guards", outcome)
        assert "switch 4" in guards
        assert ("do not obey" in guards) == (outcome == "problem")
        guard.close()
        up.running.guards._seen.clear()


def test_labels_that_do_not_come(start):
    clock = ManualClock(SystemClock().now())
    up = start(clock=clock)
    found = recent()
    send(up, found)
    assert "none came yet; they are due 6 h after" in said(examined(up), "labels", "hint")
    clock.advance(timedelta(hours=9))
    up.running._views.clear()
    assert "none came yet: quality is not judged" in said(examined(up), "labels")
    at = clock.now().isoformat()
    send(up, [{"request_id": r["request_id"], "label": 1, "label_time": at} for r in found], "labels")
    assert "the last came" in said(examined(up), "labels", "ok")


def test_a_loop_in_trouble_and_judging_that_stands_still(up: Up, monkeypatch):
    send(up, recent())
    pulse = up.running.pulses[SERVICE]

    def broken(*_: object) -> bool:
        raise StoreError("the disk is full", todo="make room")

    with up.running._lock:  # between two beats
        monkeypatch.setattr(pulse, "count", broken)
        monkeypatch.setattr(pulse, "is_due", lambda: True)
        monkeypatch.setattr(
            pulse, "take_up", lambda: None
        )  # each beat that failed would begin anew, from now
        pulse.since -= 2 * 3_600_000_000
        pulse.judged = pulse.since
    up.running.wake()
    wait(lambda: bool(up.running.trouble(SERVICE)))
    up.running._views.clear()
    found = examined(up)
    assert "the disk is full" in said(found, "loop")
    assert "behind" in said(found, "judging")
    assert "in trouble" in said(found, "ready")


def test_a_server_that_follows_says_who_judges(start, tmp_path, book):
    from fireline.live.book import open_books
    from fireline.live.running import Running
    from fireline.web.app import create_app
    from fireline.web.auth import Access
    from tests.connect.conftest import listening

    up = start()
    wait(lambda: up.running.leads)
    second = Running(up.running.store, tmp_path / "second", open_books([book]), SystemClock())
    with listening(create_app(second, Access(open_on_loopback=True))) as url:
        found = examined(url)
        assert "Another server leads" in said(found, "loop", "hint")
        assert not [one for one in found if one.check == "judging" and one.outcome == "problem"]


def test_nobody_is_paged(up: Up):
    assert "nobody is called" in said(examined(up), "paging", "hint")
    up.running.calls_people = True
    assert "somebody is called" in said(examined(up), "paging", "ok")


# -- the command ---------------------------------------------------------------------------------------------


def test_the_command_ends_with_1_where_there_is_a_problem_and_says_the_same_as_json(up: Up, capsys):
    assert typed("doctor", "--url", up.url) == 1
    text = capsys.readouterr().out
    assert "not one ever came" in text
    assert text.rstrip().endswith("1 problem")
    assert typed("doctor", "--url", up.url, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert {"check": "address", "verdict": "ok", "says": f"{up.url} answers", "todo": ""} in told
    send(up, recent())
    assert typed("doctor", "--url", up.url) == 0
    assert "Nothing stands in the way" in capsys.readouterr().out


def test_what_is_told_of_arrivals_holds_no_row_and_is_for_the_services_own(start):
    import urllib.error
    import urllib.request

    up = start(auth=True)
    found = recent()
    found[0]["x"] = "my secret row"
    send(up, found)
    url = f"{up.url}/v1/services/{SERVICE}/arrivals"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url))
    assert refused.value.code == 401
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {up.token('viewer', None)}"})
    with urllib.request.urlopen(asked) as answer:
        assert '"raw"' not in answer.read().decode()
