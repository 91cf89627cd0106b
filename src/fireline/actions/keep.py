"""Keep: make permanent what a measure did, so that it does not end by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fireline.actions import Hands, put, word
from fireline.terms.measure import Measure
from fireline.terms.switch import Switch


class Keep:
    """The routes of ``measure`` stay until somebody takes them off.

    Its receipt names the measure under ``kept``, and act writes that one down as kept. Nothing takes a keep
    back: what was kept is itself taken back.

    >>> Keep().dry_run({"measure": "msr-1"})
    'Make measure msr-1 permanent: it no longer ends by itself.'
    """

    name = "keep"

    def check(self, params: Mapping[str, Any]) -> None:
        word(params, "measure", self.name)

    def dry_run(self, params: Mapping[str, Any]) -> str:
        return f"Make measure {params['measure']} permanent: it no longer ends by itself."

    def inverse(self, params: Mapping[str, Any], before: Switch | None) -> Mapping[str, Any]:
        return {}

    def expected(self, params: Mapping[str, Any]) -> str:
        return f"Calls go on as they do under measure {params['measure']}, for good."

    def perform(self, hands: Hands, measure: Measure, key: str) -> Mapping[str, Any]:
        self.check(measure.params)
        kept = str(measure.params["measure"])
        before = hands.switches.current(measure.service)
        theirs = tuple(r for r in (before.routes if before else ()) if r.measure == kept)
        stay = tuple(replace(route, expires_at=None) for route in theirs)
        return {**put(hands, measure, key, add=stay), "kept": kept}


ACTION = Keep()
