"""However a stream is cut, and wherever the process dies: every row is counted, and counted once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from fireline.clock import ManualClock, from_micros, iso, micros
from fireline.detect.baseline import Baseline
from fireline.errors import StoreError
from fireline.ingest import log_of
from fireline.live.counting import Counting
from fireline.live.door import Door
from fireline.live.spool import Spool
from fireline.runbook.load import load
from fireline.store import Store
from fireline.store.connect import connect, url_of
from fireline.store.watch import watch
from fireline.telemetry.lake import Lake
from fireline.telemetry.tally import add_up, tally
from fireline.terms.counts import Scope
from tests.support.living import BEGIN, JSONL, SERVICE, Living, lines, rows

HOUR = timedelta(hours=1)
DAY_US = 86_400_000_000


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Bench:
    """A counter over a folder; ``count`` may be killed at any write, and a new process goes on."""

    book: Path
    folder: Path
    template: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        shutil.copyfile(self.template, self.folder / "store.sqlite")
        self.runbook, self.plan = _opened(self.book)
        self.clock = ManualClock(BEGIN + HOUR)
        self.left = -1
        self.writes = 0
        self.start()

    def start(self) -> None:
        """A new process on what the last one left."""
        database = connect(url_of(self.folder / "store.sqlite"))
        self.drop = watch(database, self._write)
        self.store = Store(database)
        self.lake = Lake(self.folder / "lake")
        self.door = Door(self.runbook, Spool(self.folder / "spool"), self.clock)
        self.counting = Counting(self.plan, self.runbook, self.store, self.lake, self.door, self.clock, "s1")
        write = self.lake.write

        def watched(*about: Any) -> str:
            self._write("before", "the lake")
            path = write(*about)
            self._write("after", "the lake")
            return path

        self.lake.write = watched  # type: ignore[method-assign]

    def _write(self, moment: str, what: str) -> None:
        if moment == "read":
            return
        self.writes += 1
        if self.left == 0:
            raise Killed(f"{moment} {what}")
        self.left -= 1

    def count(self, die_after: int | None = None, judged: int = 0) -> None:
        """Counts what waits; killed after ``die_after`` writes, a new process counts it."""
        self.left = -1 if die_after is None else die_after
        try:
            self.counting.count(judged)
        except Killed:
            self.drop()
            self.left = -1
            self.start()
            self.counting.count(judged)
        self.left = -1

    def send(self, found: list[dict[str, Any]], key: str = "", kind: str = "events") -> None:
        answer = self.door.take(kind, lines(found), JSONL, key)
        assert answer.bad == 0, answer.quarantined

    def close(self) -> None:
        self.drop()

    # -- what is there

    def counts(self, late: bool = False) -> dict[str, Any]:
        """Everything that was counted, added up over two days."""
        first = micros(BEGIN - HOUR) // DAY_US
        found = {}
        for layout in self.plan.layouts:
            for grain in sorted(set(layout.grains.values())):
                low, high = first * 86_400 // grain, (first + 2) * 86_400 // grain
                raw = self.store.counts(grain, low, high, late=late, service=SERVICE, layout=layout.identity)
                for scope, cells in add_up(raw, layout, grain, low, high).items():
                    if cells.any():
                        found[f"{layout.name} {grain} {scope.key}"] = cells.tolist()
        return found

    def rows(self, kind: str = "events") -> list[tuple[Any, ...]]:
        files = self.store.lake_files(kind, 0, 2**62, SERVICE)
        table = self.lake.read([file.file for file in files])
        names = ["request_id", "version", "late"] if kind == "events" else ["request_id", "label"]
        there = [name for name in names if name in table.column_names]
        return sorted(tuple(row.values()) for row in table.select(there).to_pylist()) if there else []

    def keys(self) -> list[int]:
        found = [np.frombuffer(k.body, "<u8", len(k.body) // 16) for k in self.store.keys(0, SERVICE)]
        return sorted(int(key) for part in found for key in part)


@cache
def _opened(book: Path) -> tuple[Any, Any]:
    runbook = load(book)
    return runbook, Baseline.load(book.parent / runbook.reference.baseline).plan


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "store.sqlite"
    Store.open(file).close()
    return file


@pytest.fixture
def make(book: Path, template: Path, tmp_path: Path) -> Iterator[Any]:
    made: list[Bench] = []

    def bench() -> Bench:
        made.append(Bench(book, tmp_path / f"bench{len(made)}", template))
        return made[-1]

    yield bench
    for one in made:
        one.close()


STREAM = rows(BEGIN + 0.75 * HOUR, BEGIN + HOUR, rate=2)
"""30 rows, all within the lateness allowed."""


LABELS = [
    {"request_id": row["request_id"], "label": i % 2, "label_time": row["time"]}
    for i, row in enumerate(STREAM[:9])
]


@pytest.mark.parametrize("seed", range(10))
def test_the_same_rows_give_the_same_counts_however_cut_and_wherever_killed(seed: int, make: Any) -> None:
    rng, plain, cut = Random(f"cut {seed}"), make(), make()
    plain.send(STREAM)
    plain.send(LABELS, kind="labels")
    plain.count()
    done = 0
    while done < len(STREAM):
        n, again = rng.randint(1, 12), rng.choice((0, 0, 3))  # some are sent a second time
        cut.send(STREAM[max(0, done - again) : done + n])
        done += n
        if rng.random() < 0.6:
            cut.count(rng.choice((None, rng.randint(0, 30))))
    cut.send(LABELS, kind="labels")
    cut.count(rng.choice((None, rng.randint(0, 10))))
    assert cut.rows() == plain.rows()
    assert cut.rows("labels") == plain.rows("labels")
    assert cut.keys() == plain.keys()
    assert _without_duplicates(cut, cut.counts()) == _without_duplicates(plain, plain.counts())
    assert cut.counts(late=True) == plain.counts(late=True) == {}
    assert not cut.counting.waits


def _without_duplicates(bench: Bench, counts: dict[str, Any]) -> dict[str, Any]:
    """Counts but for the cell that counts duplicates: rows that were sent again are seen in it."""
    rates = bench.plan.rates
    cells = [f"{series.name}.{cell}" for series in rates.series for cell in series.cells]
    at = [i for i, name in enumerate(cells) if "dup" in name]
    assert at, cells
    return {
        key: [[n for i, n in enumerate(tick) if i not in at] for tick in ticks]
        if key.startswith(f"{rates.name} ")
        else ticks
        for key, ticks in counts.items()
    }


def test_killed_between_any_two_writes_of_a_batch_nothing_is_lost_or_doubled(make: Any) -> None:
    whole = make()
    whole.send(STREAM)
    whole.writes = 0
    whole.count()
    points = whole.writes
    assert points > 8
    for point in range(points):
        bench = make()
        bench.send(STREAM[:20])
        bench.send(STREAM[20:])
        bench.count(die_after=point)
        assert (bench.rows(), bench.keys(), bench.counts()) == (
            whole.rows(), whole.keys(), whole.counts(),
        ), point  # fmt: skip
        assert bench.store.cursor(bench.counting.source) == str(bench.door.spool.end)
        bench.close()


def test_a_lake_that_cannot_be_written_is_tried_again(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = make()
    bench.send(STREAM)

    def full(*_: Any) -> str:
        raise StoreError("the lake cannot be written: No space left on device", permanent=False)

    with monkeypatch.context() as patched:
        patched.setattr(bench.lake, "write", full)
        with pytest.raises(StoreError):
            bench.counting.count(0)
    assert bench.counting.waits
    assert bench.rows() == []
    bench.counting.count(0)
    assert len(bench.rows()) == len(STREAM)


def test_a_commit_that_happened_although_nobody_heard_is_not_done_again(make: Any) -> None:
    """The database commits and the connection breaks before it says so; the process lives on."""
    bench = make()
    bench.send(STREAM)
    commit = bench.store.database.dialect.do_commit

    def unheard(connection: Any) -> None:
        commit(connection)
        raise StoreError("the connection broke", permanent=False)

    bench.store.database.dialect.do_commit = unheard
    with pytest.raises(StoreError):
        bench.counting.count(0)
    bench.store.database.dialect.do_commit = commit
    bench.counting.take_up()
    assert not bench.counting.waits
    bench.send(STREAM[:5])
    bench.counting.count(0)
    assert len(bench.rows()) == len(STREAM)


def test_the_loop_recovers_by_itself_from_such_a_commit(living: Any) -> None:
    one: Living = living()
    one.running.beat()
    one.to(BEGIN + 12 * timedelta(minutes=1))
    one.send(rows(BEGIN, one.clock.now()))
    dialect = one.store.database.dialect
    commit, left = dialect.do_commit, [1]

    def unheard(connection: Any) -> None:
        commit(connection)
        if left[0] and one.pulse.counting.waits and one.store.has_batch(_first(one)):
            left[0] -= 1
            raise StoreError("the connection broke", permanent=False)

    dialect.do_commit = unheard
    one.running.beat()
    assert "the connection broke" in one.running.trouble(SERVICE)
    one.running.beat()
    assert one.running.trouble(SERVICE) == ""
    assert not one.pulse.counting.waits
    one.send(rows(one.clock.now(), one.clock.now() + timedelta(minutes=3)))
    one.running.beat()
    assert not one.pulse.counting.waits


def _first(one: Living) -> str:
    counting = one.pulse.counting
    return f"live-{counting.spool_id}-{counting._short}-00000000-0000000000"


def test_what_was_judged_already_is_late_and_counted_as_late_only(make: Any) -> None:
    bench = make()
    bench.send(STREAM)
    bench.count(judged=micros(BEGIN + HOUR - timedelta(minutes=5)))
    late = [row[-1] for row in bench.rows()]
    assert (late.count(True), late.count(False)) == (20, 10)
    assert bench.counting.seen.late == 20
    on_time, too_late = bench.counts(), bench.counts(late=True)
    assert on_time
    assert too_late
    assert on_time != too_late


def test_what_arrives_after_the_lateness_allowed_is_late(make: Any) -> None:
    bench = make()
    bench.clock.move_to(BEGIN + 2 * HOUR)
    bench.send(STREAM)
    bench.count()
    assert bench.counting.seen.late == len(STREAM)
    told = bench.counts()
    assert {name.split()[0] for name in told} == {"arrivals"}, "that it came late, and nothing of what it was"
    assert sum(cell for tick in told["arrivals 60 service"] for cell in tick) == len(STREAM)


def test_what_was_held_back_while_no_server_was_there_is_on_time_unless_its_tick_was_judged(
    make: Any,
) -> None:
    bench = make()
    bench.clock.move_to(BEGIN + 2 * HOUR)
    bench.door.catching_up = True
    bench.send(STREAM)
    bench.count(judged=micros(BEGIN + HOUR - timedelta(minutes=5)))
    assert bench.counting.seen.late == 20


def test_a_row_seen_before_is_counted_once_also_across_restarts(make: Any) -> None:
    bench = make()
    bench.send(STREAM[:10])
    bench.send(STREAM[5:15])  # in one batch with the others
    bench.count()
    bench.send(STREAM[:20])
    bench.count()
    bench.close()
    bench.start()
    bench.send(STREAM)
    bench.count()
    assert [row[0] for row in bench.rows()] == sorted(row["request_id"] for row in STREAM)


def test_another_version_or_a_shadow_of_the_same_request_is_a_row_of_its_own(make: Any) -> None:
    bench = make()
    bench.send([STREAM[0], STREAM[0] | {"version": "B"}, STREAM[0] | {"version": "B"}])
    bench.count()
    assert [(row[0], row[1]) for row in bench.rows()] == [
        (STREAM[0]["request_id"], "A"), (STREAM[0]["request_id"], "B"),
    ]  # fmt: skip


def test_versions_keep_the_time_they_were_first_seen(make: Any) -> None:
    bench = make()
    bench.send([STREAM[4] | {"version": "B"}])
    bench.count(die_after=5)
    bench.send([STREAM[2] | {"version": "B"}])
    bench.count()
    bench.close()
    bench.start()
    seen = {v: from_micros(at) for v, at in bench.counting.versions.items()}
    assert seen["B"] == BEGIN + 0.75 * HOUR + timedelta(minutes=1)
    assert set(seen) == {"A", "B"}


def test_rows_put_aside_are_counted_as_a_replay_of_the_same_rows_counts_them(
    make: Any, tmp_path: Path
) -> None:
    bench = make()
    sent = [dict(row) for row in STREAM]
    for i in (3, 4, 11, 20):
        sent[i]["x"] = "many"
    sent[25]["score"] = 7.0
    sent += [
        {**STREAM[-1], "request_id": "after", "x": "many", "time": iso(BEGIN + HOUR + timedelta(minutes=1))}
    ]
    for start in range(0, len(sent), 7):
        bench.door.take("events", lines(sent[start : start + 7]), JSONL)
    bench.count()
    file = tmp_path / "log.jsonl"
    file.write_bytes(lines(sent))
    log = log_of(bench.runbook, [file])
    assert log.end == BEGIN + HOUR + timedelta(minutes=1)
    layout = bench.plan.layout("arrivals")
    low, high = micros(BEGIN - HOUR) // 60_000_000, micros(BEGIN + 2 * HOUR) // 60_000_000
    replayed = [row for b in log.batches(rows=9) for row in tally(bench.plan, b.events, None, b.rejected)]
    raw = bench.store.counts(60, low, high, late=False, service=SERVICE, layout=layout.identity)
    ours = [row for row in replayed if row.layout == layout.identity]
    live, again = (add_up(rows, layout, 60, low, high) for rows in (raw, ours))
    assert {s: c.tolist() for s, c in live.items()} == {s: c.tolist() for s, c in again.items()}
    total = dict(zip(layout.series[0].cells, live[Scope()].sum(axis=0).tolist(), strict=True))
    assert total["not_a_number:x"] == 5
    assert total["bad_score:score"] + total["other"] >= 1
    assert total["n"] == len(sent) - 6
