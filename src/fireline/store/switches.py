"""The switch board that lasts: every switch that was ever given out, newest last."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from fireline.clock import micros
from fireline.store.locks import hold
from fireline.store.store import Store
from fireline.store.tables import switches
from fireline.terms.switch import StaleSwitch, Switch, Told


@dataclass(frozen=True)
class StoredSwitchBoard:
    """Switches kept in the store. Guards fetch them; whether traffic obeys is seen in the traffic."""

    store: Store

    def current(self, service: str) -> Switch | None:
        """The switch that is out for ``service``, None when there never was one."""
        with self.store.reads() as connection:
            return _newest(connection, service)

    def versions(self) -> dict[str, int]:
        """The version that is out, by service."""
        query = sa.select(switches.c.service, sa.func.max(switches.c.version)).group_by(switches.c.service)
        with self.store.reads() as connection:
            return {service: int(version) for service, version in connection.execute(query)}

    def put(self, switch: Switch, key: str) -> Told:
        """Put ``switch`` out in place of the one before, once per ``key``.

        Raises StaleSwitch when one of its version or a later one is out.
        """
        with self.store.writes() as connection:
            hold(connection, "switch", switch.service)
            done = sa.select(switches.c.version).where(
                switches.c.service == switch.service, switches.c.key == key
            )
            known = connection.execute(done).scalar()
            if known is not None:
                return Told(int(known), True, f"The data plane was told before: {switch}.")
            now = _newest(connection, switch.service)
            if now is not None and now.version >= switch.version:
                raise StaleSwitch(
                    f"switch {now.version} of {switch.service} is out, and {switch.version} comes too late",
                    todo="decide anew from what is out now",
                )
            row = {
                "service": switch.service,
                "version": switch.version,
                "key": key,
                "issued_at": micros(switch.issued_at),
                "body": switch.as_json(),
            }
            connection.execute(switches.insert(), row)
        return Told(switch.version, False, f"Told the data plane: {switch}.")


def _newest(connection: sa.Connection, service: str) -> Switch | None:
    query = sa.select(switches.c.body).where(switches.c.service == service)
    body = connection.execute(query.order_by(switches.c.version.desc()).limit(1)).scalar()
    return Switch.of_json(body) if body is not None else None
