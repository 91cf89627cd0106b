"""The follower: obeys what is signed and newer, keeps it, and says when it hears nothing."""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from fireline.clock import ManualClock
from fireline.errors import InputError
from fireline.guard import Guard, HeardClock, Rung
from fireline.guard.kept import Kept
from fireline.terms.switch import Route
from tests.guard.conftest import KEY, envelope, rollback, switch, until


def guarded(server, tmp_path, **options) -> Guard:
    rungs = [
        Rung("current", version="B", call=lambda: "B"),
        Rung("good", kind="last_known_good", version="A", call=lambda: "A"),
        Rung("rules", kind="rules", call=lambda: "rule"),
        Rung("closed", kind="closed"),
    ]
    options = {
        "exercise": 0.0,
        "switch_key": KEY,
        "state": tmp_path / "kept",
        "token": "tok",
        "wait": 2.0,
        **options,
    }
    return Guard("pricing", rungs, url=server.url, **options)


def test_a_switch_takes_at_once_and_its_version_is_in_the_events(server, tmp_path):
    guard = guarded(server, tmp_path, outbox={"every": 0.02})
    assert guard.call(key="before") == "B"
    server.put(switch(7, rollback()))
    assert until(lambda: guard.call(key="x") == "A")
    guard.call(key="after")
    assert guard.flush(30)
    rows = {row["request_id"]: row for row in server.rows}
    assert "switch" not in rows["before"]
    assert (rows["after"]["switch"], rows["after"]["version"], rows["after"]["rung"]) == ("7", "A", "current")
    assert until(lambda: any(";version=7;passes=0;stale=0" in one for one in server.guards))
    assert server.heads[-1]["Fireline-Guard"].endswith(";version=7;passes=0;stale=0;dropped=0")
    guard.close()


def test_a_route_to_a_rung_names_the_rung_and_kinds_will_do(server, tmp_path):
    events = []
    guard = guarded(server, tmp_path, sink=events.append)
    guard.obey(switch(1, Route("m-1", rung="last_known_good")))
    assert guard.call() == "A"
    guard.obey(switch(2, Route("m-1", rung="rules")))
    assert guard.call() == "rule"
    assert [event["rung"] for event in events] == ["good", "rules"]
    assert "version" not in events[1]


@pytest.mark.parametrize(
    ("wrong", "counted"),
    [
        (envelope(switch(9, rollback()), key="00" * 24), "forged"),
        (envelope(switch(9, rollback(), service="checkout")), "forged"),
        ({"switch": "{}", "signature": envelope(switch(9))["signature"]}, "forged"),
        ({"nothing": 1}, "forged"),
        (envelope(switch(4, rollback())), "old"),
    ],
    ids=["another key", "another service", "another text", "no envelope", "older"],
)
def test_a_forged_or_older_switch_is_not_obeyed_and_counted(server, tmp_path, wrong, counted, caplog):
    guard = guarded(server, tmp_path)
    server.put(switch(5))
    guard.start(30)
    assert until(lambda: guard.version == 5)
    with caplog.at_level(logging.ERROR, "fireline.guard"):
        server.put_raw(wrong, 9)
        assert until(lambda: guard.status()["switch"][counted])
    assert guard.call() == "B"
    assert guard.version == 5
    assert guard.status()["switch"]["trouble"]
    assert "a switch was refused" in caplog.text
    server.put(switch(10, rollback()))  # and the next right one is
    assert until(lambda: guard.version == 10)
    guard.close()


def test_containment_outlives_a_restart_with_the_server_dead(server, tmp_path):
    server.put(switch(3, rollback()))
    first = guarded(server, tmp_path)
    assert first.start(30)
    assert until(lambda: first.version == 3)
    first.close()
    server.stop()
    again = guarded(server, tmp_path)
    assert again.call() == "A"
    assert again.version == 3
    again.close(0.0)


def test_the_kept_switch_is_the_owners_alone_and_whole(server, tmp_path):
    guard = guarded(server, tmp_path)
    guard.wire.follower.take(*envelope(switch(3, rollback())).values())
    files = sorted((tmp_path / "kept").iterdir())
    assert [file.name for file in files] == ["pricing.floor.json", "pricing.lock", "pricing.switch.json"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert json.loads(files[2].read_text()) == envelope(switch(3, rollback()))


@pytest.mark.parametrize("tampered", ["route", "garbage", "replayed", "another key"])
def test_a_kept_switch_that_was_tampered_with_is_not_obeyed(server, tmp_path, tampered):
    first = guarded(server, tmp_path)
    old = envelope(switch(3, rollback()))
    first.wire.follower.take(*old.values())
    first.wire.follower.take(*envelope(switch(4)).values())
    file = tmp_path / "kept" / "pricing.switch.json"
    if tampered == "route":
        file.write_text(file.read_text().replace("because", "therefore"))
    elif tampered == "garbage":
        file.write_text("{")
    elif tampered == "replayed":
        file.write_text(json.dumps(old))
    key = "ab" * 24 if tampered == "another key" else KEY
    again = guarded(server, tmp_path, switch_key=key)
    assert again.version == 0
    status = again.status()["switch"]
    assert status["old" if tampered == "replayed" else "forged"] == 1
    assert again.call() == "B"
    again.close(0.0)


def test_of_two_processes_that_share_a_folder_the_newer_switch_stays(tmp_path):
    one, two = (Kept(tmp_path, "pricing", bytes.fromhex(KEY)) for _ in range(2))
    one.keep(*envelope(switch(8)).values(), 8)
    two.keep(*envelope(switch(7)).values(), 7)
    assert one.load().version == 8
    assert two.floor() == 8


def test_a_folder_that_cannot_be_written_costs_no_containment(server, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    guard = guarded(server, tmp_path, state=tmp_path / "file" / "below")
    server.put(switch(3, rollback()))
    guard.start(30)
    assert until(lambda: guard.version == 3)
    assert guard.call() == "A"
    assert "cannot be kept" in guard.status()["switch"]["trouble"]
    guard.close()


def test_routes_expire_on_time_with_the_server_dead(server, tmp_path):
    route = rollback(lasts=timedelta(seconds=0.6))
    server.put(switch(3, route))
    guard = guarded(server, tmp_path)
    guard.start(30)
    assert until(lambda: guard.version == 3)
    server.stop()
    while True:  # what it says belongs to a moment between the two
        before, said, after = datetime.now(UTC), guard.call(), datetime.now(UTC)
        if after < route.expires_at:
            assert said == "A"
        elif before >= route.expires_at:
            assert said == "B"
            break
    again = guarded(server, tmp_path)
    assert again.call() == "B"
    guard.close(0.0)
    again.close(0.0)


def test_a_drills_clock_that_jumps_decides_on_expiry(tmp_path):
    clock = ManualClock(datetime(2013, 3, 18, 6, tzinfo=UTC))
    events = []
    rungs = [Rung("current", version="B", call=lambda: "B"), Rung("good", version="A", call=lambda: "A")]
    guard = Guard("pricing", rungs, url="", clock=clock, sink=events.append, exercise=0.0)
    route = Route("m-1", version="A", expires_at=datetime(2013, 3, 18, 8, tzinfo=UTC))
    guard.obey(switch(1, route))
    assert guard.call() == "A"
    clock.advance(timedelta(hours=2) - timedelta(microseconds=1))
    assert guard.call() == "A"
    clock.advance(timedelta(microseconds=1))
    assert guard.call() == "B"
    assert [event["time"][11:19] for event in events] == ["06:00:00", "07:59:59", "08:00:00"]


def test_a_guard_that_hears_nothing_says_so_once_and_goes_on(server, tmp_path, caplog):
    guard = guarded(server, tmp_path, wait=0.1, stale_after=60.0)
    guard.start(30)
    assert not guard.stale
    with caplog.at_level(logging.WARNING, "fireline.guard"):
        server.stop()
        assert until(lambda: "cannot be reached" in guard.status()["switch"]["trouble"])
        guard.wire.follower._heard -= 61.0  # a minute passes at once
        assert until(lambda: "STALE" in caplog.text)
        time.sleep(0.3)
    assert caplog.text.count("STALE") == 1
    assert guard.stale
    assert guard.status()["stale"]
    assert guard.call() == "B"
    seen = len(server.guards)
    server.start()
    assert until(lambda: not guard.stale)
    assert server.guards[seen].endswith("stale=1")
    assert until(lambda: "hears the server again" in caplog.text)  # it says so just after
    guard.close()


def test_a_server_that_will_not_wait_is_not_asked_without_end(server, tmp_path):
    guard = guarded(server, tmp_path, wait=0.0)
    guard.start(30)
    time.sleep(1.0)
    assert len(server.guards) < 12
    guard.close()


def test_a_guard_without_a_key_obeys_nobody(server, tmp_path):
    server.put(switch(3, rollback()))
    guard = guarded(server, tmp_path, switch_key="")
    guard.start()
    guard.call()
    assert guard.version == 0
    assert guard.status()["switch"] is None
    guard.close()


def test_a_key_that_is_none_says_where_and_what_to_do():
    with pytest.raises(InputError, match="the switch key is not hexadecimal"):
        Guard("pricing", url="", switch_key="secret")


def test_closing_does_not_wait_for_a_long_poll(server, tmp_path):
    wait = 25.0
    guard = guarded(server, tmp_path, wait=wait)
    guard.start()
    assert until(lambda: len(server.guards) >= 2)  # the first is answered at once
    began = time.monotonic()
    guard.close()
    assert time.monotonic() - began < wait / 2


MODEL = """
import sys, time
from fireline.guard import Guard, HeardClock, Rung
url, key, state = sys.argv[1:]
guard = Guard("pricing", [Rung("current", version="B", call=lambda: "B"),
                          Rung("good", kind="last_known_good", version="A", call=lambda: "A")],
              url=url, token="t", switch_key=key, state=state, wait=2.0)
guard.start()
while True:
    print(guard.call(), guard.version, flush=True)
    time.sleep(0.01)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing is killed so on this system")
def test_kill_nine_of_the_model_with_the_server_dead_loses_no_containment(server, tmp_path):
    def model():
        command = [sys.executable, "-c", MODEL, server.url, KEY, str(tmp_path / "kept")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    server.put(switch(3, rollback()))
    first = model()
    assert any(said == "A 3\n" for said in first.stdout)
    assert until(lambda: any(";version=3;" in one for one in server.guards))  # acknowledged: it is kept
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    server.stop()
    second = model()
    assert second.stdout.readline() == "A 3\n"
    second.kill()
    second.communicate()


def test_in_a_drill_the_servers_clock_is_the_guards(server, tmp_path):
    start = datetime(2013, 3, 18, 6, tzinfo=UTC)
    clock = HeardClock(start)
    guard = guarded(server, tmp_path, clock=clock)
    server.put(switch(3, Route("m-1", version="A", expires_at=datetime(2013, 3, 18, 8, tzinfo=UTC))))
    guard.start(30)
    assert until(lambda: guard.version == 3)
    assert guard.call() == "A"
    server.clock = "2013-03-18T08:00:00Z"
    server.put(switch(4, *guard.switch.routes))
    assert until(lambda: guard.version == 4)
    assert guard.call() == "B"
    clock.hear("2013-03-18T07:00:00Z")
    assert guard.call() == "B"
    guard.close()


def test_the_servers_clock_moves_no_real_guard(server, tmp_path):
    server.clock = "2099-01-01T00:00:00Z"
    server.put(switch(3, rollback(lasts=timedelta(hours=1))))
    guard = guarded(server, tmp_path)
    guard.start(30)
    assert until(lambda: guard.version == 3)
    assert guard.call() == "A"
    guard.close()


def test_a_start_hears_at_once_that_there_is_nothing_new(server, tmp_path):
    wait = 25.0
    guard = guarded(server, tmp_path, wait=wait)
    began = time.monotonic()
    assert guard.start(30)
    assert time.monotonic() - began < wait / 2
    guard.close()


def test_a_switch_reaches_fifty_guards_in_the_question_that_waits(server, tmp_path):
    """None has to ask once more: it takes as long as the answers' way, whatever the wait."""
    guards = [guarded(server, tmp_path, wait=60.0) for _ in range(50)]
    for guard in guards:
        guard.start()
    assert until(lambda: len({one.split(";")[0] for one in server.guards}) == 50)
    assert until(lambda: len(server.guards) >= 100)  # each has been heard once and waits now
    server.put(switch(3, rollback()))
    assert until(lambda: all(guard.version == 3 for guard in guards))
    assert len([one for one in server.guards if ";version=0;" in one]) == 100
    assert {guard.call() for guard in guards} == {"A"}
    for guard in guards:
        guard.close()


def test_a_route_to_a_version_nobody_has_is_told_with_the_next_question(server, tmp_path):
    guard = guarded(server, tmp_path, outbox={"every": 0.02})
    assert guard.call(key="before") == "B"
    lost = switch(8, Route("msr-1", version="no such version"))
    server.put(lost)
    assert until(lambda: any(";version=8;passes=1;" in one for one in server.guards))
    assert guard.call(key="x") == "B", "the route is passed by"
    guard.close()
