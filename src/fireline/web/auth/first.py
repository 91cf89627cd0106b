"""The first admin: a link that works once, for an hour, for whoever reads the server's output."""

from __future__ import annotations

import secrets
from datetime import timedelta

from fireline.clock import Clock
from fireline.store import Store
from fireline.store.people import People
from fireline.web.auth.access import Access
from fireline.web.auth.tokens import digest

VALID = timedelta(hours=1)


def setup_link(store: Store, clock: Clock, access: Access, address: str) -> str | None:
    """A new one-time link that makes the first admin; None where none is needed. Earlier links end.

    ``address`` is where people reach the server, such as ``https://fireline.example.org``. Print the link to
    the console and to no log.
    """
    people = People(store)
    if access.open_on_loopback or people.any_user():
        return None
    token = secrets.token_urlsafe(32)
    people.put_setup(digest(token), clock.now() + VALID)
    return f"{address.rstrip('/')}/setup?token={token}"
