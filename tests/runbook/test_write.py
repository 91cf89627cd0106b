"""What is written as YAML reads back equal, for this reader and for any other."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.runbook.load import parse
from fireline.runbook.schema import Runbook
from fireline.runbook.write import quote, write
from fireline.terms.alert import FAMILIES
from fireline.terms.cause import CauseKind
from fireline.terms.role import Role
from tests.support.books import READY

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=25)
word = text.filter(lambda t: bool(t.strip()))
length = st.integers(0, 400).flatmap(lambda n: st.sampled_from("mhd").map(lambda unit: f"{n}{unit}"))
instant = st.datetimes().filter(lambda t: 1980 < t.year < 2100).map(lambda t: t.isoformat() + "Z")
share = st.floats(0, 1).map(lambda x: round(x, 4))
severity = st.sampled_from(["SEV1", "SEV2", "SEV3"])
free = st.one_of(
    word,
    st.integers(-9, 999),
    st.floats(-5, 5).map(lambda x: round(x, 3)),
    st.booleans(),
    st.lists(word, max_size=2),
)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with any of ``fields``."""
    return st.fixed_dictionaries({}, optional=fields)


when = some(
    cause=st.lists(st.sampled_from([c.value for c in CauseKind]), min_size=1, max_size=2),
    family=st.lists(st.sampled_from(FAMILIES), min_size=1, max_size=2),
    severity=st.lists(severity, min_size=1, max_size=2),
    new_version=st.booleans(),
)
contact = st.fixed_dictionaries(
    {"name": word, "role": st.sampled_from([r.value for r in Role]), "reach": text}
)
rung = st.fixed_dictionaries(
    {"name": word, "kind": st.sampled_from(["current", "cached", "rules", "open"])},
    optional={"version": word, "because": text, "fails": st.sampled_from(["open", "closed"])},
)
decision = st.fixed_dictionaries(
    {"action": word},
    optional={
        "when": when,
        "params": st.dictionaries(word, free, max_size=3),
        "authority": st.sampled_from(["observe", "ask", "auto"]),
        "expires": length,
        "unanswered": st.sampled_from(["do", "leave"]),
        "answer_within": length,
        "because": text,
    },
)
columns = st.fixed_dictionaries(
    {"time": st.just("time")},
    optional={
        "segments": st.lists(word, max_size=12),
        "features": st.dictionaries(word, st.sampled_from(["numeric", "categorical"]), max_size=4),
        "flags": st.lists(word, max_size=3),
        "class_scores": st.dictionaries(word, word, max_size=3),
        "ignore": st.lists(word, max_size=3),
    },
)
monitor = st.fixed_dictionaries(
    {"monitor": word},
    optional={"off": st.booleans(), "until": instant, "tolerance": share, "because": text},
)
slo = st.fixed_dictionaries(
    {
        "name": word,
        "indicator": st.just("latency"),
        "objective": st.just(0.9),
        "threshold": st.floats(1, 900),
        "window": st.integers(1, 400).map(lambda n: f"{n}d"),
    }
)
rule = st.fixed_dictionaries(
    {"severity": severity},
    optional={
        "because": text,
        "when": some(harm=st.just(["high"]), reversible=st.booleans(), burn_at_least=st.floats(0, 99)),
    },
)
silence = st.fixed_dictionaries(
    {"monitor": word, "until": instant, "because": word},
    optional={"segment": st.dictionaries(word, text, min_size=1, max_size=2)},
)
books = st.fixed_dictionaries(
    {
        "service": word,
        "columns": columns,
        "reference": st.just({"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00.25Z"}),
    },
    optional={
        "purpose": text,
        "timezone": st.sampled_from(["UTC", "Europe/Paris", "Etc/GMT+5"]),
        "task": st.sampled_from(["binary", "llm"]),
        "ownership": st.fixed_dictionaries({"team": text, "contacts": st.lists(contact, max_size=3)}),
        "labels": st.fixed_dictionaries({"age": length, "usual_share": share}, optional={"positive": word}),
        "false_pages_per_30d": st.floats(0.1, 20).map(lambda x: round(x, 2)),
        "monitors": st.lists(monitor, max_size=2),
        "slos": st.lists(slo, max_size=2, unique_by=lambda one: one["name"]),
        "severity": st.lists(rule, max_size=3),
        "decisions": st.lists(decision, max_size=3),
        "ladder": st.lists(rung, max_size=3),
        "last_known_good": st.fixed_dictionaries(
            {"version": word, "known_by": text}, optional={"since": instant}
        ),
        "watch": length,
        "retraining": text,
        "comms": some(
            cadence=st.dictionaries(severity, length, max_size=3), channels=st.lists(word, max_size=2)
        ),
        "silences": st.lists(silence, max_size=2),
    },
)


@settings(max_examples=150, deadline=None)
@given(books)
def test_a_written_runbook_reads_back_equal(plain: dict[str, Any]) -> None:
    runbook = Runbook.from_plain(plain)
    written = write(runbook)
    assert parse(written).runbook == runbook
    assert parse(written).runbook.identity == runbook.identity


@settings(max_examples=100, deadline=None)
@given(text, st.booleans())
def test_a_quoted_text_reads_back_in_any_yaml(value: str, inside: bool) -> None:
    assert yaml.load(f"[{quote(value)}]", Loader=yaml.BaseLoader) == [value]
    assert yaml.load(f"k: {quote(value, inside=False)}", Loader=yaml.BaseLoader) == {"k": value}


def test_words_that_other_readers_take_for_truth_values_stand_in_quotes() -> None:
    assert [
        quote(value) for value in ("no", "On", "null", "1.10", "0x1f", "-", "#a", "a #b", "v1", "15m")
    ] == [
        '"no"',
        '"On"',
        '"null"',
        '"1.10"',
        '"0x1f"',
        '"-"',
        '"#a"',
        '"a #b"',
        "v1",
        "15m",
    ]


def test_notes_stand_beside_their_keys_and_change_nothing() -> None:
    runbook = parse(READY).runbook
    notes = {
        ("service",): "as its log says",
        ("columns", "features", "rooms"): "1 to 400",
        ("watch",): "fill in",
    }
    written = write(runbook, notes, head="Of pricing.\nSecond line.")
    assert written.startswith("# Of pricing.\n# Second line.\n\nfireline: 1\n")
    assert "service: pricing  # as its log says\n" in written
    assert "    rooms: numeric  # 1 to 400\n" in written
    assert parse(written).runbook == runbook


def test_an_empty_list_shows_what_it_could_hold() -> None:
    runbook = Runbook.from_plain({**parse(READY).runbook.plain(), "ownership": {}})
    written = write(runbook)
    assert "    # - {name: Ada Lovelace, role: incident commander, reach: +1 555 0100}\n" in written
    filled = parse(
        written.replace("    # - {name: Ada", "    - {name: Ada").replace(
            "    # - {name: Grace", "    - {name: Grace"
        )
    )
    assert [c.name for c in filled.runbook.ownership.contacts] == ["Ada Lovelace", "Grace Hopper"]
