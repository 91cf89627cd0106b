"""The last switch, kept on disk as it was signed: containment outlives a restart while the server is dead."""

from __future__ import annotations

import hmac
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from fireline.errors import FirelineError
from fireline.terms.switch import Switch


class ForgedSwitch(FirelineError):
    """A switch whose signature does not fit, or that is none for this service: it is not obeyed."""


class OldSwitch(FirelineError):
    """A switch that is older than one obeyed before: it is not obeyed."""


def state_folder() -> Path:
    """Where this user's programs keep what must outlive them."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return base / "fireline" / "guard"


def signed(text: str, key: bytes) -> str:
    """The signature of ``text`` under ``key``: hex HMAC-SHA256."""
    return hmac.new(key, text.encode(), sha256).hexdigest()


def verified(text: str, signature: str, key: bytes, service: str) -> Switch:
    """The switch that ``text`` is. Raises ForgedSwitch where ``signature`` does not fit or it is no switch of
    ``service``."""
    if not hmac.compare_digest(signed(text, key).encode(), str(signature).encode()):
        raise ForgedSwitch(
            "the signature of a switch does not fit", todo="look whether FIRELINE_SWITCH_KEY is the server's"
        )
    try:
        switch = Switch.of_json(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise ForgedSwitch(
            f"a signed text is no switch: {error!r}", todo="bring guard and server to one release"
        ) from None
    if switch.service != service:
        raise ForgedSwitch(
            f"a switch of {switch.service!r} reached the guard of {service!r}", todo="one key per service"
        )
    return switch


class Kept:
    """The signed envelope of ``service`` in ``folder``, and the floor: the highest version ever obeyed there.

    All guards of one machine and service share the two files; each is replaced whole, is readable by its
    owner alone, and is on the disk when ``keep`` returns.
    """

    def __init__(self, folder: Path, service: str, key: bytes) -> None:
        name = quote(service, safe="")
        self.folder, self.service, self.key = folder, service, key
        self.file = folder / f"{name}.switch.json"
        self.floor_file = folder / f"{name}.floor.json"
        self._lock_file = folder / f"{name}.lock"

    def load(self) -> Switch | None:
        """The switch kept, None where there is none. Raises ForgedSwitch, OldSwitch or OSError."""
        try:
            envelope = json.loads(self.file.read_text(encoding="utf-8"))
            text, signature = str(envelope["switch"]), str(envelope["signature"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise ForgedSwitch(f"{self.file} is not what a guard wrote", todo="remove it") from None
        switch = verified(text, signature, self.key, self.service)
        if switch.version < (floor := self.floor()):
            raise OldSwitch(
                f"{self.file} holds version {switch.version}, and {floor} was obeyed before", todo="remove it"
            )
        return switch

    def floor(self) -> int:
        """The highest version obeyed here, 0 where there is none or nobody signed it."""
        try:
            found = json.loads(self.floor_file.read_text(encoding="utf-8"))
            version, signature = int(found["floor"]), str(found["signature"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        fits = hmac.compare_digest(self._floor_signature(version).encode(), signature.encode())
        return version if fits else 0

    def keep(self, text: str, signature: str, version: int) -> None:
        """Put the envelope down, unless a newer one lies there. Raises OSError where it cannot."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            if version < self.floor():
                return
            floor = {"floor": version, "signature": self._floor_signature(version)}
            # The envelope first: killed in between, the floor is merely the one of before.
            self._write(self.file, json.dumps({"switch": text, "signature": signature}))
            self._write(self.floor_file, json.dumps(floor))

    def _floor_signature(self, version: int) -> str:
        return signed(f"floor:{self.service}:{version}", self.key)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time, where the system has such locks."""
        with suppress(ImportError):
            import fcntl

            with open(self._lock_file, "a", encoding="utf-8") as held:
                os.chmod(self._lock_file, 0o600)
                fcntl.flock(held, fcntl.LOCK_EX)
                yield
            return
        yield

    def _write(self, file: Path, text: str) -> None:
        with suppress(OSError, ValueError):  # another worker of this machine was quicker
            if file.read_text(encoding="utf-8") == text:
                return
        number, name = tempfile.mkstemp(dir=self.folder, prefix=".new-")  # mode 0600 from the start
        try:
            with os.fdopen(number, "w", encoding="utf-8") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            os.replace(name, file)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
        _sync_folder(self.folder)


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
