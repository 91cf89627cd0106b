"""`fireline user` and `fireline token`: people with passwords, and keys for programs."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.table import Table

from fireline.cli import screen
from fireline.clock import SystemClock
from fireline.errors import InputError
from fireline.terms.people import LEVELS, Level, Scope, User

if TYPE_CHECKING:
    from fireline.store import Store
    from fireline.store.people import People

user = typer.Typer(
    help="""Who may sign in, and what they may do: viewer, responder or admin.

A viewer looks. A responder acts in incidents too. An admin also sees to people and tokens.
""",
    no_args_is_help=True,
)
token = typer.Typer(
    help="""Keys for programs: guards, loaders, scrapers.

A token is shown once, when it is made. The store keeps its hash only, so a lost one is revoked and made anew.
""",
    no_args_is_help=True,
)

DATA = Path("fireline-data")
FILE = "fireline.sqlite"

Data = Annotated[
    Path, typer.Option("--data", metavar="DIR", envvar="FIRELINE_DATA", help="The server's data folder.")
]
Db = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        envvar="FIRELINE_DB",
        help="The server's database, where it is not in the data folder: postgresql://user@host/name.",
        show_default=False,
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Their name, such as ada or ada@example.org.")]
FromInput = Annotated[
    bool,
    typer.Option("--password-stdin", metavar="", help="Read the password from standard input, one line."),
]


def opened(data: Path, db: str | None) -> Store:
    """The store the server uses. Raises StoreError when it cannot be opened."""
    if db is None and not (data / FILE).exists():
        data.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will hold the secret that signs switches
        screen.err().print(f"there is no store in {data} yet: made one", markup=False)
    from fireline.store import Store

    return Store.open(db if db is not None else data / FILE)


# People.


@user.command("add", epilog="Example: fireline user add ada --role responder")
def add(
    name: Name,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="viewer, responder or admin.")
    ] = "viewer",
    password_stdin: FromInput = False,
    data: Data = DATA,
    db: Db = None,
) -> None:
    """Let somebody sign in. The password is asked for, twice, and never a part of the command.

    From the first user on, a server on a loopback address asks everybody to sign in.
    """
    from fireline.web.auth.passwords import a_name, hashed

    level, name = _level(role), a_name(name)
    with opened(data, db) as store:
        people = _people(store)
        if level != "admin" and not people.any_user():
            raise InputError(
                "the first one has to see to the others", todo="make an admin first: --role admin"
            )
        password = _password(name, password_stdin)
        people.add_user(User(name, level, hashed(password, name), SystemClock().now()))
    screen.out().print(f"{name} may sign in as {level}", markup=False)


@user.command("list", epilog="Example: fireline user list --data fireline-data")
def listed(data: Data = DATA, db: Db = None) -> None:
    """Everybody who was ever let in: nobody is deleted, since the timelines still name them."""
    with opened(data, db) as store:
        people = _people(store).users()
    table = _table("name", "role", "since", "")
    for one in people:
        table.add_row(one.name, one.role, _day(one.created_at), "disabled" if one.disabled else "")
    screen.out().print(table if people else "nobody yet: fireline user add NAME --role admin")


@user.command("role", epilog="Example: fireline user role ada admin")
def role(
    name: Name,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, responder or admin.")],
    data: Data = DATA,
    db: Db = None,
) -> None:
    """Change what somebody may do; it holds from their next click on."""
    level, name = _level(role), name.lower()
    with opened(data, db) as store:
        _people(store).change_user(name, role=level)
    screen.out().print(f"{name} is {level} now", markup=False)


@user.command("disable", epilog="Example: fireline user disable ada")
def disable(
    name: Name,
    back: Annotated[
        bool, typer.Option("--undo", metavar="", help="Let them in again; they sign in anew.")
    ] = False,
    data: Data = DATA,
    db: Db = None,
) -> None:
    """Keep somebody out: their sessions end at once, and their password does not work any more."""
    name = name.lower()
    with opened(data, db) as store:
        _people(store).change_user(name, disabled=not back)
    screen.out().print(f"{name} may sign in again" if back else f"{name} is out", markup=False)


@user.command("password", epilog="Example: fireline user password ada")
def password(name: Name, password_stdin: FromInput = False, data: Data = DATA, db: Db = None) -> None:
    """Set a new password for somebody who forgot theirs; it signs them out everywhere."""
    from fireline.web.auth.passwords import hashed

    name = name.lower()
    new = hashed(_password(name, password_stdin), name)
    with opened(data, db) as store:
        _people(store).change_user(name, password_hash=new)
    screen.out().print(f"{name} has a new password", markup=False)


# Tokens.


@token.command(
    "create", epilog="Example: fireline token create pricing-guard --scope guard --service pricing"
)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, such as pricing-guard.")],
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="guard (events and switches of one service), ingest, switches, viewer, responder or admin.",
        ),
    ],
    service: Annotated[
        str | None,
        typer.Option(
            "--service",
            metavar="NAME",
            help="The one service it is for; every service unless said.",
            show_default=False,
        ),
    ] = None,
    data: Data = DATA,
    db: Db = None,
) -> None:
    """Make a token and show it, once, as lines for a program's environment.

    For a guard there is also the service's switch key: with it the guard knows a forged switch. Standard
    output has those lines and nothing else: they can go straight into a file or a secret store.
    """
    from fireline.web.auth.tokens import make

    made, text = make(name, cast(Scope, scope), service, SystemClock().now())
    lines = [f"FIRELINE_TOKEN={text}"]
    with opened(data, db) as store:
        if made.scope == "guard" and made.service:
            from fireline.live.keys import switch_key

            lines.append(f"FIRELINE_SWITCH_KEY={switch_key(store, made.service)}")
        _people(store).add_token(made)
    for line in lines:
        typer.echo(line)
    whose = f" of {made.service}" if made.service else ""
    screen.err().print(f"{made.name}: {made.scope}{whose}; it is not shown again", markup=False)


@token.command("list", epilog="Example: fireline token list --all")
def tokens(
    every: Annotated[bool, typer.Option("--all", metavar="", help="Revoked ones too.")] = False,
    data: Data = DATA,
    db: Db = None,
) -> None:
    """The tokens there are, what each is for, and when it was used last."""
    with opened(data, db) as store:
        found = [one for one in _people(store).tokens() if every or one.revoked_at is None]
    table = _table("name", "id", "scope", "service", "made", "last used", "")
    for one in found:
        used = _minute(one.last_used_at) if one.last_used_at else "never"
        end = f"revoked {_day(one.revoked_at)}" if one.revoked_at else ""
        table.add_row(one.name, one.id, one.scope, one.service or "all", _day(one.created_at), used, end)
    screen.out().print(table if found else "none yet: fireline token create --help")


@token.command("revoke", epilog="Example: fireline token revoke pricing-guard")
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, or its id.")],
    data: Data = DATA,
    db: Db = None,
) -> None:
    """End a token for good. A server refuses it after half a minute at the latest.

    A guard whose token is revoked goes on serving and says that it does not hear Fireline any more.
    """
    with opened(data, db) as store:
        gone = _people(store).revoke_token(name, SystemClock().now())
    screen.out().print(f"{gone.name} ({gone.id}) is revoked", markup=False)


def _people(store: Store) -> People:
    from fireline.store.people import People

    return People(store)


def _level(text: str) -> Level:
    for level in LEVELS:
        if text == level:
            return level
    raise typer.BadParameter(f"{text!r} is no role: {', '.join(LEVELS)}", param_hint="ROLE")


def _password(name: str, from_input: bool) -> str:
    """A new password, from people twice and from a pipe once."""
    if from_input or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt(f"Password for {name}", hide_input=True, confirmation_prompt="The same again"))


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
