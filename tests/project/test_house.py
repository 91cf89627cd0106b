"""The house rules that no linter knows."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "fireline").rglob("*.py"))
BANNED = {"utils", "core", "common", "base", "manager", "handler", "service", "helpers", "models", "engine"}


def test_no_module_has_a_name_that_says_nothing():
    named = {part for path in SOURCES for part in path.relative_to(ROOT / "src").with_suffix("").parts}
    assert not named & BANNED


def test_no_stub_is_left_behind():
    pattern = re.compile(r"\b(TODO|FIXME|NotImplementedError)\b")
    left = [str(path.relative_to(ROOT)) for path in SOURCES if pattern.search(path.read_text())]
    assert left == []


def test_a_blind_except_says_why():
    silent = []
    for path in SOURCES:
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if re.match(r"\s*except Exception\b", line):
                near = lines[number - 1 : number + 1]
                if not any("#" in one for one in near):
                    silent.append(f"{path.relative_to(ROOT)}:{number}")
    assert silent == []


def test_the_base_install_has_no_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == []


@pytest.mark.parametrize("name", ["demo", "dev"])
def test_a_lock_file_names_packages_and_hashes_only(name):
    lines = (ROOT / "lock" / f"{name}.txt").read_text().splitlines()
    allowed = re.compile(r"^([A-Za-z0-9][\w.-]*==[^ ]+( ;.*)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|)$")
    assert [line for line in lines if not allowed.match(line)] == []


def test_the_demo_is_locked_to_the_versions_that_are_tested():
    def pins(name: str) -> set[str]:
        text = (ROOT / "lock" / f"{name}.txt").read_text()
        return {line.split()[0] for line in text.splitlines() if "==" in line}

    assert pins("demo") <= pins("dev")
