"""Create .venv and install one pinned set of packages into it, saying how far it is.

    python3 scripts/setup_env.py demo|dev

Standard library only, and written so that an old Python reaches the sentence that tells it so.
"""

from __future__ import print_function

import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
LOG = os.path.join(VENV, "install.log")
NEEDED = (3, 11)


def main(arguments):
    # type: (list[str]) -> int
    """Set up .venv from the named lock; the exit code."""
    if len(arguments) != 1 or arguments[0] not in ("demo", "dev"):
        print("usage: python3 scripts/setup_env.py demo|dev", file=sys.stderr)
        return 2
    if sys.version_info[:2] < NEEDED:
        print(
            "Fireline needs Python 3.11 or newer; {0} is {1}.\n"
            "-> install one, or say which to take: make {2} PYTHON=/path/to/python3.12".format(
                sys.executable, sys.version.split()[0], "demo" if arguments[0] == "demo" else "test"
            ),
            file=sys.stderr,
        )
        return 1
    began = time.time()
    lock = os.path.join(ROOT, "lock", arguments[0] + ".txt")
    python = venv_python()
    if python is None:
        return 1
    total = pins(lock)
    print(
        "Setting up .venv: {0} pinned packages from lock/{1}.txt (about a minute)".format(total, arguments[0])
    )
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off"]
    done = run(pip + ["--require-hashes", "-r", lock], total) and run(
        pip + ["--no-deps", "--no-build-isolation", "-e", ROOT], 0
    )
    if not done:
        return 1
    print("Ready after {0:.0f} s.".format(time.time() - began))
    return 0


def venv_python():
    # type: () -> str | None
    """The virtual environment's interpreter, made now where there is none; None when it cannot be made."""
    python = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin", "python")
    if not has_pip(python):
        print("Creating .venv with Python {0}".format(sys.version.split()[0]))
        if subprocess.call([sys.executable, "-m", "venv", "--clear", VENV]) != 0:
            print(
                "This Python cannot make a virtual environment.\n"
                "-> on Debian or Ubuntu: apt-get install python3-venv; or name another Python with "
                "PYTHON=...",
                file=sys.stderr,
            )
            return None
    return python


def has_pip(python):
    # type: (str) -> bool
    """Whether ``python`` is there and can run pip."""
    if not os.path.exists(python):
        return False
    with open(os.devnull, "w") as nowhere:
        return subprocess.call([python, "-m", "pip", "--version"], stdout=nowhere, stderr=nowhere) == 0


def pins(lock):
    # type: (str) -> int
    """How many packages the lock names for this Python (markers for another are not counted)."""
    with open(lock) as lines:
        heads = [line for line in lines if line[:1].isalnum()]
    return len({head.split("==")[0] for head in heads if "win32" not in head})


def run(command, total):
    # type: (list[str], int) -> bool
    """Run pip, keep all it says in the log, show one line of progress; True when it succeeded."""
    seen, tty = 0, sys.stdout.isatty()
    tail = []  # type: list[str]
    with open(LOG, "a") as log:
        log.write("$ " + " ".join(command) + "\n")
        pip = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, cwd=ROOT
        )
        assert pip.stdout is not None
        for line in pip.stdout:
            log.write(line)
            tail = (tail + [line])[-25:]
            step = progress(line)
            if not step or not total:
                continue
            seen += step.startswith(("fetching", "have"))
            text = "  [{0:>{2}}/{1}] {3}".format(min(seen, total), total, len(str(total)), step)
            if tty:
                print("\r" + text[:100].ljust(100), end="", flush=True)
            elif seen % 10 == 0 or step.startswith("unpacking"):
                print(text, flush=True)
        code = pip.wait()
    if tty and total:
        print("\r" + " " * 100 + "\r", end="")
    if code != 0:
        print("".join(tail), file=sys.stderr)
        print("pip failed (exit {0}); all it said: {1}".format(code, LOG), file=sys.stderr)
        print("-> it downloads from your package index: check the network or pip's settings", file=sys.stderr)
    return code == 0


def progress(line):
    # type: (str) -> str
    """What to show for one line of pip's output; empty when it is no news."""
    words = line.split()
    if line.startswith("Collecting"):
        return "fetching " + words[1].split("==")[0]
    if line.startswith("Processing"):  # a wheel that lies on disk or in pip's cache
        return "fetching " + os.path.basename(words[1]).split("-")[0]
    if line.startswith("Requirement already satisfied"):
        return "have " + words[3].split("==")[0]
    if line.startswith("Installing collected packages"):
        return "unpacking all of them"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
