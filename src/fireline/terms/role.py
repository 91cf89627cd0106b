"""Roles people take in an incident."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Who does what while it burns."""

    COMMANDER = "incident commander"
    OPS = "ops"
    ML_OWNER = "ML owner"
    COMMS = "comms"
