"""``python -m fireline.drill.simulation --seed N``: play one seed again, or many."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from fireline.drill.simulation.play import Theatre, simulate


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the seeds asked for; 1 when an invariant was broken."""
    parser = argparse.ArgumentParser(prog="python -m fireline.drill.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the seed to play, or the first of many")
    parser.add_argument("--count", type=int, default=1, help="how many seeds to play")
    parser.add_argument(
        "--crash-at", type=int, default=None, help="stop one process at this crash point only"
    )
    asked = parser.parse_args(arguments)
    broken = 0
    with Theatre() as theatre:
        for seed in range(asked.seed, asked.seed + asked.count):
            outcome = simulate(seed, theatre, crash_at=asked.crash_at)
            broken += bool(outcome.problems)
            if outcome.problems or asked.count == 1:
                sys.stdout.write(f"{outcome}\n")
                sys.stdout.flush()
    if asked.count > 1:
        sys.stdout.write(f"{asked.count} seeds played, {broken} broken\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
