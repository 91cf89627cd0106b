"""People, their sessions, and tokens: rows in and out, each call a transaction of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from fireline.clock import from_micros, micros
from fireline.errors import StoreError
from fireline.store import memory
from fireline.store.connect import QUESTION, READING
from fireline.store.locks import hold
from fireline.store.refusals import in_words
from fireline.store.store import Store
from fireline.store.tables import sessions, tokens, users
from fireline.terms.people import Level, Session, Token, User

SETUP = "auth.setup"
"""The state that keeps the hash of the one-time setup link."""

_SESSION = (
    sa.select(sessions, users.c.role, users.c.password_hash, users.c.disabled)
    .add_columns(users.c.created_at.label("since"))
    .join(users, users.c.name == sessions.c.user)
    .where(sessions.c.id_hash == sa.bindparam("of"))
)
_TOKEN = sa.select(tokens).where(tokens.c.id == sa.bindparam("of"))
_USER = sa.select(users).where(users.c.name == sa.bindparam("of"))


class People:
    """Who may come in, as the store knows it. Hashes only: no password and no token is ever kept."""

    def __init__(self, store: Store) -> None:
        self._database = store.database

    @contextmanager
    def _reads(self) -> Iterator[sa.Connection]:
        with in_words(), self._database.connect().execution_options(**{READING: QUESTION}) as connection:
            yield connection

    @contextmanager
    def _writes(self) -> Iterator[sa.Connection]:
        with in_words(), self._database.begin() as connection:
            yield connection

    # People.

    def users(self) -> list[User]:
        """Everybody, by name."""
        with self._reads() as connection:
            return [_user(row) for row in connection.execute(sa.select(users).order_by(users.c.name))]

    def any_user(self) -> bool:
        """Whether anybody was ever made, disabled or not."""
        with self._reads() as connection:
            return _anybody(connection)

    def user(self, name: str) -> User | None:
        """The person of that name, or None."""
        with self._reads() as connection:
            row = connection.execute(_USER, {"of": name}).first()
        return _user(row) if row is not None else None

    def add_user(self, user: User) -> None:
        """Keep a new person. Raises StoreError when the name is taken."""
        with self._writes() as connection:
            hold(connection, "people", "users")
            if connection.execute(_USER, {"of": user.name}).first() is not None:
                raise StoreError(
                    f"there is somebody called {user.name} already",
                    todo="choose another name, or change that person's role or password",
                )
            connection.execute(users.insert(), asdict(user) | {"created_at": micros(user.created_at)})

    def change_user(
        self,
        name: str,
        *,
        role: Level | None = None,
        disabled: bool | None = None,
        password_hash: str | None = None,
    ) -> None:
        """Change what is given. A new password, and being disabled, end the person's sessions.

        Raises StoreError when nobody has that name, or when no admin would be left.
        """
        given = {"role": role, "disabled": disabled, "password_hash": password_hash}
        values = {key: value for key, value in given.items() if value is not None}
        with self._writes() as connection:
            hold(connection, "people", "users")
            if not values or connection.execute(_USER, {"of": name}).first() is None:
                raise StoreError(
                    f"there is nobody called {name}", todo="`fireline user list` names everybody"
                )
            connection.execute(users.update().where(users.c.name == name).values(values))
            if (disabled or role not in (None, "admin")) and not _admins(connection):
                raise StoreError(
                    f"{name} is the only admin, and somebody has to see to people",
                    todo="make another admin first: `fireline user role NAME admin`",
                )
            if disabled or password_hash is not None:
                connection.execute(sessions.delete().where(sessions.c.user == name))

    def rehash(self, name: str, was: str, password_hash: str) -> None:
        """Keep the same password under a newer hash, unless it was changed meanwhile; sessions stay."""
        same = users.c.name == name, users.c.password_hash == was
        with self._writes() as connection:
            connection.execute(users.update().where(*same).values(password_hash=password_hash))

    # The first admin.

    def put_setup(self, token_hash: str, until: datetime) -> None:
        """Let whoever knows the token behind ``token_hash`` make the first admin before ``until``."""
        body = json.dumps({"hash": token_hash, "until": micros(until)}).encode()
        with self._writes() as connection:
            memory.put_state(connection, SETUP, 0, body)

    def setup_open(self, token_hash: str, at: datetime) -> bool:
        """Whether that token may still make the first admin."""
        with self._reads() as connection:
            return _setup_open(connection, token_hash, at)

    def first_admin(self, token_hash: str, user: User) -> bool:
        """Make ``user``, who must be the first of all, and use the setup token up; False when it is not
        valid."""
        with self._writes() as connection:
            hold(connection, "people", "users")
            if not _setup_open(connection, token_hash, user.created_at):
                return False
            connection.execute(users.insert(), asdict(user) | {"created_at": micros(user.created_at)})
            memory.put_state(connection, SETUP, 0, b"")
            return True

    # Sessions.

    def add_session(self, session: Session, instead_of: str = "") -> None:
        """Keep a new session, end the one it takes the place of, and forget those that have run out."""
        times = {name: micros(getattr(session, name)) for name in ("created_at", "seen_at", "expires_at")}
        over = sa.or_(sessions.c.id_hash == instead_of, sessions.c.expires_at <= times["created_at"])
        with self._writes() as connection:
            connection.execute(sessions.delete().where(over))
            connection.execute(sessions.insert(), asdict(session) | times)

    def session(self, id_hash: str) -> tuple[Session, User] | None:
        """The session of that hash and whose it is, as they stand now; None when it is not known."""
        with self._reads() as connection:
            row = connection.execute(_SESSION, {"of": id_hash}).first()
        if row is None:
            return None
        times = (from_micros(row.created_at), from_micros(row.seen_at), from_micros(row.expires_at))
        user = User(row.user, row.role, row.password_hash, from_micros(row.since), row.disabled)
        return Session(row.id_hash, row.user, row.csrf, *times), user

    def saw_session(self, id_hash: str, at: datetime) -> None:
        """Say that the session was used at ``at``."""
        with self._writes() as connection:
            connection.execute(
                sessions.update().where(sessions.c.id_hash == id_hash).values(seen_at=micros(at))
            )

    def end_session(self, id_hash: str) -> None:
        """Forget a session."""
        with self._writes() as connection:
            connection.execute(sessions.delete().where(sessions.c.id_hash == id_hash))

    # Tokens.

    def tokens(self) -> list[Token]:
        """Every token ever made, oldest first."""
        with self._reads() as connection:
            query = sa.select(tokens).order_by(tokens.c.created_at, tokens.c.id)
            return [_token(row) for row in connection.execute(query)]

    def token(self, id: str) -> Token | None:
        """The token with that id, or None."""
        with self._reads() as connection:
            row = connection.execute(_TOKEN, {"of": id}).first()
        return _token(row) if row is not None else None

    def add_token(self, token: Token) -> None:
        """Keep a new token. Raises StoreError when one of that name is still valid."""
        with self._writes() as connection:
            hold(connection, "people", "tokens")
            valid = tokens.c.name == token.name, tokens.c.revoked_at.is_(None)
            if connection.execute(sa.select(tokens.c.id).where(*valid)).first() is not None:
                raise StoreError(
                    f"there is a token called {token.name} already",
                    todo=f"choose another name, or revoke it: `fireline token revoke {token.name}`",
                )
            times = {"created_at": micros(token.created_at), "last_used_at": None, "revoked_at": None}
            connection.execute(tokens.insert(), asdict(token) | times)

    def revoke_token(self, name_or_id: str, at: datetime) -> Token:
        """End a valid token for good. Raises StoreError when there is none of that name or id."""
        named = sa.or_(tokens.c.id == name_or_id, tokens.c.name == name_or_id)
        with self._writes() as connection:
            query = sa.select(tokens).where(named, tokens.c.revoked_at.is_(None))
            row = connection.execute(query).first()
            if row is None:
                raise StoreError(
                    f"no valid token is called {name_or_id}", todo="`fireline token list` names them all"
                )
            change = tokens.update().where(tokens.c.id == row.id).values(revoked_at=micros(at))
            connection.execute(change)
            return _token(row)

    def used_token(self, id: str, at: datetime) -> None:
        """Say that the token was used at ``at``."""
        with self._writes() as connection:
            connection.execute(tokens.update().where(tokens.c.id == id).values(last_used_at=micros(at)))


def _user(row: Any) -> User:
    return User(row.name, row.role, row.password_hash, from_micros(row.created_at), row.disabled)


def _token(row: Any) -> Token:
    last, revoked = (
        from_micros(value) if value is not None else None for value in (row.last_used_at, row.revoked_at)
    )
    made = from_micros(row.created_at)
    return Token(row.id, row.name, row.scope, row.service, row.hash, made, last, revoked)


def _anybody(connection: sa.Connection) -> bool:
    return connection.execute(sa.select(users.c.name).limit(1)).first() is not None


def _admins(connection: sa.Connection) -> bool:
    able = users.c.role == "admin", users.c.disabled.is_(False)
    return connection.execute(sa.select(users.c.name).where(*able).limit(1)).first() is not None


def _setup_open(connection: sa.Connection, token_hash: str, at: datetime) -> bool:
    kept = memory.get_state(connection, SETUP)
    if kept is None or not kept.body or _anybody(connection):
        return False
    said = json.loads(kept.body)
    return bool(said["hash"] == token_hash and micros(at) < said["until"])
