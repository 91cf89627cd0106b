"""The guard: runs inside a model's process, needs nothing but Python, and never waits for the server.

Guard a function, give it a ladder to fall down, and let Fireline move the switch:

>>> from fireline.guard import Guard, Rung
>>> guard = Guard("pricing", url="", rungs=[
...     Rung("current", kind="current", version="B", call=lambda x: x * 2.0),
...     Rung("last known good", kind="last_known_good", version="A", call=lambda x: x * 1.9),
...     Rung("rules", kind="rules", call=lambda x: 1.0),
...     Rung("closed", kind="closed"),
... ])
>>> guard.call(3, key="req-1", segments={"country": "NL"}, features={"x": 3})
6.0
"""

from fireline.guard.asgi import GuardMiddleware
from fireline.guard.breaker import Breaker
from fireline.guard.decide import Decision
from fireline.guard.guard import Guard
from fireline.guard.heard import HeardClock
from fireline.guard.kept import ForgedSwitch, OldSwitch, signed
from fireline.guard.ladder import KINDS, Rung
from fireline.guard.outbox import Outbox
from fireline.guard.refused import BreakerOpen, OutOfWorkers, Refused

__all__ = [
    "KINDS",
    "Breaker",
    "BreakerOpen",
    "Decision",
    "ForgedSwitch",
    "Guard",
    "GuardMiddleware",
    "HeardClock",
    "OldSwitch",
    "OutOfWorkers",
    "Outbox",
    "Refused",
    "Rung",
    "signed",
]
