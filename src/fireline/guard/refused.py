"""The guard's no: what a caller gets instead of an answer."""

from __future__ import annotations

from fireline.errors import FirelineError


class Refused(FirelineError):
    """The call was refused and no model was asked: fail closed, and say so to the caller.

    ``retry_after`` is how many seconds the caller does well to wait.
    """

    def __init__(self, message: str, *, todo: str = "", retry_after: float = 1.0) -> None:
        super().__init__(message, todo=todo, permanent=False)
        self.retry_after = retry_after


class BreakerOpen(Refused):
    """The breaker is open: too many calls failed of late, and the next probe is not due yet."""


class OutOfWorkers(Refused):
    """All threads for calls with a time-out are taken, most likely by calls that hang."""
