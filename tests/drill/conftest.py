from collections.abc import Callable
from dataclasses import replace

import pytest

from fireline.drill.fault import Fault
from fireline.drill.worlds import World, generate
from tests.drill.looking import Look

WORLD = World(seed=3, days=4, reference_days=1.5, per_minute=10, features=12, label_hours=2)
LEAN = replace(WORLD, days=2, reference_days=0.7, per_minute=3, features=6, segments=2, harmless_deploys=0)


@pytest.fixture(scope="session")
def world() -> World:
    """Four days at ten requests a minute and twelve inputs, with labels after two hours."""
    return WORLD


@pytest.fixture(scope="session")
def healthy(world: World) -> Look:
    return Look(generate(world))


@pytest.fixture(scope="session")
def fitting(world: World, healthy: Look) -> Callable[[Fault], tuple[World, Look]]:
    """The world a fault can be played in, and its healthy log: a leaner one where it needs more."""
    made: dict[str, tuple[World, Look]] = {}

    def fit(fault: Fault) -> tuple[World, Look]:
        if not fault.needs:
            return world, healthy
        key = repr(sorted(fault.needs.items()))
        if key not in made:
            fitted = fault.fitted(LEAN)
            made[key] = fitted, Look(generate(fitted))
        return made[key]

    return fit
