"""Keys that sign switches: one secret of the server, and one key per service drawn from it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import replace
from datetime import UTC, datetime

from fireline.errors import StoreError
from fireline.store import Store
from fireline.terms.switch import Switch

STATE = "secret:server"
SETTING = "FIRELINE_SECRET"
NOTHING = Switch("", 0, (), datetime(2000, 1, 1, tzinfo=UTC), None, "")


def server_secret(store: Store) -> bytes:
    """The server's secret: from the environment (FIRELINE_SECRET, at least 32 characters), else made once and
    kept in the store, so that every server on the store signs alike.

    Raises StoreError when the one in the environment is too short.
    """
    given = os.environ.get(SETTING)
    if given is not None:
        if len(given) < 32:
            raise StoreError(
                f"{SETTING} is shorter than 32 characters",
                todo="make one with: python -c 'import secrets; print(secrets.token_hex(32))'",
            )
        return given.encode()
    kept = store.get_state(STATE)
    if kept is None:
        with store.begin() as tx:
            kept = tx.get_state(STATE)
            if kept is None:
                made = secrets.token_hex(32).encode()
                tx.put_state(STATE, 0, made)
                return made
    return kept.body


def switch_key(store: Store, service: str) -> str:
    """The key (hex) that signs the switches of ``service``: guards check signatures with it."""
    return hmac.new(server_secret(store), b"switch:" + service.encode(), hashlib.sha256).hexdigest()


def signature(key: str, text: str) -> str:
    """The HMAC-SHA256 (hex) of ``text`` under the hex ``key``."""
    return hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).hexdigest()


def signed(store: Store, switch: Switch) -> tuple[str, str]:
    """The exact text of ``switch``, and its signature with its service's key."""
    text = json.dumps(switch.as_json(), sort_keys=True)
    return text, signature(switch_key(store, switch.service), text)


def nothing_signed(store: Store, service: str) -> tuple[str, str]:
    """What a guard is told where no switch was ever put, signed."""
    return signed(store, replace(NOTHING, service=service))
