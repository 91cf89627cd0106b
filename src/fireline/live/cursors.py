"""How far something was sent: a small file that a crash at any moment leaves whole."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fireline.errors import InputError, Where
from fireline.ids import stable_id


def state_folder() -> Path:
    """Where cursors lie unless told otherwise: ``$XDG_STATE_HOME/fireline/send``."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "fireline" / "send"


@dataclass(frozen=True)
class Cursor:
    """What is remembered of one source on its way to one server."""

    path: Path

    @classmethod
    def of(cls, folder: Path, *parts: str) -> Cursor:
        """The cursor that ``parts`` (server, service, kind, source) name."""
        return cls(folder / f"{stable_id('cursor', *parts)}.json")

    def read(self) -> dict[str, Any]:
        """What was kept; nothing where it never was. Raises InputError for a file that is no cursor."""
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise self._unreadable(str(error)) from None
        if not isinstance(kept, dict):
            raise self._unreadable("it holds no object")
        return kept

    def _unreadable(self, why: str) -> InputError:
        return InputError(
            f"this is no cursor: {why}", where=Where(file=str(self.path)),
            todo="remove it: all is sent again, and what the server has counts once",
        )  # fmt: skip

    def keep(self, kept: dict[str, Any]) -> None:
        """Keep ``kept`` instead; it is on disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self.path.with_suffix(".part")
        with partial.open("w", encoding="utf-8") as stream:
            json.dump(kept, stream, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(self.path)
