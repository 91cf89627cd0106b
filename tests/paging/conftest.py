"""Stores on both databases, and receivers that are strict."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.paging.receiver import Receiver
from tests.store.conftest import migrated_database, migrated_file, place, server, store

__all__ = ["migrated_database", "migrated_file", "place", "server", "store"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
