"""Takes the pictures of the documentation anew, in a real Chromium.

The room, home, a service, the room on a phone, coverage, and a replay's story in a terminal:

python scripts/pictures.py docs/images [room home service room-phone coverage story]

Needs the development set (Playwright) and Chromium at /usr/bin/chromium, or where FIRELINE_CHROMIUM says.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvicorn
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fireline.cli.entry import main
from fireline.clock import parse_time
from fireline.drill.worlds import World, write
from fireline.terms.timeline import Entry, EntryKind
from fireline.web import story as telling
from tests.support import sample_incidents
from tests.support.rooms import Rooms, app_of

CHROMIUM = os.environ.get("FIRELINE_CHROMIUM", "/usr/bin/chromium")
SERVICE = f"/services/{sample_incidents.SERVICE}"
PAGES = {
    "room": ("/incidents/inc-1", 1200, 1000),
    "home": ("/", 1200, 560),
    "service": (SERVICE, 1200, 1600),
    "room-phone": ("/incidents/inc-1", 390, 844),
}
TERMINAL = """<body style="margin:0;background:#262626;width:1000px"><div style="height:36px;background:#333;
border-radius:7px 7px 0 0;color:#ddd;font:600 14px sans-serif;line-height:36px;text-align:center">fireline
replay</div><div style="padding:8px 10px;font-size:15px;line-height:1.25">{text}</div></body>"""


def pages(folder: Path, wanted: list[str], page_of: Callable[..., Any]) -> None:
    """The pages of a made-up service with one open incident that asks for a rollback."""
    rooms = Rooms()
    rooms.open_incident()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(app_of(rooms), host="127.0.0.1", port=port, log_level="critical"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    for name in wanted:
        path, width, height = PAGES[name]
        page = page_of(width, height)
        page.goto(f"http://127.0.0.1:{port}{path}")
        page.wait_for_timeout(1_500)
        page.screenshot(path=folder / f"{name}.png")
    server.should_exit = True


def coverage(folder: Path, page_of: Callable[..., Any]) -> None:
    """What a synthetic service's runbook would notice, down to the end of the plot."""
    world = World(
        seed=11, days=21, reference_days=14, per_minute=10, features=8, segments=3, harmless_deploys=0
    )
    with tempfile.TemporaryDirectory() as held:
        there = Path(held)
        write(world, there)
        book, log = str(there / "runbook.yaml"), str(there / "events.parquet")
        labels = ["--labels", str(there / "labels.parquet")]
        until = world.live_from.isoformat()
        main(["init", log, *labels, "--service", "synthetic", "--until", until, "-o", book, "-q"])
        main(["coverage", book, "--events", log, *labels, "--out", str(there / "out")])
        page = page_of(1160, 1345)
        page.goto((there / "out" / "coverage.html").as_uri())
        page.wait_for_timeout(500)
        bottom = page.evaluate("document.querySelector('section.panel').getBoundingClientRect().bottom")
        page.set_viewport_size({"width": 1160, "height": int(bottom) + 16})
        page.screenshot(path=folder / "coverage.png")


def story(folder: Path, page_of: Callable[..., Any]) -> None:
    """What the recorded demo tells of its bad deploy, in the colours of a terminal."""
    with tempfile.TemporaryDirectory() as held:
        main(["demo", "replay", "--out", held])
        told = json.loads((Path(held) / "incidents.json").read_text())
    paged = next(one for one in told if any(alert["urgency"] == "page" for alert in one["alerts"]))
    console = Console(file=io.StringIO(), record=True, width=telling.WIDTH, force_terminal=True)
    onset = tuple(parse_time(at) for at in paged["onset"])
    incident: Any = SimpleNamespace(id=paged["id"], onset=onset, opened_at=parse_time(paged["opened_at"]))
    teller = telling.Story(console, timezone="America/New_York")  # no progress bar: only what stays
    for held_entry in paged["timeline"]:
        named = {name: held_entry[name] for name in ("seq", "by", "because")}
        data = {name: value for name, value in held_entry.items() if name not in {*named, "at", "kind"}}
        at, kind = parse_time(held_entry["at"]), EntryKind(held_entry["kind"])
        teller.on_entry(incident, Entry(incident.id, at=at, kind=kind, data=data, **named))
    shown = console.export_html(
        theme=SVG_EXPORT_THEME,
        inline_styles=True,
        code_format="<pre style='margin:0;color:#ddd'>{code}</pre>",
    )
    page = page_of(1000, 741)
    page.set_content(TERMINAL.format(text=shown))
    page.screenshot(path=folder / "story.png")


def take(folder: Path, wanted: list[str]) -> None:
    """Take the pictures named, or all."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])

        def page_of(width: int, height: int) -> Any:
            return browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")

        named = wanted or [*PAGES, "coverage", "story"]
        pages(folder, [name for name in named if name in PAGES], page_of)
        for name, draw in (("coverage", coverage), ("story", story)):
            if name in named:
                draw(folder, page_of)
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])
