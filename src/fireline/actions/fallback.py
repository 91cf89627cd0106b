"""Fallback: answer calls from a lower rung of the ladder (a simpler model, a cache, rules)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fireline.actions import Hands, put, restoring, segment, whom, word
from fireline.terms.measure import Measure
from fireline.terms.switch import Route, Switch


class Fallback:
    """Calls (of one ``segment``, where given) are answered by ``rung``.

    >>> Fallback().dry_run({"rung": "rules"})
    'Answer all calls from rung rules.'
    """

    name = "fallback"

    def check(self, params: Mapping[str, Any]) -> None:
        word(params, "rung", self.name)
        segment(params, self.name)

    def dry_run(self, params: Mapping[str, Any]) -> str:
        return f"Answer {whom(params)} from rung {params['rung']}."

    def inverse(self, params: Mapping[str, Any], before: Switch | None) -> Mapping[str, Any]:
        return restoring(before)

    def expected(self, params: Mapping[str, Any]) -> str:
        return f"Rung {params['rung']} answers {whom(params)}: simpler answers, and none of the harm seen."

    def perform(self, hands: Hands, measure: Measure, key: str) -> Mapping[str, Any]:
        self.check(measure.params)
        calls = segment(measure.params, self.name)
        route = Route(measure.id, rung=measure.params["rung"], segment=calls, expires_at=measure.expires_at)
        return put(hands, measure, key, add=(route,))


ACTION = Fallback()
