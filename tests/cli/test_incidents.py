"""The incident commands as people type them, against a real server process."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fireline.cli.entry import main
from fireline.clock import iso
from fireline.terms.incident import State
from tests.support.listening import free_port
from tests.support.living import BEGIN, SERVICE, Living, write_book

Type = Callable[..., int]
Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def burnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A runbook, the state of a server whose incident asks for a rollback, and the incident's id."""
    folder = tmp_path_factory.mktemp("burnt")
    book = write_book(folder / "book")
    promise = "slos:\n  - {name: answers, indicator: availability, objective: 0.98}\n"
    book.write_text(book.read_text() + promise)
    one = Living(book, folder / "state")
    one.play(BEGIN + timedelta(hours=2), traffic=one.guarded())
    while not one.store.incidents():
        one.play(one.clock.now() + timedelta(minutes=12), traffic=one.guarded("B"))
    assert one.incident.state is State.CONTAINING
    found = one.book, one.folder, one.incident.id
    one.running.stop()
    one.store.close()
    return found


class Server:
    """`fireline serve` in a process of its own."""

    def __init__(self, book: Path, data: Path, *more: str) -> None:
        port = free_port()
        self.url, self.data = f"http://127.0.0.1:{port}", data
        self.log = (data.parent / "server.log").open("wb")
        self.process = subprocess.Popen(
            [Path(sys.executable).parent / "fireline", "serve", book, "--data", data, "--port", str(port),
             "--drill-clock", iso(BEGIN), *more],
            stdout=self.log, stderr=self.log, env=os.environ | {"NO_COLOR": "1"},
        )  # fmt: skip
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=10).close()
                return
            except OSError:
                assert self.process.poll() is None, (data.parent / "server.log").read_text()
                assert time.monotonic() < until, "the server did not start"
                time.sleep(0.1)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.log.close()
        print(
            (self.data.parent / "server.log").read_text(errors="replace")[-3000:]
        )  # shown where a test fails


@pytest.fixture(scope="module")
def server(burnt: tuple[Path, Path, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = shutil.copytree(burnt[1], tmp_path_factory.mktemp("served") / "state")
    made = Server(burnt[0], data)
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("FIRELINE_URL", "FIRELINE_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def said(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> Callable[..., tuple[int, str]]:
    """Type a command; its exit code and everything it says."""
    monkeypatch.setenv("FIRELINE_URL", server.url)

    def one(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(list(arguments))
        seen = capsys.readouterr()
        return code, seen.out + seen.err

    return one


def test_the_story_of_an_incident_as_it_is_typed(
    said: Any, burnt: tuple[Path, Path, str], server: Server
) -> None:
    """One server, one incident: each command finds what the one before it left."""
    incident = burnt[2]
    short = incident[:8]
    code, text = said("incidents")
    assert code == 0
    assert incident in text
    assert "containing" in text
    assert "rollback: asked" in text
    code, text = said("incidents", "--service", "other")
    assert code == 2, "a typing error is no quiet service"
    assert "there is no service 'other'" in text

    code, text = said("slo", "status", SERVICE)
    assert code == 1, "its promise is broken"
    assert re.search(r"answers +-\d+\.\d % .* broken", text)
    assert (code, text) == said("slo", "status", str(burnt[0]), "--server", server.url)
    assert json.loads(said("slo", "status", SERVICE, "--json")[1])[0]["bad"] > 0

    code, text = said("show", short)
    assert code == 0
    answer = f"fireline approve {incident}"
    for part in (
        "SEV1",
        SERVICE,
        "began between",
        "deploy (",
        "roll back B to A",
        answer,
        "Timeline",
        "next: ",
    ):
        assert part in text, part
    assert said("show", incident.removeprefix("inc-")[:5])[1] == text
    assert said("show", incident[:-1])[1] == text, "all but one letter is still a beginning"

    code, text = said("ack", short, "-m", "on it")
    assert (code, "on it" in text) == (0, True)
    code, text = said("note", short, "asked the data team")
    assert (code, text) == (0, f"{incident} is containing: asked the data team\n")

    code, text = said("undo", short)
    assert code != 0
    assert "no measure that is applied or confirmed" in text
    code, text = said("approve", short, "--measure", "msr-none")
    assert code != 0
    assert "knows no measure msr-none" in text
    code, text = said("approve", short, "-m", "go")
    assert code == 0
    assert "Told the data plane: 100% of all calls to version A." in text

    code, text = said("keep", short)
    assert code != 0
    code, text = said("undo", short, "-m", "B is fixed")
    assert code == 0
    code, text = said("resolve", short)
    assert code != 0
    assert "->" in text
    code, text = said("show", short)
    assert "(operator)" in text, "who is on this machine is the operator"
    assert "restore" in text

    code, text = said("declare", SERVICE, "prices look absurd", "--severity", "sev2")
    assert code == 0
    other = text.split()[0]
    assert re.fullmatch(r"inc-[0-9a-f]{10} is triaging: prices look absurd\n", text)
    code, text = said("resolve", other)
    assert code != 0
    assert "say why it is no incident" in text
    code, text = said("resolve", other, "-m", "the campaign was planned")
    assert (code, text) == (0, f"{other} is declined: the campaign was planned\n")
    assert other not in said("incidents")[1]
    assert other in said("incidents", "--all")[1]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("show", "inc-zzz"), "no incident begins with 'inc-zzz'"),
        (("show", "inc-z"), "see `fireline incidents --all`"),
        (("show", "inc-0123456789"), "there is no incident inc-0123456789"),
        (("show", "inc-../../metrics"), "no incident begins"),
        (("ack", "x?y=1"), "no incident begins"),
        (("declare", "other", "x"), "there is no service 'other' here"),
        (("declare", SERVICE, "x", "--severity", "SEV9"), "there is no severity 'SEV9'"),
        (("declare", SERVICE, " "), "an incident needs a title"),
        (("note", "inc-zzz", "x"), "no incident begins"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(said: Any, arguments: tuple[str, ...], part: str) -> None:
    code, text = said(*arguments)
    assert code != 0
    assert re.search(part, text), text
    assert "Traceback" not in text


def test_no_server_is_an_error_that_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    for command in (("incidents",), ("show", "inc-1"), ("ack", "inc-0123456789"), ("declare", SERVICE, "x")):
        assert main([*command, "--url", url]) != 0
        text = capsys.readouterr().err
        assert "no Fireline answers" in text
        assert "fireline serve" in text
    for url in ("nonsense", "file:///etc/passwd", "ftp://example.org"):
        assert main(["incidents", "--url", url]) != 0
        assert "is no address of a server" in capsys.readouterr().err


def test_where_people_sign_in_a_command_needs_a_token(
    burnt: tuple[Path, Path, str], tmp_path: Path, capsys: Output
) -> None:
    data = shutil.copytree(burnt[1], tmp_path / "state")
    made: dict[str, str] = {}
    for scope in ("viewer", "responder"):
        assert main(["token", "create", f"{scope}-desk", "--scope", scope, "--data", str(data)]) == 0
        found = re.search(r"FIRELINE_TOKEN=(\S+)", capsys.readouterr().out)
        assert found is not None
        made[scope] = found[1].strip("'\"")
    server = Server(burnt[0], data, "--auth")
    try:
        assert main(["incidents", "--url", server.url]) != 0
        assert "TOKEN" in capsys.readouterr().err
        assert main(["show", burnt[2], "--url", server.url, "--token", made["viewer"]]) == 0
        capsys.readouterr()
        assert main(["ack", burnt[2], "--url", server.url, "--token", made["viewer"]]) != 0
        assert "responder" in capsys.readouterr().err
        assert main(["ack", burnt[2], "--url", server.url, "--token", made["responder"]]) == 0
        assert "responder-desk has it." in capsys.readouterr().out
        assert main(["incidents", "--url", server.url, "--token", "flt_wrong"]) != 0
    finally:
        server.stop()
