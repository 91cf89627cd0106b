"""What the guard costs on this machine, measured beside a bare call in the same run.

Rounds of each way of calling alternate, so that a machine that slows down slows all of them. Each call is
timed by itself; what a timing costs is in all of them alike, so a difference of medians is the call's own.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any

from fireline.guard.breaker import Breaker
from fireline.guard.guard import Guard
from fireline.guard.ladder import Rung

ROUNDS = 10
SERVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Taker(BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """One way of calling: microseconds a call at p50 and p99, and over the bare call at p50; calls a second
    of ``threads`` threads together (None for asynchronous ways)."""

    name: str
    p50_us: float
    p99_us: float
    over_us: float
    target_us: float | None
    calls_per_s: float | None


@dataclass(frozen=True, slots=True)
class Bench:
    """What was measured: the costs, and what ``calls`` calls of the full guard did to memory."""

    costs: tuple[Cost, ...]
    threads: int
    calls: int
    grown_mib: float
    sent: int
    dropped: int

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


class Floor:
    """The least a breaker can be: counts failures in a row, under a lock. What the cost is to be held
    against."""

    def __init__(self) -> None:
        self.lock, self.failures, self.until = threading.Lock(), 0, 0.0

    def call(self, fn: Callable[..., Any], *args: Any) -> Any:
        """``fn(*args)``, unless five calls in a row failed of late."""
        if self.failures >= 5 and perf_counter() < self.until:
            raise RuntimeError("open")
        try:
            answer = fn(*args)
        except Exception:  # counted and passed on
            with self.lock:
                self.failures += 1
                self.until = perf_counter() + 5.0
            raise
        with self.lock:
            self.failures = 0
        return answer


def model(x: float) -> float:
    """A call that costs nothing."""
    return x


async def amodel(x: float) -> float:
    """The same, asynchronous."""
    return x


def run(samples: int = 50_000, threads: int = 8, seconds: float = 1.0, calls: int = 300_000) -> Bench:
    """Measure: ``samples`` calls of each way, ``seconds`` of ``threads`` threads, memory over ``calls``
    calls."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as taker:
        try:
            assert taker.stdout is not None
            return _measure(
                f"http://127.0.0.1:{int(taker.stdout.readline())}", samples, threads, seconds, calls
            )
        finally:
            taker.kill()


def _measure(url: str, samples: int, threads: int, seconds: float, calls: int) -> Bench:
    full, split = _guard(url), _guard(url, deploy={"A": 0.05})
    afull = _guard(url, asynchronous=True)
    ways = _ways(full, split)
    aways = _aways(afull)
    timed = _timed({name: way for name, (way, _) in ways.items()}, samples)
    atimed = asyncio.run(_atimed({name: way for name, (way, _) in aways.items()}, samples))
    costs = []
    for found, targets, bare in ((timed, ways, "bare call"), (atimed, aways, "bare call, async")):
        floor = found[bare][0]
        for name, (p50, p99) in found.items():
            rate = _throughput(ways[name][0], threads, seconds) if name in ways else None
            costs.append(Cost(name, p50, p99, p50 - floor, targets[name][1], rate))
    grown = _memory(ways["guard: route, breaker, event"][0], calls)
    full.flush(5.0)
    status = full.status()["outbox"]
    for one in (full, split, afull):
        one.close(0.0)
    return Bench(tuple(costs), threads, calls, grown, status["sent"], status["dropped"])


Way = Callable[[], Any]


def _ways(full: Guard, split: Guard) -> dict[str, tuple[Way, float | None]]:
    """Each synchronous way of calling and its target in microseconds over the bare call."""
    floor, breaker = Floor(), Breaker("bench")
    known: dict[str, Any] = {"key": "req-1", "segments": {"country": "NL"}, "features": {"x": 1.0, "y": "a"}}
    return {
        "bare call": (lambda: model(1.0), None),
        "20-line floor": (lambda: floor.call(model, 1.0), None),
        "breaker": (lambda: breaker.call(model, 1.0), 1.0),
        "guard: route, breaker, event": (lambda: full.call(1.0, **known), 3.0),
        "guard with a 5% canary": (lambda: split.call(1.0, **known), 5.0),
    }


def _aways(full: Guard) -> dict[str, tuple[Callable[[], Awaitable[Any]], float | None]]:
    breaker = Breaker("bench")
    known: dict[str, Any] = {"key": "req-1", "segments": {"country": "NL"}, "features": {"x": 1.0, "y": "a"}}
    return {
        "bare call, async": (lambda: amodel(1.0), None),
        "breaker, async": (lambda: breaker.acall(amodel, 1.0), 1.2),
        "guard, async": (lambda: full.acall(1.0, **known), 3.0),
    }


def _guard(url: str, asynchronous: bool = False, deploy: dict[str, float] | None = None) -> Guard:
    call = amodel if asynchronous else model
    rungs = [
        Rung("current", version="B", call=call),
        Rung("last known good", kind="last_known_good", version="A", call=call),
    ]
    return Guard("bench", rungs, url=url, switch_key="", deploy=deploy)


def _timed(ways: dict[str, Way], samples: int) -> dict[str, tuple[float, float]]:
    took: dict[str, list[int]] = {name: [] for name in ways}
    for way in ways.values():
        for _ in range(1000):  # warm
            way()
    gc.collect()
    for _ in range(ROUNDS):
        for name, way in ways.items():
            note = took[name].append
            for _ in range(samples // ROUNDS):
                began = perf_counter_ns()
                way()
                note(perf_counter_ns() - began)
    return {name: _quantiles(times) for name, times in took.items()}


async def _atimed(
    ways: dict[str, Callable[[], Awaitable[Any]]], samples: int
) -> dict[str, tuple[float, float]]:
    took: dict[str, list[int]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            note = took[name].append
            for _ in range(samples // ROUNDS):
                began = perf_counter_ns()
                await way()
                note(perf_counter_ns() - began)
    return {name: _quantiles(times) for name, times in took.items()}


def _quantiles(times: list[int]) -> tuple[float, float]:
    times.sort()
    return times[len(times) // 2] / 1e3, times[int(len(times) * 0.99)] / 1e3


def _throughput(way: Way, threads: int, seconds: float) -> float:
    """Calls a second of ``threads`` threads together."""
    done, gate = [0] * threads, threading.Barrier(threads + 1)

    def work(number: int) -> None:
        gate.wait()
        end, calls = perf_counter() + seconds, 0
        while perf_counter() < end:
            for _ in range(100):
                way()
            calls += 100
        done[number] = calls

    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for one in running:
        one.start()
    gate.wait()
    began = perf_counter()
    for one in running:
        one.join()
    return sum(done) / (perf_counter() - began)


def _memory(way: Way, calls: int) -> float:
    """MiB by which the process grew over ``calls`` calls, after the outbox had filled up."""
    for _ in range(50_000):
        way()
    gc.collect()
    before = _resident()
    for _ in range(calls):
        way()
    gc.collect()
    return _resident() - before


def _resident() -> float:
    """MiB of memory this process holds; 0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0.0
    import resource

    return int(statm.read_text().split()[1]) * resource.getpagesize() / 2**20
