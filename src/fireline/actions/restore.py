"""Restore: take back what a measure did, and leave what other measures did alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fireline.actions import Hands, put, word
from fireline.terms.measure import Measure
from fireline.terms.switch import Switch


class Restore:
    """The routes of ``measure`` are taken off; ``was`` says how calls went before it.

    Its receipt names the measure under ``undid``, and act writes that one down as undone. What undoes a
    restore is the measure it took back, requested anew.

    >>> Restore().dry_run({"measure": "msr-1", "was": "all calls the usual way"})
    'Take back measure msr-1: all calls the usual way.'
    """

    name = "restore"

    def check(self, params: Mapping[str, Any]) -> None:
        word(params, "measure", self.name)

    def dry_run(self, params: Mapping[str, Any]) -> str:
        was = f": {params['was']}" if params.get("was") else ""
        return f"Take back measure {params['measure']}{was}."

    def inverse(self, params: Mapping[str, Any], before: Switch | None) -> Mapping[str, Any]:
        return {}

    def expected(self, params: Mapping[str, Any]) -> str:
        return (
            f"Calls go as they did before measure {params['measure']}, and nothing that was well gets worse."
        )

    def perform(self, hands: Hands, measure: Measure, key: str) -> Mapping[str, Any]:
        self.check(measure.params)
        undone = measure.params["measure"]
        return {**put(hands, measure, key, drop=undone), "undid": undone}


ACTION = Restore()
