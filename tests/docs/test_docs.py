"""The documents say what is so: their commands run, their lists are whole, their links lead somewhere."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from fireline.cli.app import app
from fireline.cli.entry import main
from fireline.detect.registry import kinds
from fireline.drill.faults import faults
from fireline.drill.worlds import World, write
from fireline.runbook.load import read
from fireline.runbook.schema import Runbook

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TUTORIALS = ["README.md", "docs/first-ten-minutes.md", "docs/guides/replay-an-outage.md"]
AFTERWARDS = ["docs/guides/write-the-runbook.md"]
LEAST = """
service: tests
columns: {time: t, segments: [country], features: {temperature: numeric, middle_name: categorical}}
reference: {since: 2026-01-01T00:00:00Z, until: 2026-02-01T00:00:00Z}
"""
LIVE = ("serve", "incidents", "approve")
"""Commands that need, or are, a server that runs: tests/connect runs those, as the guides have them."""
LACKING = 1  # `check` of a runbook nobody has filled in yet


def commands(page: str) -> list[list[str]]:
    """The ``fireline`` commands of a page's console blocks, in order."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.S)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("fireline ")]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small service's log under the names the documents use: healthy until March, then a bad version."""
    world = World(
        seed=5, start=datetime(2026, 2, 15, tzinfo=UTC), days=17, reference_days=14, per_minute=1, features=4,
        segments=1, service="checkout-risk", harmless_deploys=0, timezone="UTC",
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("log")
    write(faults()["null_jump"].play(world, "large", where="version"), folder)
    return folder


@pytest.mark.parametrize("page", TUTORIALS)
def test_the_commands_of_a_tutorial_run_and_end_in_a_report(page, log, tmp_path, monkeypatch, capsys):
    for file in log.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    for command in (one for one in commands(page) if one[0] not in LIVE):
        code = main(command)
        said = capsys.readouterr().err
        assert code in ((0, LACKING) if command[0] == "check" else (0,)), (command, said)
    assert "checkout-risk" in Path("out/report.html").read_text(encoding="utf-8")
    assert json.loads(Path("out/incidents.json").read_text(encoding="utf-8"))[0]["alerts"]
    if page == TUTORIALS[0]:
        for later in (command for page in AFTERWARDS for command in commands(page)):
            assert main(later) in ((0, LACKING) if later[0] == "check" else (0,)), later


def test_every_command_in_the_documents_is_one_that_runs_here():
    known = {" ".join(words[:2]) for page in TUTORIALS + AFTERWARDS for words in commands(page)}
    assert {words.split()[0] for words in known} >= {"init", "check", "replay", "runbook"}
    make = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in PAGES:
        asked = re.findall(r"^\$ make ([a-z]+)", page.read_text(encoding="utf-8"), re.M)
        assert set(asked) <= make, page


def test_the_monitors_page_is_made_from_the_kinds():
    spec = importlib.util.spec_from_file_location("monitors_page", ROOT / "scripts" / "monitors_page.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (ROOT / "docs" / "reference" / "monitors.md").read_text(encoding="utf-8")
    assert page == script.page(), "make it anew: python scripts/monitors_page.py docs/reference/monitors.md"
    assert all(f"## `{kind.name}`" in page for kind in kinds())


def test_every_option_of_every_command_is_in_the_documents():
    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")

    def options(command, words):
        for name, below in getattr(command, "commands", {}).items():
            if not below.hidden:
                yield from options(below, [*words, name])
        for one in command.params:
            yield from ((words, flag) for flag in one.opts if flag.startswith("--") and not one.hidden)

    missing = [(words, flag) for words, flag in options(typer.main.get_command(app), []) if flag not in page]
    assert [
        one for one in missing if one[1] not in ("--help", "--install-completion", "--show-completion")
    ] == []


def test_every_key_of_a_runbook_is_in_the_documents():
    page = (ROOT / "docs" / "reference" / "runbook.md").read_text(encoding="utf-8")
    schema = Runbook.model_json_schema()
    keys = {key for part in [schema, *schema["$defs"].values()] for key in part.get("properties", {})}
    assert sorted(key for key in keys if f"`{key}`" not in page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_pictures_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text)
    missing = [one for one in targets if "://" not in one and not (page.parent / one).exists()]
    assert missing == []


def test_pictures_are_small():
    assert all(one.stat().st_size < 300_000 for one in (ROOT / "docs" / "images").glob("*.png"))


def test_decisions_have_numbers_of_their_own_and_a_place_in_the_contents():
    files = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    assert [int(one.name[:4]) for one in files] == list(range(len(files)))
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for one in files:
        assert f"decisions/{one.name}" in contents
        assert one.read_text(encoding="utf-8").startswith(f"# {one.name[:4]}: ")


def test_yaml_in_the_guides_is_a_part_of_a_runbook(tmp_path):
    blocks = [
        (page, block) for page in sorted((ROOT / "docs" / "guides").glob("*.md"))
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    ]  # fmt: skip
    assert blocks
    for page, block in blocks:
        (tmp_path / "runbook.yaml").write_text(LEAST + block, encoding="utf-8")
        assert read(tmp_path / "runbook.yaml"), page


def test_every_bench_is_listed():
    from bench.__main__ import benches

    page = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in benches())
    assert all(says.endswith(".") for says in benches().values())


def test_the_documents_build_strictly(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path / "site")]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "detection" / "index.html").exists()
