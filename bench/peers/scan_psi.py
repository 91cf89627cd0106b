"""A full scan of the same columns by DuckDB: every value read and summed."""

from __future__ import annotations

import duckdb

from bench.peers import job


def main() -> None:
    asked = job.asked()
    sums = [f"sum({name})" for name in job.features(asked)]
    if asked.segment:
        sums.append(f"sum(strlen({asked.segment}))")

    def work() -> dict[str, float]:
        with duckdb.connect() as connection:
            connection.execute("set threads = 2")
            connection.execute(f"select {', '.join(sums)} from '{asked.current}'").fetchall()
        return {}

    job.measure(work, reads=True)


if __name__ == "__main__":
    main()
