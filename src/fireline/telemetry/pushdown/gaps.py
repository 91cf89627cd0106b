"""Where counts made by an engine differ from the tally's, or are not made at all: as data, for the docs and
the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fireline.telemetry.counters import counters
from fireline.telemetry.pushdown.statement import COUNTED
from fireline.terms.plan import Plan

EVERY = "every"


@dataclass(frozen=True, slots=True)
class Gap:
    """What ``engine`` (or every one) does not do as the tally does, and what to do about it."""

    engine: str
    what: str
    says: str


REASONS: Mapping[str, str] = {
    "arrivals": "a table has no order of arrival and no rows put aside: what is late or flawed is not in it",
    "embeddings": "a vector's projections are sums whose last bit hangs on their order",
    "likeness": "no engine's hash is the one of the buckets",
    "new_columns": "a table has the columns it has: what nobody mapped is not looked at",
    "rankings": "a ranking's figure is a sum over its places whose last bit hangs on their order",
    "sources.buckets": "no engine's hash is the one of the buckets; the usual names are counted",
    "texts": "words are split and hashed by Fireline's own rules; a text's length is counted",
    "tools": "the names of tools are read out of whatever form a log gives them",
    "values.same": "no engine gives a number's bits, which the buckets hash; sums and logarithms are counted",
}
"""Layouts, or parts of one (`LAYOUT.series or cells`), that no SQL counts, and why."""

GAPS: tuple[Gap, ...] = (
    Gap(
        EVERY,
        "what needs Fireline's own hands",
        "Not counted, so that the monitors of it watch nothing where all that comes in is counts: "
        + "; ".join(f"`{name}` ({why})" for name, why in REASONS.items())
        + ". `fireline check` names those of a service. The words and the language of a text are not watched "
        "either, and flags that Fireline would read out of a moderation result need columns of their own.",
    ),
    Gap(
        EVERY,
        "late rows",
        "A table has no order of arrival, so no row of it is late. What came after its tick was "
        "counted is in the next count of that tick, not in the one that was judged.",
    ),
    Gap(
        EVERY,
        "chains of duplicates",
        "A row is a duplicate of the one before it within the dedup horizon. In a chain longer than "
        "the horizon Fireline's own rule keeps one row for each horizon, SQL only the first.",
    ),
    Gap(
        EVERY,
        "labels in a log of their own",
        "`--labels` joins them by the request's id, at the runbook's age of label. A table has no order: of "
        "two labels known at the same instant the one that is greater as text counts, not the later row.",
    ),
    Gap(
        EVERY,
        "quarantine",
        "Rows that Fireline would put aside with a reason are left out without one; text where a "
        "number belongs reads as null.",
    ),
    Gap(
        EVERY,
        "triage on raw events",
        "Counts hold no rows: causes that need them (the slice inside a segment, examples, two "
        "columns at once) are not looked for, and the report says so. What triage learns from rows "
        "also inhibits later alerts; without them an incident may hold more.",
    ),
    Gap(
        EVERY,
        "the last bit of a logarithm",
        "`slope` and `slope2` hold a logarithm whose last bit is the maths library's. Where a product "
        "lies on half a millionth to its last bit, the sum differs by one millionth.",
    ),
    Gap(
        "clickhouse",
        "no server here",
        "Tested in process (chdb), which is ClickHouse's own engine; a server of several shards is not.",
    ),
    Gap(
        "spark",
        "no cluster here",
        "Tested on a local session. Spark compiles each statement for seconds: count longer stretches "
        "at a time.",
    ),
)


def uncounted(plan: Plan) -> Sequence[str]:
    """The names of the plan's layouts that no SQL counts. Those of signals are not among them: signals come
    to the server as ever."""
    told = {name for name, one in counters().items() if one.feed == "signals"}
    return [one.name for one in plan.layouts if one.name not in COUNTED and one.name not in told]


def table() -> str:
    """``GAPS`` as a Markdown table."""
    lines = ["| engine | what | |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {gap.engine} | {gap.what} | {gap.says} |" for gap in GAPS)])
