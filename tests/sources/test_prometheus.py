"""A real Prometheus that scrapes itself: its samples come once each, and in order."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

import pytest

from fireline.clock import parse_time
from fireline.errors import InputError, SettingsError
from fireline.sources.pull import Around
from fireline.sources.pull.prometheus import Settings, opened
from tests.support.listening import free_port
from tests.support.processes import Gone, until

BINARY = shutil.which("prometheus")
AROUND = Around("pricing", "prom", "signals")
needs_prometheus = pytest.mark.skipif(BINARY is None, reason="no prometheus here: apt-get install prometheus")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address, once it has scraped itself for as long as the tests look back."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: self\n    static_configs:\n"
        f"      - targets: ['127.0.0.1:{port}']\n"
    )
    process = subprocess.Popen(
        [str(BINARY), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: is_up(url) and is_up(url, "up offset 4s"), "Prometheus has not scraped itself")
        yield url
    finally:
        process.terminate()
        process.wait(60)


def is_up(url: str, query: str = "up") -> bool:
    """Whether that has a value, and it is 1."""
    asked = f"{url}/api/v1/query?{urlencode({'query': query})}"
    try:
        return b'"1"' in urllib.request.urlopen(asked, timeout=10).read()
    except OSError as error:
        raise Gone(str(error)) from None


def settings(url: str, *queries: tuple[str, str], **more: object) -> Settings:
    asked = [{"name": name, "query": query} for name, query in queries]
    return Settings.model_validate({"url": url, "queries": asked, "step": "1s", "back": "3s", **more})


@needs_prometheus
def test_each_step_comes_once_across_looks(prometheus: str, tmp_path: Path) -> None:
    source = opened(settings(prometheus, ("up", "up"), ("goroutines", "go_goroutines")), AROUND)
    cursor, seen = "", []
    for _ in range(3):
        for portion in source.pull(cursor, datetime.now(UTC)):
            cursor = portion.cursor
            seen += [(row["name"], row["at"]) for row in portion.rows]
        time.sleep(1.2)
    assert len(seen) == len(set(seen)) > 6
    assert {name for name, _ in seen} == {"up", "goroutines"}
    ups = [parse_time(at) for name, at in seen if name == "up"]
    assert ups == sorted(ups)
    assert all(b - a == timedelta(seconds=1) for a, b in pairwise(ups))


@needs_prometheus
def test_several_series_are_named_after_their_labels(prometheus: str) -> None:
    source = opened(settings(prometheus, ("codes", "sum by (code) (prometheus_http_requests_total)")), AROUND)
    urllib.request.urlopen(f"{prometheus}/-/ready", timeout=5).read()
    rows = [row for portion in source.pull("", datetime.now(UTC)) for row in portion.rows]
    assert rows
    assert all(row["name"].startswith("codes") and row["kind"] == "gauge" for row in rows)


@needs_prometheus
def test_a_query_that_cannot_be_read_is_said_with_prometheus_own_words(prometheus: str) -> None:
    source = opened(settings(prometheus, ("odd", "sum(((")), AROUND)
    with pytest.raises(InputError, match="parse error") as told:
        list(source.pull("", datetime.now(UTC)))
    assert told.value.permanent


def test_nobody_there_is_tried_again() -> None:
    source = opened(settings("http://127.0.0.1:9", ("up", "up")), AROUND)
    with pytest.raises(InputError, match="does not answer") as told:
        list(source.pull("", datetime.now(UTC)))
    assert not told.value.permanent


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(SettingsError):
        opened(settings("prometheus:9090", ("up", "up")), AROUND)
