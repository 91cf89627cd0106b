"""Names of hosts in headers: who is this machine, and which page asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_PORTS = {"http": "80", "https": "443"}
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def authority(text: str) -> tuple[str, str] | None:
    """Host in small letters and port ("" where none is said), None when ``text`` is no such thing.

    >>> authority("LocalHost:8700"), authority("[::1]"), authority("user@host")
    (('localhost', '8700'), ('::1', ''), None)
    """
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return None
    return found["host"].strip("[]").lower().rstrip("."), found["port"] or ""


def is_loopback_address(text: str | None) -> bool:
    """Whether ``text`` is an IP address of this machine itself.

    >>> is_loopback_address("127.0.0.9"), is_loopback_address("::ffff:127.0.0.1")
    (True, True)
    >>> is_loopback_address("10.0.0.1"), is_loopback_address(None)
    (False, False)
    """
    try:
        address = ip_address((text or "").split("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def is_loopback_name(host: str) -> bool:
    """Whether a Host header names this machine itself: ``localhost``, ``127.0.0.1:8700``, ``[::1]``.

    A page on the internet may point a name of its own at 127.0.0.1; its name still stands in the header.

    >>> is_loopback_name("localhost:8700"), is_loopback_name("127.0.0.1.evil.example")
    (True, False)
    """
    found = authority(host)
    return found is not None and (found[0] == "localhost" or is_loopback_address(found[0]))


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether what a browser says of the page that asks agrees with where it asks; true when it says nothing.

    ``headers`` has small names. Schemes are not compared: behind a proxy the server does not know its own.
    """
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    scheme, _, rest = origin.partition("://")
    asking, asked = authority(rest), authority(headers.get("host", ""))
    if asking is None or asked is None or scheme not in _PORTS:
        return False
    own = _PORTS[scheme]
    return asking[0] == asked[0] and (asking[1] or own) == (asked[1] or own)


def direct(headers: Mapping[str, str], http_version: str) -> bool:
    """Whether nothing says that somebody else passed the request on."""
    return http_version != "1.0" and not any(name in headers for name in FORWARDED)


def neighbourhood(address: str | None) -> str:
    """What counts as one address when attempts are counted: an IPv4 address, an IPv6 /64.

    >>> neighbourhood("2001:db8::1") == neighbourhood("2001:db8::2"), neighbourhood(None)
    (True, 'nowhere')
    """
    try:
        found = ip_address((address or "").split("%")[0])
    except ValueError:
        return address or "nowhere"
    return str(ip_network(f"{found}/64", strict=False)) if found.version == 6 else str(found)


def local_path(text: str | None) -> str:
    """``text`` when it is a path on this server, "/" otherwise: nobody is led elsewhere after the login.

    >>> local_path("/incidents/inc-1?tab=2"), local_path("//evil.example"), local_path("https://evil.example")
    ('/incidents/inc-1?tab=2', '/', '/')
    """
    if not text or not text.startswith("/") or "\\" in text or not text.isprintable():
        return "/"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    return text if not parts.scheme and not parts.netloc and not text.startswith("//") else "/"
