"""Rollback: send every call to the version that is known to be good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fireline.actions import Hands, put, restoring, word
from fireline.terms.measure import Measure
from fireline.terms.switch import Route, Switch


class Rollback:
    """All calls to version ``to``; ``from``, where given, is the version that is left.

    >>> Rollback().dry_run({"to": "A", "from": "B"})
    'Send all calls to version A instead of B.'
    """

    name = "rollback"

    def check(self, params: Mapping[str, Any]) -> None:
        word(params, "to", self.name)

    def dry_run(self, params: Mapping[str, Any]) -> str:
        instead = f" instead of {params['from']}" if params.get("from") else ""
        return f"Send all calls to version {params['to']}{instead}."

    def inverse(self, params: Mapping[str, Any], before: Switch | None) -> Mapping[str, Any]:
        return restoring(before)

    def expected(self, params: Mapping[str, Any]) -> str:
        return (
            f"Every call is answered by version {params['to']}, and what went wrong goes back to its "
            f"usual level."
        )

    def perform(self, hands: Hands, measure: Measure, key: str) -> Mapping[str, Any]:
        self.check(measure.params)
        route = Route(measure.id, version=measure.params["to"], expires_at=measure.expires_at)
        return put(hands, measure, key, add=(route,))


ACTION = Rollback()
