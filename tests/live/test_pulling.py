"""A running server pulls: what comes, what is wrong with it, and what happens when a source fails."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from fireline.clock import iso
from fireline.errors import StoreError
from fireline.live.book import open_books
from fireline.live.links import Link, chained, cursor_name, standing
from fireline.live.pulling import LONGEST, Puller
from fireline.live.spool import Place, Record, Spool
from fireline.live.trying import tried
from fireline.live.verdicts import verdicts
from fireline.runbook.load import load
from fireline.runbook.problem import UnusableRunbook
from fireline.runbook.sources import Source
from fireline.sources.pull import Around, Pulled
from fireline.store.facts import read_facts
from fireline.store.store import Tx
from fireline.web.app import create_app
from fireline.web.auth.access import Access
from tests.support.living import BEGIN, SERVICE, Living, lines, rows

MINUTES = timedelta(minutes=12)
SECRET = "hunter2-hunter2"


@pytest.fixture
def folder(book: Path, tmp_path: Path) -> Path:
    shutil.copytree(book.parent, tmp_path / "book")
    (tmp_path / "book" / "in").mkdir()
    return tmp_path / "book"


@pytest.fixture
def up(folder: Path, tmp_path: Path) -> Iterator[Callable[..., Living]]:
    """``up("- {name: ...}", ...)`` is a server on a drill clock that pulls from these sources."""
    made: list[Living] = []

    def begin(*sources: str) -> Living:
        book = folder / "runbook.yaml"
        book.write_text(book.read_text() + "sources:\n" + "".join(f"  - {one}\n" for one in sources))
        made.append(Living(book, tmp_path / "state"))
        return made[-1]

    yield begin
    for one in made:
        one.store.close()


FILES = "{name: files, kind: folder, path: in/*.jsonl}"


def write(folder: Path, name: str, found: bytes) -> None:
    with (folder / "in" / name).open("ab") as stream:
        stream.write(found)


def test_what_a_source_brings_is_counted(up: Callable[..., Living], folder: Path) -> None:
    living, sent = up(FILES), 0
    for step in range(3):
        found = rows(BEGIN + step * MINUTES, BEGIN + (step + 1) * MINUTES)
        write(folder, "log.jsonl", lines(found))
        sent += len(found)
        living.to(BEGIN + (step + 1) * MINUTES)
    seen, (view,) = living.pulse.counting.seen, living.running.pulling.views(SERVICE)
    assert (seen.events, seen.duplicates, seen.late) == (sent, 0, 0)
    assert (view.rows, view.bad, view.trouble) == (sent, 0, "")


def test_a_new_process_goes_on_where_the_last_one_stopped(up: Callable[..., Living], folder: Path) -> None:
    living = up(FILES)
    for row in (found := rows(BEGIN - MINUTES, BEGIN)):
        del row["request_id"]
    write(folder, "log.jsonl", lines(found))
    living.running.beat()
    living.running.pulling.once()  # in the spool, and not counted
    assert living.pulse.counting.seen.events == 0
    after = living.again()
    after.to(BEGIN + MINUTES)
    assert (after.pulse.counting.seen.events, after.pulse.counting.seen.duplicates) == (len(found), 0)
    assert after.running.pulling.once() == 0


def test_rows_that_cannot_be_used_are_told_with_their_source_and_place(
    up: Callable[..., Living], folder: Path
) -> None:
    living = up(FILES)
    write(folder, "log.jsonl", lines(rows(BEGIN, BEGIN + MINUTES)) + b'{"x": 1}\n{broken\n')
    living.to(BEGIN + MINUTES)
    aside = [row for _, row in living.store.lately_aside(SERVICE, 0, limit=10)]
    assert {row.kind for row in aside} == {"bad_json", "no_time"}
    assert all(row.file.startswith("source files: ") and row.file.endswith("log.jsonl") for row in aside)
    assert {row.row for row in aside} == {49, 50}


def test_a_portion_without_the_time_column_stops_a_new_source_and_not_a_proven_one(
    up: Callable[..., Living], folder: Path
) -> None:
    living = up(FILES)
    write(folder, "log.jsonl", b'{"x": 1}\n{"x": 2}\n')
    living.to(BEGIN + MINUTES)
    (view,) = living.running.pulling.views(SERVICE)
    assert "time" in view.trouble
    assert view.bad == 0
    (folder / "in" / "log.jsonl").write_bytes(b"")
    write(folder, "log.jsonl", lines(rows(BEGIN + MINUTES, BEGIN + 2 * MINUTES)))
    living.to(BEGIN + 2 * MINUTES)
    write(folder, "log.jsonl", b'{"x": 1}\n{"x": 2}\n')
    living.to(BEGIN + 2 * MINUTES + timedelta(minutes=1))
    (view,) = living.running.pulling.views(SERVICE)
    assert (view.trouble, view.bad, view.rows) == ("", 2, 48)


def test_changes_and_jobs_become_facts_once(up: Callable[..., Living], folder: Path) -> None:
    living = up(
        "{name: deploys, kind: folder, feed: changes, path: in/changes.jsonl}",
        "{name: jobs, kind: folder, feed: jobs, path: in/jobs.csv}",
    )
    change = {"at": iso(BEGIN), "kind": "deploy", "what": "model B", "version": "B"}
    other = {**change, "service": "somebody else's"}
    write(folder, "changes.jsonl", lines([change, other, {"what": "nothing"}]))
    write(folder, "jobs.csv", f"job,state,at\ntrain,failed,{iso(BEGIN)}\n".encode())
    living.to(BEGIN + MINUTES)
    cursor = living.store.cursor(cursor_name(SERVICE, "deploys"))
    (told,) = read_facts(living.store, "change", SERVICE)
    assert told.body["version"] == "B"
    assert [fact.body["job"] for fact in read_facts(living.store, "job", SERVICE)] == ["train"]
    assert [row.row for _, row in living.store.lately_aside(SERVICE, 0, limit=10)] == [3]
    living.to(BEGIN + 2 * MINUTES)
    assert living.store.cursor(cursor_name(SERVICE, "deploys")) == cursor


def test_a_run_that_says_no_time_is_kept_once_although_its_cursor_could_not_be_written(
    up: Callable[..., Living], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = up("{name: runs, kind: folder, feed: jobs, path: in/*.jsonl}")
    write(folder, "runs.jsonl", b'{"job": "etl", "state": "failed"}\n')
    commit = Tx.commit_batch

    def dies(tx: Tx, batch: str, **more: Any) -> bool:
        if (more.get("cursor") or ("",))[0].startswith("pull:"):
            raise StoreError("the process ends here", permanent=False)
        return commit(tx, batch, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Tx, "commit_batch", dies)
        living.to(BEGIN + MINUTES)
    again = living.again()
    again.to(BEGIN + 2 * MINUTES)
    assert len(read_facts(again.store, "job", SERVICE)) == 1
    again.store.close()


def test_a_source_that_fails_is_shown_everywhere_and_takes_nobody_with_it(
    up: Callable[..., Living], folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    pytest.importorskip("ibis", reason="ibis-framework is not installed")
    monkeypatch.setenv("TEST_DB", f"postgres://me:{SECRET}@127.0.0.1:9/{SECRET}")
    living = up(FILES, "{name: db, kind: table, url: env:TEST_DB, table: t, cursor_column: id}")
    write(folder, "log.jsonl", lines(rows(BEGIN, BEGIN + MINUTES)))
    living.to(BEGIN + MINUTES)
    files, db = living.running.pulling.views(SERVICE)
    assert (files.rows, files.trouble) == (48, "")
    assert db.trouble
    assert db.failing_since is not None
    client = TestClient(create_app(living.running, Access(open_on_loopback=True), begin=False),
                        base_url="http://127.0.0.1", client=("127.0.0.1", 1))  # fmt: skip
    metrics = client.get("/metrics").text
    assert f'fireline_source_failing{{service="{SERVICE}",source="db",kind="table"}} 1' in metrics
    assert f'fireline_source_rows_total{{service="{SERVICE}",source="files",kind="folder"}} 48' in metrics
    page = client.get(f"/services/{SERVICE}").text
    assert "cannot be read" in page
    told = client.get(f"/v1/services/{SERVICE}/arrivals").json()
    said = {one.outcome: one.says for one in verdicts(told, guarded=False) if one.check == "sources"}
    assert "db (table) cannot be read" in said["problem"]
    assert "files (folder): 48 rows of events" in said["ok"]
    everything = [page, metrics, json.dumps(told), caplog.text]
    assert not any(SECRET in one for one in everything)


class Broken:
    """A source that fails a few times and then gives one row."""

    def __init__(self, times: int) -> None:
        self.times, self.closed = times, 0

    def pull(self, cursor: str, now: Any) -> Iterator[Pulled]:
        if self.times:
            self.times -= 1
            raise RuntimeError("the other end hung up")
        if not cursor:
            yield Pulled("events", rows(now - timedelta(minutes=1), now)[:1], "done")

    def close(self) -> None:
        self.closed += 1


def test_a_source_that_fails_is_tried_again_ever_more_seldom(living: Callable[..., Living]) -> None:
    one = living()
    one.running.beat()
    source = Source(name="s", kind="folder", path="x")
    puller = Puller(source, Around(SERVICE, "s", "events"), one.door, one.store, one.clock, lambda: True)
    broken, pauses = Broken(12), []
    while broken.times:
        puller._opened = broken
        assert puller.once() == 0
        pauses.append(puller._pause())
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST
    assert (puller.view.failures, broken.closed) == (12, 12)
    puller._opened = broken
    assert puller.once() == 1
    assert (puller.view.trouble, puller._pause()) == ("", source.every.total_seconds())


def test_a_runbook_with_a_wrong_source_starts_no_server(folder: Path) -> None:
    book = folder / "runbook.yaml"
    book.write_text(book.read_text() + "sources:\n  - {name: k, kind: kafka, topic: t, brokrs: a}\n")
    with pytest.raises(UnusableRunbook) as told:
        open_books([book])
    line = book.read_text().splitlines().index("  - {name: k, kind: kafka, topic: t, brokrs: a}") + 1
    assert f"{book}:{line}: `sources[0].brokrs`: no such key -> did you mean `brokers`?" in str(told.value)
    assert "`sources[0].brokers`: is missing" in str(told.value)


# -- the chain ---------------------------------------------------------------------------------------------


def record(link: Link) -> Record:
    return Record({**link.as_head(), "kind": "events"}, b"", Place())


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(["pull", "count", "die"]), st.integers(1, 4)),
        max_size=60,
    )
)
def test_two_servers_that_pull_the_same_source_count_each_row_once(steps: list[tuple[int, str, int]]) -> None:
    """Each pulls from where it believes the source stands and counts what waits in its own spool, in any
    order, dying in between; the store's cursor is all they share."""
    spools: list[list[Record]] = [[], []]
    believes: list[int | None] = [None, None]
    store: dict[str, str] = {}
    counted: list[int] = []

    def resume(who: int) -> int:
        at = store.get("s", "")
        for one in spools[who]:
            link = Link.of(one)
            assert link is not None
            at = link.cursor if link.was == at else at
        return int(at or 0)

    def count(who: int) -> None:
        kept, moves = chained(spools[who], store.get)
        for source, (was, cursor) in moves.items():
            assert store.get(source) == was
            store[source] = cursor
        for one in kept:
            link = Link.of(one)
            assert link is not None
            counted.extend(range(int(link.was or 0), int(link.cursor)))
        spools[who].clear()

    for who, what, size in steps:
        at = believes[who]
        if what == "die":
            believes[who] = None
        elif what == "count":
            count(who)
        else:
            at = resume(who) if at is None or (not spools[who] and at != int(store.get("s", "0"))) else at
            spools[who].append(record(Link("s", str(at or ""), str(at + size))))
            believes[who] = at + size
    count(0)
    count(1)
    assert counted == list(range(int(store.get("s", "0"))))


def test_where_a_source_stands_is_read_from_what_waits(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    for link in (Link("a", "", "1"), Link("b", "", "7"), Link("a", "1", "2"), Link("a", "0", "9")):
        spool.append({**link.as_head(), "kind": "events"}, b"")
    spool.append({"kind": "events", "key": "sent"}, b"")
    assert standing("a", spool, Place(), {}.get) == "2"
    assert standing("b", spool, Place(), {}.get) == "7"
    assert standing("a", spool, spool.end, {"a": "2"}.get) == "2"
    kept, moves = chained(spool.read(Place()), {"a": "1"}.get)
    assert [SimpleNamespace(**record.head).kind for record in kept] == ["events"] * 3
    assert moves == {"a": ("1", "2"), "b": (None, "7")}


def test_signals_are_pulled_like_events(up: Callable[..., Living], folder: Path) -> None:
    living = up("{name: gauges, kind: folder, feed: signals, path: in/*.jsonl}")
    told = [{"at": iso(BEGIN + timedelta(minutes=i)), "kind": "gauge", "name": "memory", "value": i}
            for i in range(5)]  # fmt: skip
    write(folder, "log.jsonl", lines([*told, {"kind": "gauge", "name": "memory"}]))
    living.to(BEGIN + MINUTES)
    (view,) = living.running.pulling.views(SERVICE)
    assert (view.rows, view.bad, living.pulse.counting.seen.signals) == (5, 1, 5)


def test_a_trial_says_what_would_be_taken_of_each_feed(folder: Path) -> None:
    change = {"at": iso(BEGIN), "kind": "deploy", "what": "model B"}
    gauge = {"at": iso(BEGIN), "kind": "gauge", "name": "memory", "value": 1}
    logs = {
        "events": lines(rows(BEGIN, BEGIN + MINUTES)) + b'{"x": 1}\n{broken\n',
        "changes": lines([change, {"kind": "deploy"}]),
        "jobs": lines([{"job": "train", "state": "failed"}, {"job": "train"}]),
        "signals": lines([gauge, {**gauge, "value": "much"}]),
    }
    runbook, found = load(folder / "runbook.yaml"), {}
    for feed, log in logs.items():
        write(folder, f"{feed}.jsonl", log)
        source = Source(name=feed, kind="folder", feed=feed, path=f"in/{feed}.jsonl")
        found[feed] = tried(source, runbook, folder, BEGIN + timedelta(days=3000), shown=2)
    taken = {feed: (one.rows, one.taken, one.bad) for feed, one in found.items()}
    assert taken == {"events": (49, 48, 2), "changes": (2, 1, 1), "jobs": (2, 1, 1), "signals": (2, 1, 1)}
    assert all(one.reasons and not one.trouble for one in found.values())
    assert [len(one.first) for one in found.values()] == [2, 2, 2, 2]
    assert tried(source, runbook, folder, BEGIN, most=1).more is False
