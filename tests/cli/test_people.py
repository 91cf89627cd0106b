"""`fireline user` and `fireline token`, as people type them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from fireline.cli.entry import main
from fireline.live.keys import switch_key
from fireline.store import Store
from fireline.store.people import People
from fireline.web.auth.passwords import fits
from fireline.web.auth.tokens import digest, parse

Output = pytest.CaptureFixture[str]
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch):
    def one(*arguments: str, password: str = PASSWORD) -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
        return main([*arguments, "--data", "data"])

    return one


def people() -> People:
    return People(Store.open("data/fireline.sqlite"))


def test_people_are_let_in_changed_and_kept_out(type_in, capsys: Output) -> None:
    assert type_in("user", "list") == 0
    assert "nobody yet" in capsys.readouterr().out
    assert type_in("user", "add", "Ada", "--role", "admin") == 0
    assert type_in("user", "add", "bob") == 0
    capsys.readouterr()
    bob = people().user("bob")
    assert bob is not None
    assert (bob.role, fits(bob, PASSWORD)) == ("viewer", True)
    assert type_in("user", "role", "bob", "responder") == 0
    assert type_in("user", "password", "bob", password="an altogether different one") == 0
    assert type_in("user", "disable", "bob") == 0
    assert type_in("user", "list") == 0
    listed = capsys.readouterr().out
    assert re.search(r"ada +admin +\d{4}-\d\d-\d\d", listed)
    assert re.search(r"bob +responder +\S+ +disabled", listed)
    assert "argon2" not in listed
    assert type_in("user", "disable", "bob", "--undo") == 0
    bob = people().user("bob")
    assert bob is not None
    assert fits(bob, "an altogether different one")


@pytest.mark.parametrize(
    ("arguments", "password", "said"),
    [
        (("user", "add", "eve"), PASSWORD, "make an admin first"),
        (("user", "add", "e v e", "--role", "admin"), PASSWORD, "cannot be a name"),
        (("user", "add", "eve", "--role", "root"), PASSWORD, "viewer, responder, admin"),
        (("user", "add", "eve", "--role", "admin"), "short", "at least 12 characters"),
        (("user", "role", "eve", "viewer"), PASSWORD, "user list"),
        (("token", "create", "t", "--scope", "guard"), "", "--service NAME"),
        (("token", "create", "t", "--scope", "everything"), "", "choose one of"),
        (("token", "revoke", "t"), "", "token list"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(
    type_in, capsys: Output, arguments: tuple[str, ...], password: str, said: str
) -> None:
    assert type_in(*arguments, password=password) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert PASSWORD not in told.err
    assert told.out == ""


def test_a_guards_token_is_printed_once_with_the_key_of_its_service(type_in, capsys: Output) -> None:
    assert type_in("token", "create", "edge 1", "--scope", "guard", "--service", "pricing") == 0
    lines = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    assert sorted(lines) == ["FIRELINE_SWITCH_KEY", "FIRELINE_TOKEN"]
    with Store.open("data/fireline.sqlite") as store:
        assert lines["FIRELINE_SWITCH_KEY"] == switch_key(store, "pricing")
    named = parse(lines["FIRELINE_TOKEN"])
    assert named is not None
    token = people().token(named[0])
    assert token is not None
    assert (token.name, token.scope, token.service, token.hash) == (
        "edge 1",
        "guard",
        "pricing",
        digest(named[1]),
    )
    assert type_in("token", "list") == 0
    listed = capsys.readouterr().out
    assert re.search(r"edge 1 +[0-9a-f]{12} +guard +pricing .* never", listed)
    assert named[1] not in listed


def test_other_tokens_come_without_a_key_and_end_when_revoked(type_in, capsys: Output) -> None:
    assert type_in("token", "create", "prometheus", "--scope", "viewer") == 0
    assert "SWITCH_KEY" not in capsys.readouterr().out
    assert type_in("token", "create", "prometheus", "--scope", "viewer") == 2
    assert type_in("token", "revoke", "prometheus") == 0
    assert type_in("token", "list") == 0
    assert "none yet" in capsys.readouterr().out
    assert type_in("token", "list", "--all") == 0
    assert "revoked" in capsys.readouterr().out
    assert type_in("token", "create", "prometheus", "--scope", "viewer") == 0


def test_a_database_by_its_address_is_used_instead_of_the_folder(type_in, capsys: Output) -> None:
    assert main(["token", "create", "t", "--scope", "ingest", "--db", "sqlite:///other.sqlite"]) == 0
    assert Path("other.sqlite").exists()
    assert not Path("fireline-data").exists()
