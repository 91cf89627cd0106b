"""Fake hands that remember: a data plane that obeys switches, a pager, a lake of files, a source of batches.

They stand for what lives outside the process and survives its death. Each answers a repeated idempotency key
as the real one must, and counts what really happened, so that a test can see anything done twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from fireline.terms.switch import StaleSwitch, Switch, Told


@dataclass(frozen=True, slots=True)
class Obeyed:
    """One change the data plane really made: which switch, under which key."""

    switch: Switch
    key: str


@dataclass
class FakeDataPlane:
    """A switch board and what obeys it. ``obeyed`` is everything that really changed, in order."""

    obeyed: list[Obeyed] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)

    def current(self, service: str) -> Switch | None:
        """The switch that is out for ``service``."""
        return next((o.switch for o in reversed(self.obeyed) if o.switch.service == service), None)

    def put(self, switch: Switch, key: str) -> Told:
        """Obey ``switch`` once per ``key``; a version that is not above the one that is out is refused."""
        self.asked[key] += 1
        for known in self.obeyed:
            if known.key == key:
                return Told(known.switch.version, True, f"Had been told already: {known.switch}.")
        now = self.current(switch.service)
        if now is not None and switch.version <= now.version:
            raise StaleSwitch(
                f"switch {switch.version} of {switch.service} comes too late: {now.version} is out",
                todo="request it anew if it is still wanted",
            )
        self.obeyed.append(Obeyed(switch, key))
        return Told(switch.version, False, f"Told the data plane: {switch}.")

    def effects(self) -> Counter[str]:
        """How often each measure really changed something."""
        return Counter(o.key for o in self.obeyed)


@dataclass
class FakePager:
    """Rings people. ``rang`` counts how often each key really rang."""

    rang: Counter[str] = field(default_factory=Counter)

    def ring(self, key: str, words: str) -> bool:
        """Ring once per ``key``; False when it had rung before."""
        if self.rang[key]:
            return False
        self.rang[key] += 1
        return True


@dataclass
class FakeLake:
    """Files by name; writing one again replaces it."""

    files: dict[str, bytes] = field(default_factory=dict)

    def write(self, name: str, body: bytes) -> None:
        """Put a file there, whole."""
        self.files[name] = body


@dataclass
class FakeOutbox:
    """Batches a sender keeps until they are acknowledged: what is not acknowledged is sent again."""

    waiting: dict[str, bytes] = field(default_factory=dict)
    acknowledged: list[str] = field(default_factory=list)

    def offered(self) -> list[tuple[str, bytes]]:
        """Batches not acknowledged yet, oldest first."""
        return list(self.waiting.items())

    def acknowledge(self, batch: str) -> None:
        """The receiver says that it has ``batch`` for good: the sender forgets it."""
        if self.waiting.pop(batch, None) is not None:
            self.acknowledged.append(batch)


@dataclass
class Tripwire:
    """Wraps any hand: ``before`` and ``after`` are called around every call of its methods, with the call's
    name."""

    hand: object
    name: str
    before: Callable[[str], None]
    after: Callable[[str], None]

    def __getattr__(self, method: str) -> Callable[..., object]:
        real = getattr(self.hand, method)

        def call(*args: object, **named: object) -> object:
            self.before(f"{self.name}.{method}")
            found = real(*args, **named)
            self.after(f"{self.name}.{method}")
            return found

        return call
