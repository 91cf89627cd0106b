"""`fireline send`: files, growing files and tables reach a running server, each row once."""

from __future__ import annotations

import http.server
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from fireline.live.cursors import Cursor
from fireline.live.drawing import Drawer
from fireline.live.following import Follower
from fireline.live.sending import Line, NotTaken, Sent, send_file
from fireline.store.facts import read_facts
from fireline.store.outside import OutsideTable
from tests.connect.conftest import Up, lines, recent, typed
from tests.support import postgres
from tests.support.living import SERVICE


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_a_file_of_any_kind_is_taken_and_sent_again_counts_once(kind, up: Up, tmp_path, capsys):
    found = recent()
    path = tmp_path / f"scores.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(found), path)
    elif kind == "csv":
        pacsv.write_csv(pa.Table.from_pylist(found), path)
    else:
        path.write_bytes(lines(found))
    assert typed("send", str(path), "--service", SERVICE, "--url", up.url) == 0
    assert f"{len(found)} events taken" in capsys.readouterr().out
    assert typed("send", str(path), "--service", SERVICE, "--url", up.url) == 0
    assert f"{len(found)} were there already" in capsys.readouterr().out
    assert up.counted().events == len(found)


def test_rows_put_aside_are_named_by_their_place_in_the_file(up: Up, tmp_path, capsys):
    found = recent()
    found[6]["x"] = "many"
    path = tmp_path / "scores.jsonl"
    path.write_bytes(lines(found[:3]) + b"\nnot json\n" + lines(found[3:]))
    assert typed("send", str(path), "--service", SERVICE, "--url", up.url) == 1
    said = capsys.readouterr().out
    assert f"{len(found) - 1} events taken, 2 put aside" in said
    assert "scores.jsonl:5 row 4: not JSON" in said
    assert "scores.jsonl:9 row 8 x: 'many' is not a number" in said


def test_a_file_with_the_same_name_and_other_rows_is_another(up: Up, tmp_path):
    path = tmp_path / "tonight.jsonl"
    for hour in (10, 5):
        path.write_bytes(
            lines([{**row, "request_id": f"{hour}-{row['request_id']}"} for row in recent(hour)])
        )
        assert typed("send", str(path), "--service", SERVICE, "--url", up.url, "-q") == 0
    assert up.counted().events == len(recent(10)) + len(recent(5))


def test_labels_go_where_labels_go(up: Up, tmp_path, capsys):
    found = recent()
    known = [{"request_id": r["request_id"], "label": 1, "label_time": r["time"]} for r in found]
    path = tmp_path / "labels.csv"
    pacsv.write_csv(pa.Table.from_pylist(known), path)
    assert typed("send", str(path), "--labels", "--service", SERVICE, "--url", up.url) == 0
    assert f"{len(found)} labels taken" in capsys.readouterr().out
    assert up.counted().labels == len(found)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--service", "prizing"], 2, "there is no service 'prizing' here"),
        (["--service", SERVICE, "--token", "fl_wrong"], 2, "this token is not valid"),
    ],
)
def test_what_the_server_refuses_for_good_is_said_at_once(words, code, says, start, tmp_path, capsys):
    up = start(auth=True)
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(recent()))
    token = [] if "--token" in words else ["--token", up.token("ingest", None)]
    assert typed("send", str(path), "--url", up.url, *words, *token) == code
    said = capsys.readouterr().err
    assert says in said
    assert "->" in said


class Moody(http.server.BaseHTTPRequestHandler):
    """Answers as ``moods`` says, then takes everything."""

    moods: ClassVar[list[tuple[int, dict[str, str]]]] = []
    keys: ClassVar[list[str]] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.append(self.headers["Idempotency-Key"])
        status, headers = self.moods.pop(0) if self.moods else (200, {})
        told = {"taken": 1, "duplicate_batch": False, "quarantined": [], "quarantined_rows": 0}
        answer = json.dumps(told if status == 200 else {"error": "busy"}).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)
        assert body

    def log_message(self, *_):
        pass


@pytest.fixture
def moody():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Moody)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Moody.moods, Moody.keys = [], []
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_busy_server_is_given_the_time_it_asks_for_and_the_same_key(moody, tmp_path):
    Moody.moods = [(429, {"Retry-After": "7"}), (503, {"Retry-After": "3"}), (502, {})]
    path, waited, said = tmp_path / "a.jsonl", [], []
    path.write_bytes(lines(recent()[:1]))
    line = Line(moody, SERVICE, pause=waited.append, say=said.append)
    sent = Sent()
    send_file(line, path, sent, lambda rows: None)
    assert (sent.taken, waited[:2], len(set(Moody.keys)), len(Moody.keys)) == (1, [7.0, 3.0], 1, 4)
    assert "busy; trying again in 7 s" in said


def test_a_server_under_pressure_is_waited_for_and_then_takes_the_same(up: Up, tmp_path):
    found, spool, waited = recent(), up.running.doors[SERVICE].spool, []
    usual, spool.limit = spool.limit, 0  # full: 429

    def pause(seconds):
        waited.append(seconds)
        spool.limit = usual

    path, sent = tmp_path / "a.jsonl", Sent()
    path.write_bytes(lines(found))
    send_file(Line(up.url, SERVICE, pause=pause), path, sent, lambda rows: None)
    assert (waited, sent.taken) == ([5.0], len(found))


def test_a_server_that_stays_away_is_given_up_after_a_while(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(recent()[:1]))
    line = Line("http://127.0.0.1:9", SERVICE, patience=1.0, pause=lambda seconds: None)
    line.patience = 0.0
    with pytest.raises(NotTaken, match="nobody answers") as refused:
        send_file(line, path, Sent(), lambda rows: None)
    assert "doctor" in refused.value.todo


# -- growing files -------------------------------------------------------------------------------------------


def follower(up: Up, path: Path, folder: Path, **more) -> Follower:
    line = Line(up.url, SERVICE, **more)
    return Follower(path, line, Cursor.of(folder, up.url, SERVICE, str(path)))


def test_a_growing_file_is_sent_line_by_line_and_half_a_line_waits(up: Up, tmp_path):
    found, path = recent(), tmp_path / "log.jsonl"
    one = follower(up, path, tmp_path / "cursors")
    assert one.catch_up() == 0  # there is no file yet
    whole = lines(found)
    path.write_bytes(whole[:1000])
    one.catch_up()
    with path.open("ab") as stream:
        stream.write(whole[1000:])
    one.catch_up()
    assert one.catch_up() == 0
    assert (one.sent.taken, one.sent.bad, up.counted().events) == (len(found), 0, len(found))


def test_what_was_written_before_a_log_was_rotated_is_sent_too(up: Up, tmp_path):
    found, path = recent(), tmp_path / "log.jsonl"
    path.write_bytes(lines(found[:10]))
    one = follower(up, path, tmp_path / "cursors")
    one.catch_up()
    with path.open("ab") as stream:
        stream.write(lines(found[10:20]))
    path.rename(tmp_path / "log.jsonl.1")
    path.write_bytes(lines(found[20:]))
    another = follower(up, path, tmp_path / "cursors")  # the first was killed meanwhile
    another.catch_up()
    assert up.counted().events == len(found)


def test_a_file_that_was_cut_is_read_from_its_new_beginning(up: Up, tmp_path):
    found, path = recent(), tmp_path / "log.jsonl"
    path.write_bytes(lines(found[:20]))
    one = follower(up, path, tmp_path / "cursors")
    one.catch_up()
    with path.open("r+b") as stream:
        stream.truncate(0)
        stream.write(lines(found[20:]))
    one.catch_up()
    one.catch_up()
    assert up.counted().events == len(found)


def test_a_flaw_in_a_followed_file_is_named_by_its_line(up: Up, tmp_path):
    found, path = recent(), tmp_path / "log.jsonl"
    path.write_bytes(lines(found[:4]))
    one = follower(up, path, tmp_path / "cursors")
    one.catch_up()
    with path.open("ab") as stream:
        stream.write(b"\nnot json\n" + lines(found[4:]))
    one.catch_up()
    assert [(bad.line, bad.kind) for bad in one.sent.reasons] == [(6, "bad_json")]


class Killed(BaseException):
    """What ends a process that nobody asks."""


def killed_after_delivery(line: Line) -> None:
    real = line.post

    def post(*batch):
        real(*batch)
        raise Killed

    line.post = post


def test_lines_on_their_way_in_a_crash_go_out_again_as_they_were(up: Up, tmp_path):
    """Without ids of their own, and though the file has grown meanwhile: only the key tells."""
    found = [{name: v for name, v in row.items() if name != "request_id"} for row in recent()]
    path = tmp_path / "log.jsonl"
    path.write_bytes(lines(found[:20]))
    one = follower(up, path, tmp_path / "cursors")
    killed_after_delivery(one.line)
    with pytest.raises(Killed):
        one.catch_up()
    with path.open("ab") as stream:
        stream.write(lines(found[20:]))
    again = follower(up, path, tmp_path / "cursors")
    again.catch_up()
    assert (again.sent.known, again.sent.taken) == (20, len(found) - 20)
    assert up.counted().events == len(found)


@pytest.mark.parametrize("seed", range(1))
def test_a_sender_killed_again_and_again_loses_nothing_and_sends_nothing_twice(seed, up: Up, tmp_path):
    """Rows without ids of their own: were a row sent under two keys, it would count twice."""
    chance = random.Random(seed)
    found = [{name: v for name, v in row.items() if name != "request_id"} for row in recent(30, rate=200)]
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"")
    command = [
        sys.executable,
        "-m",
        "fireline.cli.entry",
        "send",
        str(path),
        "--follow",
        "--service",
        SERVICE,
    ]
    settings = {**os.environ, "FIRELINE_URL": up.url}
    chunks = [found[i : i + 300] for i in range(0, len(found), 300)]
    for chunk in chunks[:4]:
        process = subprocess.Popen(command, env=settings, stderr=subprocess.DEVNULL)
        with path.open("ab") as stream:
            for row in chunk:
                stream.write(lines([row]))
                if chance.random() < 0.01:
                    stream.flush()
        time.sleep(0.8 + chance.random() * 0.8)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with path.open("ab") as stream:
        stream.write(lines([row for chunk in chunks[4:] for row in chunk]))
    process = subprocess.Popen(
        command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 120
    while time.monotonic() < end and up.running.doors[SERVICE].taken_rows < len(found):
        time.sleep(0.1)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "events taken" in said
    assert up.counted().events == len(found)


# -- tables --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def database():
    yield from postgres.given()


COLUMNS = "request_id text, time text, version text, x double precision, score double precision, status int"


class Sqlite:
    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._line = sqlite3.connect(path)
        self.do(f"CREATE TABLE predictions (id integer primary key, {COLUMNS})")

    def do(self, text: str, *values) -> None:
        self._line.execute(text, values)
        self._line.commit()


class Postgres(Sqlite):
    def __init__(self, database) -> None:
        import psycopg

        self.url = database.new_database()
        self._line = psycopg.connect(self.url)
        self.do(f"CREATE TABLE predictions (id bigserial primary key, {COLUMNS})")

    def do(self, text: str, *values) -> None:
        self._line.execute(text.replace("?", "%s"), values)
        self._line.commit()


@pytest.fixture(params=["sqlite", "postgresql"])
def theirs(request, tmp_path):
    """Somebody's database with a table of predictions."""
    if request.param == "sqlite":
        return Sqlite(tmp_path / "theirs.db")
    return Postgres(request.getfixturevalue("database"))


def insert(theirs, found) -> None:
    names = ("request_id", "time", "version", "x", "score", "status")
    for row in found:
        theirs.do(f"INSERT INTO predictions ({', '.join(names)}) VALUES (?, ?, ?, ?, ?, ?)",
                  *(row.get(name) for name in names))  # fmt: skip


def test_a_table_is_sent_as_it_grows(theirs, up: Up, tmp_path, capsys):
    found = recent()
    words = ["send", "--sql", theirs.url, "--table", "predictions", "--cursor", "id", "--service", SERVICE,
             "--url", up.url, "--settle", "0s"]  # fmt: skip
    insert(theirs, found[:15])
    assert typed(*words) == 0
    assert "15 events taken" in capsys.readouterr().out
    insert(theirs, [{**found[15], "score": 7.0}, *found[16:]])
    assert typed(*words) == 1
    said = capsys.readouterr().out
    assert f"{len(found) - 16} events taken, 1 put aside" in said
    assert "predictions id=16 row 1 score: 7.0 is not a probability" in said
    assert typed(*words) == 0
    assert "0 events taken" in capsys.readouterr().out
    assert up.counted().events == len(found) - 1


def test_the_batch_that_was_on_its_way_in_a_crash_goes_out_again_as_it_was(theirs, up: Up, tmp_path):
    found = [{**row, "request_id": None} for row in recent()]  # without ids only the key tells
    insert(theirs, found[:20])
    kept = Cursor.of(tmp_path / "c", "x")
    table = OutsideTable(theirs.url, "predictions", "id")
    drawer = Drawer(table, Line(up.url, SERVICE), kept)
    killed_after_delivery(drawer.line)
    with pytest.raises(Killed):
        drawer.draw(drawer.highest())
    insert(theirs, found[20:])
    again = Drawer(table, Line(up.url, SERVICE), kept)
    again.draw(again.highest())
    assert (again.sent.known, again.sent.taken) == (20, len(found) - 20)
    assert up.counted().events == len(found)


def test_rows_of_one_time_stay_together_however_many_they_are(theirs, tmp_path):
    for i in range(23):
        theirs.do(
            "INSERT INTO predictions (request_id, time) VALUES (?, ?)", f"r{i}", f"2026-03-01T0{i // 9}:00"
        )
    table = OutsideTable(theirs.url, "predictions", "time")
    seen, last = [], None
    while (page := table.page(last, table.highest(), limit=4)) is not None:
        seen += [row["request_id"] for row in page.rows]
        last = page.last
    assert sorted(seen) == sorted(f"r{i}" for i in range(23))


@pytest.mark.parametrize(
    ("table", "cursor", "says"),
    [("prediction", "id", "prediction cannot be read"), ("predictions", "ident", "ident")],
)
def test_a_table_or_column_that_is_not_there_is_named(theirs, table, cursor, says, up: Up, capsys):
    insert(theirs, recent()[:1])
    assert typed("send", "--sql", theirs.url, "--table", table, "--cursor", cursor, "--service", SERVICE,
                 "--url", up.url, "--settle", "0s") == 2  # fmt: skip
    assert says in capsys.readouterr().err


# -- changes -------------------------------------------------------------------------------------------------


def test_a_deploy_is_told_in_one_line(up: Up, capsys):
    words = ["--service", SERVICE, "--version", "B", "--url", up.url, "--at", "2026-03-01T06:00:00Z"]
    assert typed("change", "model B to everybody", *words) == 0
    assert typed("change", "model B to everybody", *words) == 0
    (told,) = read_facts(up.running.store, "change", SERVICE)
    assert told.body["version"] == "B"
    assert typed("change", "x", "--service", "prizing", "--url", up.url) == 2
    assert "there is no service 'prizing'" in capsys.readouterr().err
