"""The guide's code runs as it is written there."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from pathlib import Path

from fireline import guard

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "guard-a-model.md"


def test_the_guides_code_runs_and_its_service_answers():
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) == 8
    names = {"__name__": "guide"}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec", dont_inherit=True), names)
    app = names["app"]
    assert _get(app, "/fare", b"km=10&city=Utrecht") == {"fare": 14.5}
    assert _get(app, "/checkout", b"amount=100") == {"risk": 0.1}
    assert names["routed"].status()["rungs"][0]["answered"] == 1


def test_the_guide_names_every_setting_of_the_environment():
    text = PAGE.read_text(encoding="utf-8")
    source = (Path(__file__).resolve().parents[2] / "src/fireline/guard/settings.py").read_text(
        encoding="utf-8"
    )
    assert {name for name in re.findall(r"FIRELINE_[A-Z_]+", source) if name not in text} == set()


def _get(app, path, query):
    async def story():
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "http.request", "body": b""}

        scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query,
            "headers": [], "root_path": "", "scheme": "http", "server": ("test", 80), "client": ("test", 1),
        }  # fmt: skip
        await app(scope, receive, send)
        assert sent[0]["status"] == 200, sent
        return json.loads(b"".join(message.get("body", b"") for message in sent))

    return asyncio.run(story())


def test_the_reference_names_everything_that_is_public():
    page = (PAGE.parents[1] / "reference" / "guard.md").read_text(encoding="utf-8")
    names = set(guard.__all__) - {"KINDS", "signed", "Outbox", "OutOfWorkers"}
    for kind in (guard.Guard, guard.Rung, guard.Breaker, guard.GuardMiddleware):
        names |= set(inspect.signature(kind).parameters) - {"app", "now"}
    names |= set(inspect.signature(guard.Outbox).parameters) - {"line", "headers", "name"}
    names |= {name for name in vars(guard.Guard) if not name.startswith("_")} - {
        "now",
        "record",
        "rung_added",
        "after_fork",
    }
    names |= set(guard.KINDS)
    assert {name for name in names if not re.search(rf"\b{name}\b", page)} == set()
