"""One HTTP request to an address that somebody typed into a settings file, and to no other.

The name is looked up once; every address it has is checked, and the checked address is the one connected to,
so that a name which answers differently the second time leads nowhere. Redirects are not followed, proxies of
the environment are not used, and the whole exchange ends at one deadline, however slowly the other side
trickles.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from fireline.errors import ChannelError, SettingsError, Where

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")
METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
"""Where clouds hand out credentials to whoever asks from inside."""

AGAIN = frozenset({408, 409, 423, 425, 429})
"""Answers below 500 after which trying again may do."""

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Target:
    """Where a request goes. The path may hold a secret and is shown nowhere."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    allow_private: bool = False
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    @property
    def said(self) -> str:
        """The receiver in words, without the path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def target(url: str, allow_private: bool, key: str = "url", ca_file: str | None = None) -> Target:
    """The receiver that ``url`` names; ``key`` is the setting it comes from.

    Raises SettingsError when it is not an address for a request, without repeating it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in PORTS or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise _unusable("is no web address", "write https://host/path", key)
    if parts.username or parts.password:
        raise _unusable("has a user or a password in it", "leave them out: requests are signed", key)
    if parts.scheme == "http" and not allow_private:
        raise _unusable(
            "is not encrypted", "use https://, or `allow_private: true` for your own network", key
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    tls = _tls(ca_file) if parts.scheme == "https" else None
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path, allow_private, tls)


def _unusable(why: str, todo: str, key: str) -> SettingsError:
    return SettingsError(why, todo=todo, where=Where(key=key))


def _tls(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise _unusable("is no file of certificates", "name a PEM file that can be read", "ca_file") from None


def send(
    to: Target, body: bytes | None, headers: Mapping[str, str], timeout: float, method: str = "POST"
) -> int:
    """Send one request and give the status of an answer that says yes (2xx).

    Raises ChannelError; ``permanent`` when the same again would be refused again.
    """
    status, _ = exchange(to, body, headers, timeout, method)
    _judge(to, status)
    return status


def exchange(
    to: Target, body: bytes | None, headers: Mapping[str, str], timeout: float, method: str = "POST",
    most: int = 0,
) -> tuple[int, bytes]:  # fmt: skip
    """Send one request; the answer's status, whatever it is, and its first ``most`` bytes.

    Raises ChannelError where no answer came.
    """
    deadline = time.monotonic() + timeout
    connection = http.client.HTTPConnection(to.host, to.port, timeout=timeout)
    sock = _connected(to, deadline)
    twin = sock.dup()  # TLS takes the socket over; its twin still ends the connection, at any moment
    cut = threading.Timer(max(deadline - time.monotonic(), 0.001), _cut, [twin])
    cut.daemon = True
    cut.start()
    try:
        if to.tls is not None:
            sock = to.tls.wrap_socket(sock, server_hostname=to.host)
        connection.sock = sock
        connection.request(method, to.path, body, {"Host": to.said, "Connection": "close", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read(most) if most else b""
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _broken(to, error, deadline, timeout) from None
    finally:
        cut.cancel()
        sock.close()
        twin.close()


def _cut(sock: socket.socket) -> None:
    """End the exchange from outside."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _broken(to: Target, error: Exception, deadline: float, timeout: float) -> ChannelError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ChannelError(
            f"{to.said} has no certificate to trust: {error.verify_message}",
            todo="renew it, or name its authority in `ca_file`",
            permanent=False,
        )
    if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
        return ChannelError(f"{to.said} did not answer within {timeout:g} s", permanent=False)
    return ChannelError(f"{to.said} broke off: {type(error).__name__}", permanent=False)


def _judge(to: Target, status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        todo = "write the address it points to into the settings: redirects are not followed"
        raise ChannelError(f"{to.said} answered {status} and points elsewhere", todo=todo)
    raise ChannelError(f"{to.said} answered {status}", permanent=status < 500 and status not in AGAIN)


def _connected(to: Target, deadline: float) -> socket.socket:
    trouble = ""
    for family, address in _addresses(to):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(left)
        try:
            sock.connect((str(address), to.port))
        except OSError as error:
            trouble = error.strerror or "it did not answer in time"
            sock.close()
            continue
        return sock
    raise ChannelError(f"{to.said} cannot be reached: {trouble or 'no time left'}", permanent=False)


def _addresses(to: Target) -> list[tuple[int, _Address]]:
    """The addresses of the receiver's name, all of them fit to be connected to."""
    try:
        found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    except OSError as error:
        said = error.strerror or "no such name"
        raise ChannelError(f"{to.said} cannot be found: {said}", permanent=False) from None
    addresses: list[tuple[int, _Address]] = [
        (family, ipaddress.ip_address(str(place[0]).split("%")[0])) for family, _, _, _, place in found
    ]
    for _, address in addresses:
        if (why := barred(address, to.allow_private)) is not None:
            raise ChannelError(
                f"{to.said} leads to {address}, which is {why}",
                todo="name a public address, or say `allow_private: true` if it is in your own network",
            )
    return addresses


def barred(address: _Address, allow_private: bool) -> str | None:
    """Why nothing is sent to ``address``, or None.

    >>> barred(ipaddress.ip_address("10.0.0.7"), allow_private=False)
    'in a private network'
    >>> barred(ipaddress.ip_address("169.254.169.254"), allow_private=True)
    "a cloud's metadata service"
    """
    address = _inner(address)
    if address in METADATA:
        return "a cloud's metadata service"
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return "no address of one receiver"
    if not address.is_global and not allow_private:
        return "this machine" if address.is_loopback else "in a private network"
    return None


def _inner(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
