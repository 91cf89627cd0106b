import pytest

from fireline.drill.worlds import World, generate
from tests.drill.looking import Look

WORLD = World(seed=3, days=4, reference_days=1.5, per_minute=10, features=12, label_hours=2)


@pytest.fixture(scope="session")
def world() -> World:
    """Four days at ten requests a minute and twelve inputs, with labels after two hours."""
    return WORLD


@pytest.fixture(scope="session")
def healthy(world: World) -> Look:
    return Look(generate(world))
