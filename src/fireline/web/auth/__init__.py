"""Who may do what: people with passwords and roles, programs with tokens, and the gate they pass.

``protect(app, store, clock, access)`` installs everything. Endpoints take who asks from a dependency:
``who: Annotated[Who, Depends(viewer)]``, or ``responder``, ``admin``, ``service_token("ingest")``.
"""

from fireline.web.auth.access import Access
from fireline.web.auth.first import setup_link
from fireline.web.auth.protect import protect, refuse_unguarded, unguarded
from fireline.web.auth.refusal import Refused
from fireline.web.auth.who import (
    Caller,
    Who,
    admin,
    csrf_of,
    responder,
    service_token,
    viewer,
    who_asks,
)

__all__ = [
    "Access",
    "Caller",
    "Refused",
    "Who",
    "admin",
    "csrf_of",
    "protect",
    "refuse_unguarded",
    "responder",
    "service_token",
    "setup_link",
    "unguarded",
    "viewer",
    "who_asks",
]
