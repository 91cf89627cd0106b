"""Settings for every test: how hard hypothesis looks, and no time limit per example (CI machines differ); a
store's tables are migrated once."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

_SLOW_DRAWS = [HealthCheck.too_slow, HealthCheck.data_too_large]

# FIRELINE_HYPOTHESIS=thorough looks harder; `make soak` sets it.
settings.register_profile(
    "default", max_examples=40, deadline=None, derandomize=True, suppress_health_check=_SLOW_DRAWS
)
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=_SLOW_DRAWS)
settings.load_profile(os.environ.get("FIRELINE_HYPOTHESIS", "default"))


@pytest.fixture(scope="session", autouse=True)
def _migrated_once() -> Iterator[None]:
    from fireline.store import migrate
    from tests.support.tables import once

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "_upgrade", once(migrate._upgrade))
        yield
