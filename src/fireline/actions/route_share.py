"""Route a share: leave one version only part of the calls and send the others to another version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fireline.actions import Hands, put, restoring, segment, share, whom, word
from fireline.terms.measure import Measure
from fireline.terms.switch import Route, Switch


class RouteShare:
    """``version`` keeps ``share`` of the calls (of ``segment``, where given); all the others go to version
    ``to``.

    >>> RouteShare().dry_run({"version": "B", "share": 0.05, "to": "A", "segment": {"carrier": "UA"}})
    'Of calls with carrier=UA leave 5% to version B and send the others to version A.'
    """

    name = "route_share"

    def check(self, params: Mapping[str, Any]) -> None:
        word(params, "to", self.name)
        word(params, "version", self.name)
        share(params, self.name)
        segment(params, self.name)

    def dry_run(self, params: Mapping[str, Any]) -> str:
        left = f"{params['share']:.0%} to version {params['version']}"
        return f"Of {whom(params)} leave {left} and send the others to version {params['to']}."

    def inverse(self, params: Mapping[str, Any], before: Switch | None) -> Mapping[str, Any]:
        return restoring(before)

    def expected(self, params: Mapping[str, Any]) -> str:
        left = f"{params['share']:.0%} of {whom(params)}"
        return f"Version {params['version']} answers {left}, and the harm shrinks to that share."

    def perform(self, hands: Hands, measure: Measure, key: str) -> Mapping[str, Any]:
        self.check(measure.params)
        part = share(measure.params, self.name)
        calls = segment(measure.params, self.name)
        ends = measure.expires_at
        left = Route(
            measure.id, version=measure.params["version"], share=part, segment=calls, expires_at=ends
        )
        others = Route(measure.id, version=measure.params["to"], segment=calls, expires_at=ends)
        return put(hands, measure, key, add=(left, others) if part else (others,))


ACTION = RouteShare()
