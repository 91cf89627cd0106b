"""Every row of the table on which breakers for Python were probed, and failed, is a test here; and for the
guard, where it makes a difference."""

from __future__ import annotations

import asyncio
import threading
import traceback

import pytest

from fireline.guard import Breaker, BreakerOpen, Guard, Rung
from tests.guard.conftest import LONG, Ticks


class Broken(Exception):
    """The backend is down."""


def fails(*_):
    raise Broken


def opened(now: Ticks | None = None, **options) -> Breaker:
    """A breaker that has just tripped, by a clock that stands still."""
    breaker = Breaker("model", **{"least": 2, "cool": 1.0, "now": now or Ticks(), **options})
    for _ in range(2):
        with pytest.raises(Broken):
            breaker.call(fails)
    assert breaker.state == "open"
    return breaker


def half_open(**options) -> Breaker:
    """A breaker that has tripped and cooled down."""
    now = Ticks()
    breaker = opened(now, **options)
    now.at += 2.0
    return breaker


def together(threads: int, work) -> list:
    """What ``work(i)`` gives in that many threads at once."""
    gate, results = threading.Barrier(threads), [None] * threads

    def run(i):
        gate.wait()
        try:
            results[i] = work(i)
        except (Broken, BreakerOpen) as error:
            results[i] = error

    running = [threading.Thread(target=run, args=(i,)) for i in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    return results


@pytest.mark.parametrize("guarded", ["breaker", "guard"])
def test_eight_threads_call_side_by_side(guarded):
    inside = threading.Barrier(8)

    def meet():
        inside.wait(LONG)
        return "all eight"

    breaker = Breaker("model")
    guard = Guard("s", [Rung("current", call=meet)], url="")
    call = (lambda: breaker.call(meet)) if guarded == "breaker" else guard.call
    assert together(8, lambda _: call()) == ["all eight"] * 8


def test_half_open_one_of_fifty_threads_reaches_the_backend():
    breaker = half_open()
    reached, turned_away = [], threading.Semaphore(0)

    def backend():
        reached.append(1)
        for _ in range(49):
            assert turned_away.acquire(timeout=LONG)
        return "well"

    def call(_):
        try:
            return breaker.call(backend)
        except BreakerOpen:
            turned_away.release()
            raise

    results = together(50, call)
    assert len(reached) == 1
    assert results.count("well") == 1
    assert sum(isinstance(r, BreakerOpen) for r in results) == 49
    assert breaker.state == "closed"


def test_half_open_one_of_fifty_tasks_reaches_the_backend():
    async def story():
        breaker = half_open()
        reached = []

        async def backend():
            reached.append(1)
            await asyncio.sleep(0.02)
            return "well"

        tasks = (breaker.acall(backend) for _ in range(50))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert len(reached) == 1
        assert results.count("well") == 1
        assert sum(isinstance(r, BreakerOpen) for r in results) == 49
        assert breaker.state == "closed"

    asyncio.run(story())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_half_open_guard_sends_one_call_up_and_the_rest_down(asynchronous):
    reached, gone_down = [], threading.Semaphore(0)
    breaker = half_open()

    async def abackend():
        reached.append(1)
        await asyncio.sleep(0.02)
        return "well"

    def backend():
        reached.append(1)
        for _ in range(49):
            assert gone_down.acquire(timeout=LONG)
        return "well"

    def rule():
        gone_down.release()
        return "rule"

    rungs = [Rung("current", call=abackend if asynchronous else backend, breaker=breaker)]
    guard = Guard("s", [*rungs, Rung("rules", kind="rules", call=rule)], url="", exercise=0.0)

    async def story():
        return await asyncio.gather(*(guard.acall() for _ in range(50)))

    results = asyncio.run(story()) if asynchronous else together(50, lambda _: guard.call())
    assert (len(reached), results.count("well"), results.count("rule")) == (1, 1, 49)


@pytest.mark.parametrize("when", ["open", "half open", "a probe is out"])
def test_a_success_that_began_before_the_trip_closes_nothing(when):
    now = Ticks()
    breaker = Breaker("model", least=2, cool=1.0, now=now)
    begun, go = threading.Event(), threading.Event()

    def slow():
        begun.set()
        go.wait(LONG)

    early = threading.Thread(target=breaker.call, args=(slow,))
    early.start()
    assert begun.wait(LONG)
    for _ in range(2):
        with pytest.raises(Broken):
            breaker.call(fails)
    ticket = None
    if when != "open":
        now.at += 2.0
    if when == "a probe is out":
        ticket = breaker.admit()
    go.set()
    early.join()
    assert breaker.state == ("open" if when == "open" else "half_open")
    if ticket is not None:  # the probe alone decides
        breaker.good(ticket)
        assert breaker.state == "closed"


def test_a_failure_that_began_before_the_recovery_counts_for_nothing():
    now = Ticks()
    breaker = Breaker("model", least=1, cool=1.0, now=now)
    old = breaker.admit()
    breaker.bad(breaker.admit())
    now.at += 2.0
    breaker.good(breaker.admit())
    assert breaker.state == "closed"
    breaker.bad(old)
    assert breaker.state == "closed"


async def hang():
    await asyncio.sleep(30)


@pytest.mark.parametrize("guarded", ["breaker", "guard"])
def test_time_outs_of_asyncio_wait_for_are_failures(guarded):
    async def story():
        breaker = Breaker("model", least=3)
        guard = Guard("s", [Rung("current", call=hang, breaker=breaker)], url="")
        for _ in range(3):
            assert breaker.state == "closed"
            call = breaker.acall(hang) if guarded == "breaker" else guard.acall()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(call, 0.01)
            await asyncio.sleep(0)
        assert breaker.state == "open"

    asyncio.run(story())


def test_a_deadline_of_asyncio_timeout_is_a_failure():
    async def story():
        breaker = Breaker("model", least=3)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await breaker.acall(hang)
            await asyncio.sleep(0)
        assert breaker.state == "open"

    asyncio.run(story())


def test_time_outs_within_the_call_are_failures():
    async def impatient():
        await asyncio.wait_for(hang(), 0.005)

    async def story():
        breaker = Breaker("model", least=2)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await breaker.acall(impatient)
        assert breaker.state == "open"

    asyncio.run(story())


@pytest.mark.parametrize("how", ["plain", "within wait_for", "within timeout"])
def test_a_cancelled_call_between_failures_changes_no_count(how):
    async def story():
        breaker = Breaker("model", least=4)

        async def caller():
            if how == "within wait_for":
                await asyncio.wait_for(breaker.acall(hang), 20)
            elif how == "within timeout":
                async with asyncio.timeout(20):
                    await breaker.acall(hang)
            else:
                await breaker.acall(hang)

        async def down():
            raise Broken

        for i in range(4):
            assert breaker.failure_rate() == (1.0 if i else 0.0, i)
            with pytest.raises(Broken):
                await breaker.acall(down)
            if i == 3:
                break
            task = asyncio.create_task(caller())
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0)
        assert breaker.state == "open"

    asyncio.run(story())


def test_a_cancelled_probe_gives_its_permit_back_at_once():
    async def story():
        breaker = half_open(lease=30.0)
        probe = asyncio.create_task(breaker.acall(hang))
        await asyncio.sleep(0.01)
        with pytest.raises(BreakerOpen):
            await breaker.acall(asyncio.sleep, 0)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        await asyncio.sleep(0)
        await breaker.acall(asyncio.sleep, 0)
        assert breaker.state == "closed"

    asyncio.run(story())


def test_every_second_call_failing_opens_it():
    breaker = Breaker("model")
    for i in range(40):
        try:
            breaker.call(fails if i % 2 else int)
        except (Broken, BreakerOpen):
            continue
    assert breaker.trips == 1
    assert breaker.state == "open"


def stream(broken: bool):
    yield 1
    if broken:
        raise Broken
    yield 2


async def astream(broken: bool):
    yield 1
    await asyncio.sleep(0)
    if broken:
        raise Broken
    yield 2


@pytest.mark.parametrize("guarded", ["breaker", "guard"])
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(("fate", "state"), [("left", "closed"), ("broken", "open"), ("whole", "closed")])
def test_streams_are_judged_by_how_they_end(guarded, asynchronous, fate, state):
    breaker = Breaker("model", least=2)
    events = []
    source = astream if asynchronous else stream
    guard = Guard("s", [Rung("current", call=source, breaker=breaker)], url="", sink=events.append)

    async def read():
        call = breaker.acall if guarded == "breaker" else guard.acall
        items = await call(source, fate == "broken") if guarded == "breaker" else await call(fate == "broken")
        async for _ in items:
            if fate == "left":
                await items.aclose()
                return

    def read_here():
        items = (
            breaker.call(source, fate == "broken") if guarded == "breaker" else guard.call(fate == "broken")
        )
        for _ in items:
            if fate == "left":
                items.close()
                return

    for _ in range(3):
        try:
            if asynchronous:
                asyncio.run(read())
            else:
                read_here()
        except (Broken, BreakerOpen):
            continue
    assert breaker.state == state
    if guarded == "guard":
        said = {"left": "left", "broken": "error", "whole": "ok"}[fate]
        assert events[0]["status"] == said


def test_two_thousand_rejections_keep_their_tracebacks_flat():
    breaker = opened(cool=60.0)
    guard = Guard("s", [Rung("current", call=fails, breaker=breaker)], url="")
    depths = set()
    for i in range(2000):
        try:
            breaker.call(fails) if i % 2 else guard.call()
        except BreakerOpen as error:
            chain, one = 0, error
            while one is not None:
                chain += len(traceback.extract_tb(one.__traceback__))
                one = one.__context__
            depths.add((i % 2, chain))
    assert len(depths) == 2
    assert max(chain for _, chain in depths) <= 6


def test_a_permit_that_is_never_returned_comes_back():
    now = Ticks()
    breaker = opened(now, lease=5.0)
    now.at += 2.0
    lost = breaker.admit()
    with pytest.raises(BreakerOpen):
        breaker.admit()
    now.at += 6.0
    again = breaker.admit()
    breaker.bad(lost)  # too late: the permit is another's now
    breaker.good(again)
    assert breaker.state == "closed"


def test_no_lock_is_held_during_a_call():
    now = Ticks()
    breaker = Breaker("model", least=1, cool=1.0, now=now)

    def inner():
        return breaker.call(int)

    assert breaker.call(inner) == 0
    with pytest.raises(Broken):
        breaker.call(lambda: breaker.call(fails))
    now.at += 2.0
    ticket = breaker.admit()  # a probe is out, and yet:
    with pytest.raises(BreakerOpen):
        breaker.call(int)
    breaker.good(ticket)
    assert breaker.call(inner) == 0


def test_async_failures_are_seen_through_a_synchronous_call_too():
    async def down():
        raise Broken

    async def story():
        breaker = Breaker("model", least=2)
        for _ in range(2):
            with pytest.raises(Broken):
                await breaker.call(down)
        assert breaker.state == "open"

    asyncio.run(story())
