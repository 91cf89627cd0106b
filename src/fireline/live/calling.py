"""Calling people: the pager of a running server, as its settings file says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

from fireline.errors import SettingsError, Where
from fireline.live.running import Running
from fireline.paging import Pager, configured

SETTLE = 15.0
"""Seconds of the wall that a drill's clock waits for pages on their way."""


def calls(running: Running, config: Path, address: str) -> Callable[[Running], None]:
    """What calls people after each look, while this server leads.

    Raises SettingsError naming the key, where the settings cannot be used.
    """
    try:
        plain = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(
            f"cannot be read: {error}", todo="look at --config", where=Where(file=str(config))
        ) from None
    if not isinstance(plain, dict):
        raise SettingsError(
            "holds no settings", todo="write `channels:` and `paging:`", where=Where(file=str(config))
        )
    found = configured(plain, str(config))
    pager = Pager(
        running.store, found.channels, found.paging, running.clock, address, running.holder, running.runbooks,
        found.pulse, told=running.news.told,
    )  # fmt: skip
    running.before_move.append(lambda: pager.settle(SETTLE))

    def call(running: Running) -> None:
        if running.leads:
            pager.tick()

    return call
