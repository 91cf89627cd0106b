"""The whole way: a real store, real receivers, a clock that jumps. This, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from fireline.clock import ManualClock
from fireline.errors import SettingsError
from fireline.paging import Pager, configured
from fireline.store import Store
from fireline.terms.page import PageState
from fireline.terms.timeline import Draft, EntryKind
from tests.lifecycle.make import T0, alerted, moved, runbook
from tests.paging.devices import SECRET, mail_server
from tests.paging.duty import acked, severity
from tests.paging.receiver import Receiver
from tests.support import postgres
from tests.support.incidents import opened

Write = Callable[..., None]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SECRET", SECRET)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T0)


@pytest.fixture
def boss() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def hook(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {
        "kind": "webhook", "url": receiver.url, "secret_env": "TEST_SECRET", "allow_private": True,
        "timeout": "30s", **more,
    }  # fmt: skip


def settings(ops: Receiver, boss: Receiver | None = None, **paging: Any) -> dict[str, Any]:
    channels = {"ops": hook(ops)} | ({"boss": hook(boss)} if boss else {})
    steps = [{"channels": "ops"}] + ([{"channels": "boss", "after": "5m"}] if boss else [])
    return {"channels": channels, "paging": {"steps": steps, **paging}}


def pager(store: Store, clock: ManualClock, plain: dict[str, Any], **more: Any) -> Pager:
    found = configured(plain)
    more = {
        "base_url": "http://127.0.0.1:8700",
        "runbooks": {"flights": runbook()},
        "pulse": found.pulse,
    } | more
    return Pager(store, found.channels, found.paging, clock, **more)


def begin(store: Store, incident: str = "inc-1", urgency: str = "page") -> None:
    with store.begin() as tx:
        for draft in (
            opened(),
            alerted(urgency=urgency),
            moved("declared"),
            moved("triaging"),
            severity("SEV2"),
        ):
            tx.append(incident, draft, T0)


def write(store: Store, clock: ManualClock, *drafts: Draft, incident: str = "inc-1") -> None:
    with store.begin() as tx:
        for draft in drafts:
            tx.append(incident, draft, clock.now())


def later(one: Pager, clock: ManualClock, **span: float) -> None:
    clock.advance(timedelta(**span))
    one.tick()
    assert one.settle(60)


def paged(store: Store, incident: str = "inc-1") -> list[tuple[str, str]]:
    entries = [e for e in store.entries(incident) if e.kind is EntryKind.PAGED]
    return [(e.data["page"], e.data["channel"]) for e in entries]


def test_a_night_from_the_alert_to_the_end(
    store: Store, clock: ManualClock, receiver: Receiver, boss: Receiver
) -> None:
    one = pager(store, clock, settings(receiver, boss))
    begin(store)
    for minutes in (0, 1, 4, 5):  # page; nothing; escalate; all again
        later(one, clock, minutes=minutes)
    write(store, clock, acked())
    later(one, clock, minutes=20)
    write(store, clock, moved("cancelled", "A sensor was being changed.", by="ada"))
    later(one, clock, minutes=1)
    later(one, clock, hours=2)
    assert receiver.rang == [("page", "inc-1"), ("repage", "inc-1"), ("resolved", "inc-1")]
    assert boss.rang == [("escalate", "inc-1"), ("repage", "inc-1"), ("resolved", "inc-1")]
    assert len(receiver.calls) == len(boss.calls) == 3, "this, and nothing else"
    assert sorted(paged(store)) == sorted(
        [("page", "ops"), ("escalate", "boss"), ("repage", "ops"), ("repage", "boss"), ("resolved", "ops"),
         ("resolved", "boss")]
    )  # fmt: skip
    first = next(e for e in store.entries("inc-1") if e.kind is EntryKind.PAGED)
    assert first.because == f"Paged by ops (127.0.0.1:{receiver.port})."
    assert first.data["key"] == receiver.calls[0].json["key"]
    assert store.verify_projection() == ()


def test_the_link_leads_to_the_incident(store: Store, clock: ManualClock, receiver: Receiver) -> None:
    heard: list[int] = []
    one = pager(store, clock, settings(receiver), told=lambda: heard.append(len(paged(store))))
    begin(store)
    later(one, clock)
    assert heard == [1], "who waits for news hears of it once it is written"
    assert receiver.calls[0].json["link"] == "http://127.0.0.1:8700/incidents/inc-1"


def test_a_ticket_pages_nobody(store: Store, clock: ManualClock, receiver: Receiver) -> None:
    one = pager(store, clock, settings(receiver))
    begin(store, urgency="ticket")
    later(one, clock, hours=3)
    assert receiver.calls == []


def test_a_receiver_that_is_down_gets_the_same_message_under_the_same_key(
    store: Store, clock: ManualClock, receiver: Receiver
) -> None:
    receiver.answers = [503, 503]
    one = pager(store, clock, settings(receiver))
    begin(store)
    for seconds in (0, 4, 1, 9, 1, 60):
        later(one, clock, seconds=seconds)
    assert [call.json["kind"] for call in receiver.calls] == ["page"] * 3
    assert len({call.body for call in receiver.calls}) == 1
    assert paged(store) == [("page", "ops")]
    assert [p.attempts for p in store.pages()] == [3]


def test_a_channel_that_refuses_falls_to_the_next_step_at_once(
    store: Store, clock: ManualClock, receiver: Receiver, boss: Receiver
) -> None:
    receiver.answers = [404]
    one = pager(store, clock, settings(receiver, boss))
    begin(store)
    later(one, clock)
    later(one, clock, seconds=1)
    assert boss.rang == [("escalate", "inc-1")]
    (note,) = [e for e in store.entries("inc-1") if e.kind is EntryKind.NOTE]
    assert note.because.startswith("Nobody was reached by ops (127.0.0.1:")
    assert "answered 404" in note.because
    assert [p.state for p in store.pages()] == [PageState.FAILED, PageState.SENT]


def test_a_channel_that_stays_down_is_given_up_within_minutes(
    store: Store, clock: ManualClock, receiver: Receiver, boss: Receiver
) -> None:
    receiver.answers = [503] * 99
    one = pager(store, clock, settings(receiver, boss, repage_every="1h"))
    begin(store)
    for _ in range(40):
        later(one, clock, seconds=2)
    assert len(receiver.calls) == 5
    assert boss.rang == [("escalate", "inc-1")]


def test_a_channel_that_hangs_delays_nobody_else(
    store: Store, clock: ManualClock, receiver: Receiver, boss: Receiver
) -> None:
    let_go = threading.Event()
    receiver.before = lambda _: let_go.wait(60) and None
    plain = settings(receiver, boss)
    plain["paging"]["steps"] = [{"channels": ["ops", "boss"]}]
    one = pager(store, clock, plain)
    begin(store)
    one.tick()
    assert not any(page.last_error for page in store.pages()), "the loop does not wait until it is given up"
    wait_for(lambda: paged(store) == [("page", "boss")])
    begin(store, "inc-2")
    one.tick()
    wait_for(lambda: boss.rang == [("page", "inc-1"), ("page", "inc-2")])
    let_go.set()
    assert one.settle(60)
    assert receiver.rang == [("page", "inc-1"), ("page", "inc-2")]


def test_what_ended_between_planning_and_sending_is_not_sent(
    store: Store, clock: ManualClock, receiver: Receiver
) -> None:
    one = pager(store, clock, settings(receiver))
    begin(store)
    assert one.plan() == 1
    write(store, clock, moved("cancelled", "A test of ours.", by="ada"))
    assert one.settle(60)
    assert receiver.calls == []
    assert [p.state for p in store.pages()] == [PageState.DROPPED]


def test_who_answered_between_planning_and_sending_is_not_called(
    store: Store, clock: ManualClock, receiver: Receiver
) -> None:
    one = pager(store, clock, settings(receiver))
    begin(store)
    one.plan()
    write(store, clock, acked())
    assert one.settle(60)
    assert receiver.calls == []


def wait_for(so: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until, "it never came to pass"
        time.sleep(0.01)


def test_a_thread_that_never_comes_back_is_left_behind(store: Store, clock: ManualClock) -> None:
    let_go = threading.Event()
    sent: list[str] = []

    class Tar:
        name, to = "tar", "a pit"

        def send(self, message: Any, key: str) -> Any:
            sent.append(key)
            if len(sent) == 1:
                let_go.wait(60)

    plain = {"channels": {"tar": {"kind": "log"}}, "paging": {"steps": [{"channels": "tar"}]}}
    one = pager(store, clock, plain, stuck=0.2)
    one.channels = {"tar": Tar()}
    begin(store)
    one.tick()
    wait_for(lambda: len(sent) == 1)
    time.sleep(0.3)
    clock.advance(timedelta(minutes=3))  # the lease lapses
    one.work()
    wait_for(lambda: paged(store) == [("page", "tar")])
    let_go.set()
    time.sleep(0.1)
    assert len(set(sent)) == 1
    assert paged(store) == [("page", "tar")], "who comes too late writes no receipt"


def test_a_page_in_flight_is_not_sent_twice_when_the_clock_leaps(
    store: Store, clock: ManualClock, receiver: Receiver
) -> None:
    let_go = threading.Event()
    receiver.before = lambda _: let_go.wait(60) and None
    one = pager(store, clock, settings(receiver, repage_every="30d"))
    begin(store)
    one.tick()
    wait_for(lambda: len(receiver.calls) == 1)
    clock.advance(timedelta(hours=5))
    one.tick()
    let_go.set()
    assert one.settle(60)
    assert len(receiver.calls) == 1


def test_what_a_stranger_raises_is_tried_again_and_its_words_are_not_repeated(
    store: Store, clock: ManualClock
) -> None:
    class Odd:
        name, to = "odd", "somewhere"

        def send(self, message: Any, key: str) -> Any:
            raise RuntimeError(f"https://hooks.example.org/{SECRET}")

    plain = {"channels": {"odd": {"kind": "log"}}, "paging": {"steps": [{"channels": "odd"}]}}
    one = pager(store, clock, plain)
    one.channels = {"odd": Odd()}
    begin(store)
    for _ in range(60):
        later(one, clock, seconds=2)
    (page,) = store.pages()
    assert (page.state, page.attempts, page.last_error) == (PageState.FAILED, 5, "it failed: RuntimeError")
    assert SECRET not in "".join(e.because + str(e.data) for e in store.entries("inc-1"))


def test_secrets_stand_in_no_table_and_no_timeline(
    store: Store, clock: ManualClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_URL", receiver.url + "/hook-token")
    plain = settings(receiver)
    plain["channels"]["ops"] |= {"url": "", "url_env": "TEST_URL"}
    receiver.answers = [500, 403]
    one = pager(store, clock, plain)
    begin(store)
    for seconds in (0, 6, 400):
        later(one, clock, seconds=seconds)
    with store.database.connect() as connection:
        dump = "".join(
            str(connection.exec_driver_sql(f"SELECT * FROM {t}").all()) for t in ("pages", "entries")
        )
    assert "hook-token" not in dump + repr(one)
    assert SECRET not in dump + repr(one)
    assert len(receiver.calls) >= 3


def test_two_pagers_over_one_store_send_each_page_once(
    place: str, clock: ManualClock, receiver: Receiver
) -> None:
    with Store.open(place) as store, Store.open(place) as other:
        pagers = [pager(one, clock, settings(receiver), name=n) for one, n in ((store, "p1"), (other, "p2"))]
        for number in range(5):
            begin(store, f"inc-{number}")
        threads = [threading.Thread(target=one.tick) for one in pagers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in pagers:
            assert one.settle(60)
        assert sorted(receiver.rang) == [("page", f"inc-{n}") for n in range(5)]
        assert len(receiver.calls) == 5


# -- kill -9 -------------------------------------------------------------------------------------------------

PROCESS = """
import sys, time
from datetime import timedelta
from fireline.clock import ManualClock
from fireline.store import Store
from tests.lifecycle.make import T0
from tests.paging.test_pager import pager
place, url, minutes = sys.argv[1], sys.argv[2], float(sys.argv[3])
hook = {"kind": "webhook", "url": url, "secret_env": "TEST_SECRET", "allow_private": True}
plain = {"channels": {"ops": hook}, "paging": {"steps": [{"channels": "ops"}]}}
with Store.open(place) as store:
    one = pager(store, ManualClock(T0 + timedelta(minutes=minutes)), plain)
    one.tick()
    assert one.settle(60)
"""


def process(place: str, receiver: Receiver, minutes: float) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."]), "TEST_SECRET": SECRET}
    command = [sys.executable, "-c", PROCESS, place, receiver.url, str(minutes)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)


def test_kill_9_between_sending_and_receipt_sends_the_same_again_and_nothing_else(
    place: str, receiver: Receiver
) -> None:
    with Store.open(place) as store:
        begin(store)
        killed = threading.Event()

        def kill(_: Any) -> None:
            if not killed.is_set():
                killed.set()
                os.kill(first.pid, signal.SIGKILL)

        receiver.before = kill  # it has the message, and the sender will never know
        first = process(place, receiver, 0)
        assert first.wait(120) == -signal.SIGKILL, first.stderr and first.stderr.read()
        assert [(p.state, p.attempts) for p in store.pages()] == [(PageState.CLAIMED, 1)]
        for minutes in (1, 2.1):  # its lease holds; it lapsed
            again = process(place, receiver, minutes)
            assert again.wait(120) == 0, again.stderr and again.stderr.read()
        one, other = receiver.calls
        assert one.body == other.body
        assert one.headers["idempotency-key"] == other.headers["idempotency-key"]
        assert receiver.rang == [("page", "inc-1")], "this, and nothing else"
        assert paged(store) == [("page", "ops")]
        assert store.verify_projection() == ()


def test_a_database_that_goes_away_before_the_receipt_costs_nothing(
    server: postgres.Postgres, receiver: Receiver, clock: ManualClock
) -> None:
    import psycopg

    url = server.new_database()
    name = f"t{server.made}".encode()

    def cut(_: Any) -> None:
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute(b"ALTER DATABASE " + name + b" ALLOW_CONNECTIONS false")
            admin.execute(
                b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='" + name + b"'"
            )

    with Store.open(url) as store:
        one = pager(store, clock, settings(receiver))
        begin(store)
        receiver.before = cut
        one.tick()
        wait_for(lambda: len(receiver.calls) == 1)
        time.sleep(0.3)
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute(b"ALTER DATABASE " + name + b" ALLOW_CONNECTIONS true")
        assert one.settle(60)
        assert paged(store) == [("page", "ops")]
        assert len(receiver.calls) == 1, "it is written down a moment later, and not sent again"


# -- settings, mail, the heartbeat ---------------------------------------------------------------------------


def test_mail_gets_one_thread(store: Store, clock: ManualClock) -> None:
    with mail_server() as (mailbox, port):
        mail = {
            "kind": "mail", "host": "127.0.0.1", "port": port, "tls": "none", "from": "f@example.org",
            "to": "ada@example.org",
        }  # fmt: skip
        one = pager(store, clock, {"channels": {"mail": mail}, "paging": {"steps": [{"channels": "mail"}]}})
        begin(store)
        for _ in range(3):
            later(one, clock, minutes=5)
        contents = [bytes(envelope.content or b"") for envelope in mailbox.mails]
    assert len(contents) == 3
    assert all(b"References: <inc-1@example.org>" in content for content in contents)
    assert len({line for c in contents for line in c.splitlines() if line.startswith(b"Message-ID")}) == 3


def test_the_heartbeat_beats_while_it_ticks_and_says_nothing_else(
    store: Store, clock: ManualClock, receiver: Receiver
) -> None:
    beat = {"url": f"{receiver.url}/beat", "every": "1m", "allow_private": True}
    one = pager(store, clock, {"paging": {"heartbeat": beat}})
    for _ in range(5):
        one.tick()
    wait_for(lambda: len(receiver.calls) == 1)
    one._beaten = time.monotonic() - 61
    wait_for(lambda: one.tick() == 0 and len(receiver.calls) == 2)
    assert [(c.method, c.path, c.body) for c in receiver.calls] == [("GET", "/hook/beat", b"")] * 2


def test_a_watchdog_that_is_down_stops_nothing(store: Store, clock: ManualClock, receiver: Receiver) -> None:
    plain = settings(receiver)
    plain["paging"]["heartbeat"] = {"url": "http://127.0.0.1:1/x", "allow_private": True}
    one = pager(store, clock, plain)
    begin(store)
    later(one, clock)
    assert receiver.rang == [("page", "inc-1")]


def test_nothing_configured_pages_nobody_and_fails_nowhere(store: Store, clock: ManualClock) -> None:
    one = pager(store, clock, {})
    begin(store)
    later(one, clock, hours=5)
    assert store.pages() == []


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"paging": {"steps": [{"channels": "pager"}]}}, "fireline.yaml paging: there is no channel 'pager'"),
        ({"paging": {"updates": ["team"]}}, "there is no channel 'team'"),
        ({"channels": ["ops"]}, "fireline.yaml channels: is no list of channels"),
        ({"paging": {"stepz": []}}, "fireline.yaml paging.stepz: is no setting there is"),
        ({"paging": {"repage_every": "1s"}}, "at least 30s"),
        ({"paging": {"repage_every": 5}}, "paging.repage_every: 5 has no unit"),
        ({"paging": {"max": 0}}, "paging.max"),
        ({"paging": {"heartbeat": {}}}, "paging.heartbeat.url: needs one address"),
        (
            {"channels": {"l": {"kind": "log"}}, "paging": {"max": 1, "steps": [{"channels": "l"}] * 2}},
            "never be",
        ),
        (
            {"channels": {"l": {"kind": "log"}},
             "paging": {"steps": [{"channels": "l", "after": "5m"}, {"channels": "l"}]}},
            "soonest",
        ),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused_with_where_and_what_to_do(
    plain: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        configured(plain, "fireline.yaml")
    assert said in str(refused.value)
    assert refused.value.todo
