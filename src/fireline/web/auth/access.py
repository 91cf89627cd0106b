"""Settings: how people and programs get in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

MIB = 1024 * 1024

_LARGE = {
    "/v1/events": 64 * MIB,
    "/v1/counts": 64 * MIB,
    "/v1/labels": 64 * MIB,
    "/v1/signals": 64 * MIB,
    "/v1/otlp/v1/traces": 8 * MIB,
    "/v1/otlp/v1/logs": 8 * MIB,
    "/v1/otlp/v1/metrics": 8 * MIB,
    "/v1/jobs": 8 * MIB,
    "/v1/changes": 8 * MIB,
    "/v1/reports": 8 * MIB,
}


@dataclass(frozen=True)
class Access:
    """How people and programs get in; it is ``app.state.access``.

    ``open_on_loopback`` is true only for a server bound to a loopback address that was not asked for
    authentication: then, and as long as no user exists, whoever comes from this machine is the admin
    ``operator``. ``cookie_secure`` is true where people come by https.
    """

    open_on_loopback: bool = False
    cookie_secure: bool = False
    session_hours: float = 7 * 24
    idle_hours: float = 12
    open_paths: frozenset[str] = frozenset(("/healthz", "/readyz", "/login", "/setup", "/favicon.ico"))
    open_folders: tuple[str, ...] = ("/assets/", "/login/")
    max_body: int = MIB
    max_bodies: Mapping[str, int] = field(default_factory=lambda: dict(_LARGE))
    max_headers: int = 100
    max_header_bytes: int = 32 * 1024

    @property
    def session_life(self) -> timedelta:
        """How long a session lasts at most."""
        return timedelta(hours=self.session_hours)

    @property
    def session_idle(self) -> timedelta:
        """How long a session lasts unused."""
        return timedelta(hours=self.idle_hours)

    def is_open(self, path: str) -> bool:
        """Whether anybody may ask for ``path``."""
        return path in self.open_paths or path.startswith(self.open_folders)

    def body_limit(self, path: str) -> int:
        """The most bytes a body sent to ``path`` may have, as it comes over the wire."""
        return self.max_bodies.get(path, self.max_body)
