"""What would this runbook notice? Faults are put into a copy of a service's own recent events, counted and
judged against its baseline."""

from fireline.drill.coverage.cover import Coverage, Outcome, cover

__all__ = ["Coverage", "Outcome", "cover"]
