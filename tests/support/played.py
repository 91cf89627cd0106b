"""Small synthetic services with their runbook, for tests of the whole replay; and replays as real
processes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fireline.cli.entry import main
from fireline.clock import iso
from fireline.drill.faults import faults
from fireline.drill.worlds import World, write

KILLED = """
import os, signal, sys
import fireline.replay
from fireline.cli.entry import main
from fireline.store import Store
from fireline.store.watch import watch

fireline.replay.__version__ += sys.argv.pop(1)
left, opened = int(sys.argv[1]), Store.open.__func__

def told(moment, what):
    global left
    if what == "COMMIT" and moment in ("before", "after"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

def watched(kind, *args, **named):
    store = opened(kind, *args, **named)
    watch(store.database, told)
    return store

Store.open = classmethod(watched)
code = main(sys.argv[2:])
print("writes:", int(sys.argv[1]) - left)
sys.exit(code)
"""


def small(**more: Any) -> World:
    """A service small enough for a test: nine days, six of them calm."""
    given = {
        "seed": 4,
        "days": 9,
        "reference_days": 6,
        "per_minute": 4,
        "features": 4,
        "segments": 1,
        "harmless_deploys": 0,
        "label_hours": 3,
    }
    return World(**{**given, **more})


def broken(world: World, fault: str = "null_jump", **more: Any) -> World:
    """The world with a fault of the drills."""
    return faults()[fault].play(world, **{"where": "version", **more})


@dataclass(frozen=True)
class Played:
    """A log in a folder, and its runbook."""

    folder: Path
    world: World

    @classmethod
    def make(cls, folder: Path, world: World, format: Any = "parquet") -> Played:
        """Writes the log and drafts the runbook."""
        write(world, folder, format)
        made = cls(folder, world)
        assert main(["init", *made.files(format), "--service", world.service, "--until", iso(world.live_from),
                     "--timezone", world.timezone, "--changes", str(folder / "changes.jsonl"), "-o",
                     str(made.runbook), "-q"]) == 0  # fmt: skip
        return made

    @property
    def runbook(self) -> Path:
        return self.folder / "runbook.yaml"

    def files(self, format: str = "parquet") -> list[str]:
        """The events, and the labels with their flag."""
        labels = self.folder / f"labels.{format}"
        given = [str(self.folder / f"events.{format}")]
        return [*given, "--labels", str(labels)] if labels.exists() else given

    def command(self, out: Path, format: str = "parquet") -> list[str]:
        """The replay's command line."""
        events, *labels = self.files(format)
        return ["replay", str(self.runbook), "--events", events, *labels, "--changes",
                str(self.folder / "changes.jsonl"), "--out", str(out), "-q"]  # fmt: skip

    def play(self, out: Path) -> None:
        """Replays in this process."""
        assert main(self.command(out)) == 0

    def process(self, out: Path, die_at: int = 0, version: str = "") -> subprocess.CompletedProcess[str]:
        """Replays in a process of its own, which is killed at its ``die_at``-th write; 0 lets it live.

        ``version`` is added to that of the code.
        """
        command = [sys.executable, "-W", "ignore", "-c", KILLED, version, str(die_at), *self.command(out)]
        return subprocess.run(command, capture_output=True, text=True, check=False)
