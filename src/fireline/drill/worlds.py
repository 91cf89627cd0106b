"""Synthetic services with a known truth: a seed and a few numbers in; events, labels, changes and the truth
out.

>>> world = World(seed=7, days=2, reference_days=1, per_minute=1, features=4, segments=2)
>>> log = generate(world)
>>> log.events.num_rows > 2000, log.truth["fault"]
(True, None)

Faults come from ``fireline.drill.faults``: ``faults()["null_jump"].play(world)`` is the same world with the
fault.
"""

from fireline.drill.recording import Log, generate
from fireline.drill.world import Rollout, Surge, World, canary
from fireline.drill.writing import write

__all__ = ["Log", "Rollout", "Surge", "World", "canary", "generate", "write"]
