"""Share of a text's words that the reference never held."""

from __future__ import annotations

from collections.abc import Sequence

from fireline.detect.kinds import Array, Kind, Monitor, Rates, for_each
from fireline.terms.plan import Plan


class UnknownWords(Kind):
    """Distinct words outside the frozen vocabulary: another subject, another language, encoded prompts.

    >>> from fireline.detect.example import counted
    >>> from fireline.terms.counts import Series
    >>> from fireline.terms.plan import Layout
    >>> prompt = Series("prompt", "conditions", 900, ("n", "words", "unknown"))
    >>> layout = Layout("texts", (prompt,), {"service": 900}, sums=True)
    >>> UnknownWords().ticks(*counted(layout, {"prompt": [100, 900, 45]}))
    Rates(hits=array([[45]]), n=array([[900]]))
    """

    name = "unknown_words"
    family = "drift"
    layout = "texts"
    scopes = ("service", "version")
    tolerance = 1.5
    floor = 1e-3
    k = 3
    pool = "drift"
    urgency = "ticket"
    least = 20

    def monitors(self, plan: Plan) -> Sequence[Monitor]:
        """One monitor, a channel for each text column."""
        names = [series.name for series in self.laid_out(plan).series]
        return for_each(self.name, "texts", names)

    def ticks(self, plan: Plan, counts: Array) -> Rates:
        """Unknown words of distinct words [T, texts]."""
        return Rates(counts[:, 2::3], counts[:, 1::3])
