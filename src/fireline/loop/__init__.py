"""One tick, in order, on one page: hear, understand, contain, act, verify, learn. The rules are in the steps.

Every step reads the journal and appends to it; what is due is derived from what is written. A tick that died
anywhere is only done again.
"""

from __future__ import annotations

from collections.abc import Sequence

from fireline.loop.containing import confirm, contain
from fireline.loop.hearing import hear
from fireline.loop.house import House, Tell, report
from fireline.loop.understanding import understand
from fireline.loop.verifying import learn, verify
from fireline.terms.alert import Finding

__all__ = ["House", "Tell", "report", "tick"]


def tick(house: House, findings: Sequence[Finding]) -> None:
    """Everything that is due at the clock's instant, with the ``findings`` that became known then.

    A tick that died is done again at the same instant: what is written is passed over.
    """
    house.phase = 0
    hear(house, findings)
    house.each(understand)
    house.each(contain)
    house.act()
    house.each(confirm)
    house.each(verify)
    house.each(learn)
    report(house)
