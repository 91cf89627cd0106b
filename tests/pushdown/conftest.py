"""Every engine that can run here, for what each of them must do alike."""

from __future__ import annotations

import pytest

from fireline.telemetry.pushdown.dialects import dialects
from tests.pushdown.places import why_not

# Spark compiles each statement for seconds: its part runs with the soak tests.
SLOW = {"spark": [pytest.mark.soak]}


@pytest.fixture(params=[pytest.param(name, marks=SLOW.get(name, [])) for name in sorted(dialects())])
def sql(request):
    reason = why_not(request.param)
    if reason:
        pytest.skip(reason)
    return dialects()[request.param]
