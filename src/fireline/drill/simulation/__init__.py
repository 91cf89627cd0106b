"""The simulation: Fireline's processes over one store, stopped anywhere, again and again, from one seed.

Several processes run on one SQLite file, one at a time, and change places where real ones could. Any of them
may be stopped before or after any write and any call of a hand; its memory is gone, and it starts again from
the store. Afterwards the invariants must hold. The same seed plays the same run: ``python -m
fireline.drill.simulation --seed N``.

To put another process on the stage (the loop itself, say), write a function that takes a `Life` and pass it
in:

    simulate(seed, cast=(*CAST, Part("loop", lambda life: ...)))
    simulate(seed, cast=(Part("replay", ...),), invariants=(...,), settled=lambda scene, store: ...)
"""

from fireline.drill.simulation.cast import CAST, Part
from fireline.drill.simulation.fate import Crash, Fate
from fireline.drill.simulation.invariants import INVARIANTS
from fireline.drill.simulation.play import Outcome, Theatre, simulate
from fireline.drill.simulation.scene import Life, Scene

__all__ = ["CAST", "INVARIANTS", "Crash", "Fate", "Life", "Outcome", "Part", "Scene", "Theatre", "simulate"]
