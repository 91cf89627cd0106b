"""Reading a runbook: what is wrong is said all at once, with line, key and the nearest right word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.errors import RunbookError
from fireline.runbook.load import load, parse, read
from fireline.runbook.problem import UnusableRunbook
from fireline.runbook.schema import SCHEMA_VERSION, UPGRADES, Runbook, upgrade
from tests.support.books import READY


def problems_of(text: str) -> dict[str, str]:
    with pytest.raises(UnusableRunbook) as caught:
        parse(text)
    return {one.key: f"{one.line}: {one.says}" for one in caught.value.problems}


def test_a_sound_runbook_is_read_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "runbook.yaml"
    path.write_text(READY)
    file = read(path)
    assert file.runbook == load(path)
    assert file.runbook.watch == timedelta(hours=24)
    assert file.runbook.last_known_good is not None
    assert file.runbook.last_known_good.since == datetime(2025, 12, 31, 23, tzinfo=UTC), (
        "Paris is an hour ahead"
    )
    assert file.line("columns", "score") == READY.splitlines().index("  score: score") + 1
    assert file.line("decisions", 0, "authority") == READY.splitlines().index("    authority: ask") + 1
    assert str(file.where("watch")) == f"{path}:{READY.splitlines().index('watch: 24h') + 1} watch"
    assert file.baseline_path == tmp_path / "runbook.baseline.npz"


def test_every_problem_is_listed_at_once_each_with_its_line() -> None:
    text = READY.replace("fireline: 1", "fireline: 1\nallowed_latness: 5m").replace(
        "task: binary", "task: binari"
    )
    text = text.replace("Europe/Paris", "Europe/Pariss").replace("watch: 24h", "watch: 24")
    found = problems_of(text)
    assert found["allowed_latness"] == "2: no such key; did you mean `allowed_lateness`?"
    assert found["task"].endswith("did you mean `binary`?")
    assert found["timezone"].endswith("did you mean `Europe/Paris`?")
    assert "'24' is not a length of time" in found["watch"]
    assert len(found) == 4


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("authority: ask", "authority: atuo", "decisions[0].authority", "did you mean `auto`?"),
        ("{cause: deploy}", "{cause: deply}", "decisions[0].when.cause[0]", "did you mean `deploy`?"),
        (
            "{cause: deploy}",
            "{new_versoin: true}",
            "decisions[0].when.new_versoin",
            "did you mean `new_version`?",
        ),
        ("role: ops", "role: opps", "ownership.contacts[1].role", "did you mean `ops`?"),
        ("rooms: numeric", "rooms: number", "columns.features.rooms", "did you mean `numeric`?"),
        ("segments: [country]", "segments: country", "columns.segments", "must be a list"),
        ("usual_share: 0.9", "usual_share: 90", "labels.usual_share", "less than or equal to 1"),
        ("service: pricing", "service: ''", "service", "must not be empty"),
        ("service: pricing\n", "", "service", "is missing"),
        ("objective: 0.99", "objective: 99", "slos[0].objective", "write 0.99 for 99 %"),
        ("until: 2026-02-01", "until: 2025-02-01", "reference.until", "ends before it begins"),
        ("until: 2026-02-01", "until: soon", "reference.until", "is not a time"),
        ("rooms: numeric", "label: numeric", "columns.features.label", "is the label"),
        ("score: score", "score: request_id", "columns.score", "already used as `request_id`"),
        ("watch: 24h", "watch: 24h\nwatch: 2h", "watch", "written twice"),
        ("watch: 24h", "budget: {service: 0.9}", "budget", "add up to 1.4"),
        ("watch: 24h", "silences: [{until: 2026-03-01, because: x}]", "silences[0]", "silences everything"),
        (
            "{channels:",
            "{cadence: {SEV9: 1h}, channels:",
            "comms.cadence.SEV9",
            "is none of SEV1, SEV2, SEV3",
        ),
    ],
)
def test_a_typo_is_named_and_the_right_word_offered(old: str, new: str, key: str, says: str) -> None:
    assert old in READY
    found = problems_of(READY.replace(old, new, 1))
    assert says in found[key]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("- a\n- b\n", "is not a runbook"),
        ("service: [", "is not YAML"),
        ("service:\n\tx: 1", "indent with spaces"),
        ("purpose: a: b", "must stand in quotes"),
        ("service: \x07", "is not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "means nothing here"),
        ("a: 1\n---\nb: 2", "is not YAML"),
        ("fireline: 99\nservise: x", "update Fireline"),
        ("x" * 2_000_000, "a runbook is a page"),
    ],
)
def test_what_is_no_runbook_is_said_plainly(text: str, says: str) -> None:
    with pytest.raises(RunbookError, match=says):
        parse(text)


def test_aliases_nested_in_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(RunbookError, match="too many values"):
        parse("\n".join(lines))


def test_a_runbook_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(RunbookError, match="fireline init"):
        load(tmp_path / "none.yaml")
    with pytest.raises(RunbookError, match="is a folder"):
        load(tmp_path)
    (tmp_path / "odd.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunbookError, match="UTF-8"):
        load(tmp_path / "odd.yaml")


def test_words_stay_words() -> None:
    """Versions keep their zeros and Norway stays a country: plain scalars are text until the schema says
    otherwise."""
    text = READY.replace("version: v1", "version: 1.10").replace(
        "features: {rooms: numeric", "features: {no: numeric"
    )
    runbook = parse(text.replace("segments: [country]", "segments: [no, on]")).runbook
    assert runbook.last_known_good is not None
    assert runbook.last_known_good.version == "1.10"
    assert runbook.columns.segments == ("no", "on")


def test_free_parameters_keep_their_types() -> None:
    text = READY.replace(
        "action: rollback", "action: route_share\n    params: {share: 0.5, n: 3, keep: true, to: v0, x: ~}"
    )
    assert parse(text).runbook.decisions[0].params == {"share": 0.5, "n": 3, "keep": True, "to": "v0"}


def test_an_empty_value_is_as_if_not_written() -> None:
    text = READY.replace('comms: {channels: ["#prices"]}', "comms:\n  channels:\nmonitors:\n")
    assert parse(text).runbook.comms.channels == ()


def test_the_identity_follows_the_content_and_not_the_layout() -> None:
    one = parse(READY).runbook
    assert one.identity == parse("# hello\n" + READY).runbook.identity
    assert one.identity != parse(READY.replace("watch: 24h", "watch: 25h")).runbook.identity
    assert Runbook.from_plain(one.plain()) == one


def test_an_older_schema_is_upgraded_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(plain: dict[str, object]) -> dict[str, object]:
        plain["service"] = plain.pop("name")
        return plain

    monkeypatch.setitem(UPGRADES, SCHEMA_VERSION - 1, rename)
    assert upgrade({"fireline": SCHEMA_VERSION - 1, "name": "x"}) == {
        "fireline": SCHEMA_VERSION,
        "service": "x",
    }


@given(st.text(max_size=300))
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    with pytest.raises(RunbookError):
        parse(text)


@given(st.integers(0, len(READY) - 1), st.integers(1, 12), st.text(max_size=6))
def test_a_damaged_runbook_is_either_read_or_explained(at: int, cut: int, put: str) -> None:
    try:
        parse(READY[:at] + put + READY[at + cut :])
    except RunbookError as error:
        said = str(error)
    else:
        said = "runbook.yaml"
    assert "runbook.yaml" in said
