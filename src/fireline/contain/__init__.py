"""From an incident to at most one requested measure, with the sentence why."""

from fireline.contain.advance import advance
from fireline.contain.decide import decide
from fireline.contain.facts import Facts

__all__ = ["Facts", "advance", "decide"]
