"""Passwords: argon2id, rules that people can follow, and a limit on guesses."""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from threading import Lock
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fireline.clock import Clock
from fireline.errors import InputError
from fireline.terms.people import User
from fireline.web.auth.hosts import neighbourhood

SHORTEST, LONGEST = 12, 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")

_hasher = PasswordHasher()
_nobody = _hasher.hash(secrets.token_urlsafe(16))


def is_name(text: str) -> bool:
    """Whether somebody could have that name."""
    return _NAME.fullmatch(text) is not None


def a_name(text: str) -> str:
    """``text`` as a person's name. Raises InputError when it cannot be one."""
    name = text.strip().lower()
    if not is_name(name):
        raise InputError(
            f"{text[:80]!r} cannot be a name",
            todo="use small letters, digits, dots, dashes and @, at most 64, such as ada or ada@example.org",
        )
    return name


def hashed(password: str, name: str = "") -> str:
    """The argon2id hash of a new password. Raises InputError when the password is too easy."""
    size = len(password)
    if size < SHORTEST:
        raise InputError(
            f"a password has at least {SHORTEST} characters",
            todo="take a few words that only you would put together",
        )
    if size > LONGEST:
        raise InputError(f"a password has at most {LONGEST} characters", todo="take a shorter one")
    if len(set(password)) < 5 or (name and name in password.lower() and size < len(name) + SHORTEST):
        raise InputError("this password is easy to guess", todo="leave your name and repeated letters out")
    return _hasher.hash(_same(password))


def fits(user: User | None, password: str) -> bool:
    """Whether ``password`` is the user's and the user may come in; it takes as long for an unknown name."""
    try:
        _hasher.verify(user.password_hash if user else _nobody, _same(password[: LONGEST + 1]))
    except (VerificationError, InvalidHashError):
        return False
    return user is not None and not user.disabled


def _same(password: str) -> str:
    """The password as every keyboard means it: an é may be typed as one character or as two."""
    return normalize("NFKC", password)


def is_old(user: User) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _hasher.check_needs_rehash(user.password_hash)


class Guesses:
    """How often somebody may try to sign in: by name from one address, by address, and by name in all.

    It is kept in memory: a server that starts again forgets. An attempt is counted before the password is
    looked at, so that many at once count as many.
    """

    WINDOW = timedelta(minutes=15)
    PAIR, ADDRESS, NAME = 5, 30, 60
    MOST = 20_000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tries: OrderedDict[tuple[str, str], deque[datetime]] = OrderedDict()
        self._lock = Lock()

    def attempt(self, name: str, address: str | None) -> int:
        """Count an attempt; 0 when it may go on, otherwise the seconds to wait."""
        now, near = self._clock.now(), neighbourhood(address)
        known_as = name.strip().lower()[:80]
        limits = {(known_as, near): self.PAIR, ("", near): self.ADDRESS, (known_as, ""): self.NAME}
        with self._lock:
            waits = [self._wait(key, most, now) for key, most in limits.items()]
            if any(waits):
                return max(waits)
            for key in limits:
                self._tries.setdefault(key, deque()).append(now)
                self._tries.move_to_end(key)
            while len(self._tries) > self.MOST:
                self._tries.popitem(last=False)
        return 0

    def right(self, name: str, address: str | None) -> None:
        """Forget the person's own failures: the password was right."""
        with self._lock:
            self._tries.pop((name.strip().lower()[:80], neighbourhood(address)), None)

    def _wait(self, key: tuple[str, str], most: int, now: datetime) -> int:
        tries = self._tries.get(key)
        if tries is None:
            return 0
        while tries and now - tries[0] >= self.WINDOW:
            tries.popleft()
        if len(tries) < most:
            return 0
        return int((tries[0] + self.WINDOW - now).total_seconds()) + 1
