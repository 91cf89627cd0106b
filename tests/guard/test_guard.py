"""The guard as a whole: it falls softly, says what happened, and stays out of the way."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
import time
from random import Random

import pytest

from fireline.guard import Breaker, BreakerOpen, Guard, OutOfWorkers, Refused, Rung
from fireline.terms.switch import Route
from tests.guard.conftest import LONG, settled, switch, until


class Broken(Exception):
    """The model is broken."""


def broken(*_):
    raise Broken("no such feature")


async def abroken(*_):
    raise Broken("no such feature")


def made(*rungs, **options):
    events = []
    options = {"url": "", "sink": events.append, "exercise": 0.0, **options}
    return Guard("pricing", rungs, **options), events


def called(guard, asynchronous, *args, **known):
    return asyncio.run(guard.acall(*args, **known)) if asynchronous else guard.call(*args, **known)


BOTH = pytest.mark.parametrize("asynchronous", [False, True])


def test_an_event_says_what_a_monitor_needs():
    guard, events = made(
        Rung("current", version="B", call=lambda x: x / 4),
        describe=lambda answer: {"score": answer, "prediction": int(answer > 0.5)},
    )
    began = time.perf_counter()
    guard.call(3, key="req-1", segments={"country": "NL"}, features={"x": 3}, flags={"pii": False})
    passed = 1e3 * (time.perf_counter() - began)
    (event,) = events
    assert 0 < event.pop("latency_ms") <= passed
    assert event.pop("time").endswith("Z")
    assert event.pop("host")
    assert event == {
        "request_id": "req-1", "version": "B", "status": "ok", "rung": "current", "shadow": False,
        "weight": 1.0,
        "country": "NL", "x": 3, "pii": False, "score": 0.75, "prediction": 1,
    }  # fmt: skip


def test_a_feature_cannot_take_the_place_of_what_the_guard_says():
    guard, events = made(Rung("current", version="B", call=int))
    guard.call(key="k", features={"version": "Z", "status": 500, "time": 0, "request_id": "no"})
    assert (events[0]["version"], events[0]["status"], events[0]["request_id"]) == ("B", "ok", "k")


def test_keys_that_are_numbers_are_taken_as_they_are_written():
    rungs = [Rung("current", version="B", call=int), Rung("good", version="A", call=int)]
    guard, events = made(*rungs, deploy={"A": 0.5})
    guard.call(key=123)
    guard.call(key="123", sticky=7)
    assert [event["request_id"] for event in events] == ["123", "123"]
    assert guard.decide(key=5).key == "5"


def test_calls_without_a_key_get_ids_of_their_own():
    guard, events = made(Rung("current", call=int))
    other, theirs = made(Rung("current", call=int))
    for _ in range(3):
        guard.call()
        other.call()
    assert len({event["request_id"] for event in events + theirs}) == 6


@BOTH
def test_a_rung_that_fails_falls_to_the_next_and_both_are_said(asynchronous):
    guard, events = made(
        Rung("current", version="B", call=abroken if asynchronous else broken),
        Rung("good", kind="last_known_good", version="A", call=broken),
        Rung("rules", kind="rules", call=lambda x: x + 1),
    )
    assert called(guard, asynchronous, 1, key="k") == 2
    said = [(event.get("version"), event["rung"], event["status"]) for event in events]
    assert said == [("B", "current", "error"), ("A", "good", "error"), (None, "rules", "ok")]
    assert [event["shadow"] for event in events] == [True, True, False], "the caller saw the last one only"
    assert {event["request_id"] for event in events} == {"k"}
    rungs = {rung["name"]: rung for rung in guard.status()["rungs"]}
    assert (rungs["current"]["fell"], rungs["good"]["fell"], rungs["rules"]["answered"]) == (1, 1, 1)
    assert rungs["current"]["last_error"] == "Broken: no such feature"


def test_an_attempt_of_the_version_that_answered_after_all_is_told_as_a_shadow_call():
    rungs = [
        Rung("current", version="B", call=broken),
        Rung("cached", kind="cached", version="B", call=lambda: 1),
    ]
    guard, events = made(*rungs)
    assert guard.call(key="k") == 1
    said = [(event["version"], event["rung"], event["status"], event["shadow"]) for event in events]
    assert said == [("B", "current", "error", True), ("B", "cached", "ok", False)]


@BOTH
def test_a_rung_whose_breaker_is_open_is_not_called(asynchronous):
    reached = []

    def down(*_):
        reached.append(1)
        raise Broken

    guard, events = made(
        Rung("current", version="B", call=down, breaker=Breaker(least=3, cool=60)),
        Rung("rules", kind="rules", call=lambda: "rule"),
    )
    assert [called(guard, asynchronous) for _ in range(20)] == ["rule"] * 20
    assert len(reached) == 3
    assert guard.status()["rungs"][0]["breaker"] == "open"
    assert [event["status"] for event in events].count("error") == 3
    assert sum(event["rung"] == "rules" for event in events) == 20


@BOTH
def test_at_a_closed_rung_the_call_is_refused(asynchronous):
    guard, events = made(Rung("current", version="B", call=broken), Rung("closed", kind="closed"))
    with pytest.raises(Refused, match="no rung of the ladder could answer") as refused:
        called(guard, asynchronous)
    assert isinstance(refused.value.__cause__, Broken)
    guard.obey(switch(1, Route("m", rung="closed")))
    with pytest.raises(Refused, match="calls are refused for now"):
        called(guard, asynchronous)
    assert [(e["rung"], e["status"]) for e in events] == [
        ("current", "error"), ("closed", "error"), ("closed", "refused"),
    ]  # fmt: skip


@BOTH
def test_an_open_rung_gives_its_declared_answer(asynchronous):
    guard, events = made(
        Rung("current", version="B", call=broken), Rung("open", kind="open", answer={"ok": True})
    )
    assert called(guard, asynchronous) == {"ok": True}
    assert events[-1]["rung"] == "open"


@BOTH
def test_without_a_lower_rung_the_caller_gets_the_models_own_error(asynchronous):
    guard, events = made(Rung("current", version="B", call=broken, breaker=Breaker(least=2, cool=60)))
    for _ in range(2):
        with pytest.raises(Broken, match="no such feature"):
            called(guard, asynchronous)
    with pytest.raises(BreakerOpen):
        called(guard, asynchronous)
    assert [event["status"] for event in events] == ["error"] * 3


@BOTH
def test_the_callers_own_mistake_falls_nowhere(asynchronous):
    guard, events = made(
        Rung("current", call=int, breaker=Breaker(passes=(ValueError,))),
        Rung("rules", kind="rules", call=lambda text: 0),
    )
    with pytest.raises(ValueError, match="invalid literal"):
        called(guard, asynchronous, "x")
    assert [event["status"] for event in events] == ["rejected"]


@BOTH
def test_a_rung_that_takes_too_long_falls(asynchronous):
    release, ended = threading.Event(), []

    async def aslow():
        await asyncio.sleep(LONG)
        ended.append("aslow")

    def slow():
        release.wait(LONG)
        ended.append("slow")

    guard, events = made(
        Rung("current", version="B", call=aslow if asynchronous else slow, timeout=0.02),
        Rung("rules", kind="rules", call=lambda: "rule"),
    )
    assert called(guard, asynchronous) == "rule"
    assert ended == [], "nobody waited for it"
    release.set()
    assert [(event["rung"], event["status"]) for event in events] == [("current", "timeout"), ("rules", "ok")]
    assert guard.status()["rungs"][0]["failure_rate"] == 1.0


def test_a_synchronous_rung_with_a_time_out_among_asynchronous_ones():
    release = threading.Event()
    guard, _ = made(
        Rung("current", call=lambda: release.wait(LONG), timeout=0.02),
        Rung("rules", kind="rules", call=lambda: "rule"),
    )
    assert asyncio.run(guard.acall()) == "rule"
    release.set()


def test_calls_that_hang_use_up_their_threads_and_no_more():
    release, before = threading.Event(), _timed()
    guard, _ = made(Rung("current", call=release.wait, timeout=0.001, breaker=Breaker(least=10_000)))
    errors = []
    for _ in range(80):
        try:
            guard.call()
        except (TimeoutError, OutOfWorkers) as error:
            errors.append(type(error))
    assert errors[-1] is OutOfWorkers
    assert guard.status()["rungs"][0]["calls_in_window"] == errors.count(TimeoutError)
    assert _timed() - before <= 32
    release.set()
    assert until(lambda: _answers(guard))


def _timed():
    return sum(thread.name == "fireline-timed" for thread in threading.enumerate())


def _answers(guard):
    try:
        return guard.call()
    except (TimeoutError, OutOfWorkers):
        return False


@BOTH
def test_cancelling_falls_nowhere(asynchronous):
    def interrupted():
        raise KeyboardInterrupt

    async def hangs():
        await asyncio.sleep(10)

    guard, events = made(
        Rung("current", call=hangs if asynchronous else interrupted),
        Rung("rules", kind="rules", call=lambda: "rule"),
    )

    async def story():
        task = asyncio.create_task(guard.acall())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    if asynchronous:
        asyncio.run(story())
    else:
        with pytest.raises(KeyboardInterrupt):
            guard.call()
    assert [event["rung"] for event in events] == ["current"]
    assert guard.status()["rungs"][0]["failed"] == 0


def test_a_deadline_of_the_callers_own_is_said_and_counted():
    async def hangs():
        await asyncio.sleep(10)

    async def story():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(guard.acall(), 0.01)
        await asyncio.sleep(0)

    guard, events = made(Rung("current", call=hangs))
    asyncio.run(story())
    assert [event["status"] for event in events] == ["timeout"]
    assert guard.status()["rungs"][0]["failed"] == 1


def test_an_asynchronous_rung_wants_acall_and_says_so():
    guard, _ = made(Rung("current", call=abroken))
    with pytest.raises(TypeError, match="is asynchronous: use `await guard"):
        guard.call()


def test_decorated_functions_are_guarded_where_they_stand():
    guard, events = made()

    @guard.watch(version="B")
    def predict(x):
        """The price."""
        return 1 / x

    @guard.rung("rules", kind="rules")
    def rules(x):
        return -1.0

    assert predict.__doc__ == "The price."
    assert predict(4, key="one", segments={"country": "NL"}) == 0.25
    assert predict(0, key="two") == -1.0
    assert rules(5) == -1.0
    assert [event["request_id"] for event in events] == ["one", "two", "two"]


def test_a_decorated_asynchronous_function_stays_one():
    guard, events = made()

    @guard.watch
    async def predict(x):
        await asyncio.sleep(0)
        return x

    assert inspect.iscoroutinefunction(predict)
    assert asyncio.run(predict(3, key="k")) == 3
    assert events[0]["request_id"] == "k"


def test_ladders_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="is no kind of rung"):
        Rung("x", kind="other")
    with pytest.raises(ValueError, match="already"):
        Guard("s", [Rung("x"), Rung("x")], url="")
    with pytest.raises(ValueError, match="never be reached"):
        Guard("s", [Rung("closed", kind="closed"), Rung("open", kind="open")], url="")
    with pytest.raises(ValueError, match="has no rung"):
        Guard("s", url="").call()


def test_a_rung_added_later_stands_above_the_last():
    guard, _ = made(Rung("current", call=broken), Rung("closed", kind="closed"))
    with pytest.raises(Refused):
        guard.call()
    guard.add(Rung("rules", kind="rules", call=lambda: "rule"))
    assert guard.call() == "rule"


def test_a_description_that_fails_costs_no_answer(caplog):
    guard, events = made(Rung("current", call=int), describe=lambda answer: {"score": answer["no"]})
    assert [guard.call(), guard.call()] == [0, 0]
    assert "score" not in events[0]
    assert guard.status()["undescribed"] == 2
    assert caplog.text.count("describe() failed") == 1


@BOTH
def test_shadow_calls_are_beside_the_call_and_say_so(asynchronous):
    answered = threading.Event()

    async def good(x):
        await settled(answered.is_set)
        return -x

    def slow(x):
        assert answered.wait(LONG)
        return -x

    guard, events = made(
        Rung("current", version="B", call=lambda x: x),
        Rung("good", kind="last_known_good", version="A", call=good if asynchronous else slow),
        shadow={"A"},
        describe=lambda answer: {"score": answer},
    )

    async def story():
        answer = await guard.acall(3, key="k")
        answered.set()
        await settled(lambda: len(events) == 2)
        return answer

    assert (asyncio.run(story()) if asynchronous else guard.call(3, key="k")) == 3
    answered.set()  # a call that waited for its shadow would not have come back before
    assert until(lambda: len(events) == 2)
    said = [(e["request_id"], e["version"], e["shadow"], e["score"]) for e in events]
    assert said == [("k", "B", False, 3), ("k", "A", True, -3)]


def test_shadow_calls_that_pile_up_are_dropped_and_counted():
    release, ended = threading.Event(), []
    guard, _ = made(
        Rung("current", version="B", call=int),
        Rung("good", version="A", call=lambda: ended.append(release.wait(LONG))),
        shadow={"A": 1.0},
    )
    for _ in range(300):
        guard.call()
    assert ended == [], "nobody waited for them"
    assert guard.status()["shadows_dropped"] >= 150
    release.set()


def test_a_shadow_that_fails_is_a_row_and_nothing_else():
    guard, events = made(
        Rung("current", version="B", call=int), Rung("good", version="A", call=broken), shadow=["A"]
    )
    for _ in range(20):
        guard.call()
        time.sleep(0.001)
    assert until(lambda: sum(event["shadow"] for event in events) == 20)
    assert {event["status"] for event in events if event["shadow"]} == {"error"}
    assert guard.status()["rungs"][1]["breaker"] == "closed"


def test_the_version_that_answers_does_not_shadow_itself():
    guard, events = made(
        Rung("current", version="B", call=int),
        Rung("good", version="A", call=int),
        shadow={"A"},
        deploy={"A": 1.0},
    )
    guard.call()
    time.sleep(0.02)
    assert [event["version"] for event in events] == ["A"]


def test_a_trickle_exercises_every_rung_and_says_when():
    guard, events = made(
        Rung("current", version="B", call=int),
        Rung("good", kind="last_known_good", version="A", call=int),
        Rung("rules", kind="rules", call=int),
        Rung("closed", kind="closed"),
        exercise=0.05,
    )
    assert [rung["last_exercised"] for rung in guard.status()["rungs"]] == [None] * 4
    for _ in range(200):
        guard.call()
        time.sleep(0.0002)
    assert until(lambda: sum(event["shadow"] for event in events) == 10)
    times = {rung["name"]: rung["last_exercised"] for rung in guard.status()["rungs"]}
    assert times["good"]
    assert times["rules"]
    assert times["closed"] is None
    assert {event["rung"] for event in events if event["shadow"]} == {"good", "rules"}
    assert not any(event["rung"] != "current" for event in events if not event["shadow"])


def test_a_sample_of_good_calls_weighs_as_much_as_all_and_failures_are_never_left_out():
    guard, events = made(Rung("current", call=lambda x: 1 / x, breaker=Breaker(least=10_000)), sample=0.25)
    guard._chance = Random(1).random
    for i in range(4000):
        try:
            guard.call(i % 10)
        except ZeroDivisionError:
            continue
    bad = [event for event in events if event["status"] == "error"]
    good = [event for event in events if event["status"] == "ok"]
    assert (len(bad), {event["weight"] for event in bad}) == (400, {1.0})
    assert {event["weight"] for event in good} == {4.0}
    assert abs(sum(event["weight"] for event in good) / 3600 - 1) < 0.15


def test_labels_reach_the_server(server):
    guard = Guard("pricing", [Rung("current", call=int)], url=server.url)
    guard.label("req-1", 1)
    assert guard.flush(30)
    assert (server.labels[0]["request_id"], server.labels[0]["label"]) == ("req-1", 1)
    guard.close()


def test_what_waits_is_sent_when_the_process_ends(server):
    script = "import sys; from fireline.guard import Guard, Rung\n" \
             "guard = Guard('pricing', [Rung('current', call=int)], url=sys.argv[1])\n" \
             "for i in range(700): guard.call(key=f'k{i}')"  # fmt: skip
    subprocess.run([sys.executable, "-c", script, server.url], check=True, timeout=120)
    assert len(server.rows) == 700


def test_importing_the_guard_imports_nothing_but_the_standard_library():
    script = (
        "import sys; before = set(sys.modules); import fireline.guard\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "names = {name for name in names if not name.startswith('_sysconfigdata')}\n"
        "print(sorted(names - sys.stdlib_module_names - {'fireline'}))\n"
        "own = [name for name in sys.modules if name.startswith('fireline.')]\n"
        "print(sorted(name for name in own if not name.startswith('fireline.guard')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    strangers, own = done.stdout.splitlines()
    assert strangers == "[]"
    assert own == str(
        ["fireline.clock", "fireline.errors", "fireline.ids", "fireline.terms", "fireline.terms.switch"]
    )


@BOTH
def test_a_shadow_that_streams_is_read_to_its_end(asynchronous):
    given = []

    def stream():
        for i in range(3):
            given.append(i)
            yield i

    async def astream():
        for item in stream():
            await asyncio.sleep(0)
            yield item

    candidate = Rung("candidate", kind="reduced", version="C", call=astream if asynchronous else stream)
    guard, events = made(Rung("current", version="B", call=lambda: "x"), candidate, shadow={"C"})

    async def story():
        await guard.acall(key="k")
        await settled(lambda: len(events) == 2)

    asyncio.run(story()) if asynchronous else guard.call(key="k")
    assert until(lambda: len(events) == 2)
    assert given == [0, 1, 2]
    assert (events[1]["version"], events[1]["status"], events[1]["shadow"]) == ("C", "ok", True)


def test_a_stream_from_a_lower_rung_is_watched_too():
    def stream():
        yield 1

    guard, events = made(
        Rung("current", version="B", call=broken), Rung("small", kind="reduced", call=stream)
    )
    assert list(guard.call()) == [1]
    assert [(event["rung"], event["status"]) for event in events] == [("current", "error"), ("small", "ok")]


def test_a_sink_that_fails_costs_no_answer(caplog):
    guard, _ = made(Rung("current", call=int), sink=broken)
    assert [guard.call(), guard.call()] == [0, 0]
    assert caplog.text.count("the sink failed") == 1
