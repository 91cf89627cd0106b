"""The benches: what each measures, and one command for all of them.

python -m bench                 tally, replay and a small detect, one after another
python -m bench --list          what there is
python -m bench detect --full
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BY_DEFAULT = (("tally",), ("replay",), ("detect", "--services", "2", "--rates", "50"))


def benches() -> dict[str, str]:
    """Every bench's name and the first sentence of its docstring."""
    found = {}
    for path in sorted(HERE.glob("*.py")):
        if not path.stem.startswith("_"):
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            found[path.stem] = " ".join(said.split("\n\n")[0].split())
    return found


def listing() -> str:
    return "\n".join(f"  {name:8} {says}" for name, says in benches().items())


def run(name: str, *options: str) -> int:
    """Runs one bench in a process of its own; its exit code."""
    print(f"\n== {name} {' '.join(options)}".rstrip(), flush=True)
    return subprocess.run([sys.executable, "-m", f"bench.{name}", *options], check=False).returncode


def main(given: list[str]) -> int:
    if given and given[0] in ("-h", "--help", "--list"):
        print(__doc__.strip() + "\n\n" + listing())
        return 0
    if given and given[0] not in benches():
        print(f"no bench {given[0]!r}; there are:\n{listing()}", file=sys.stderr)
        return 2
    asked = [tuple(given)] if given else BY_DEFAULT
    return max(run(*one) for one in asked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
