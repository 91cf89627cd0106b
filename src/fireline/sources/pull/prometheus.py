"""Prometheus: range queries, each of whose series is a gauge (or an age, or calls) of the service."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from pydantic import Field

from fireline.clock import iso, parse_time
from fireline.errors import InputError, SettingsError, Where
from fireline.runbook.part import Part
from fireline.runbook.sources import Feed
from fireline.runbook.values import Duration
from fireline.sources.pull import Address, Around, Pulled, PullSettings, PullSource, Secret, revealed
from fireline.terms.quarantine import cut

KIND = "prometheus"
FEEDS: tuple[Feed, ...] = ("signals",)
POINTS = 2_000
"""Steps asked for at once: Prometheus refuses more than 11,000 a series."""
TIMEOUT = 15.0
LARGEST = 32 << 20
NAMED = ("__name__", "job", "instance")


class PromQuery(Part):
    """One query, and what its series are."""

    query: str = Field(min_length=1, description="PromQL, such as max(process_resident_memory_bytes).")
    name: str = Field(
        min_length=1,
        description="The signal's name; where a query gives several series, their labels are added to it.",
    )
    kind: Literal["gauge", "age"] = Field(
        default="gauge", description="gauge, or age (seconds since something was refreshed)."
    )


class Settings(PullSettings):
    """Settings of a Prometheus server, or of anything that answers its query API."""

    url: Address = Field(min_length=1, description="Where it answers, such as http://prometheus:9090.")
    queries: tuple[PromQuery, ...] = Field(min_length=1, description="What is asked, each under a name.")
    step: Duration = Field(
        default=timedelta(seconds=30), description="The distance between two samples, a second or more."
    )
    back: Duration = Field(default=timedelta(minutes=10), description="How far back the first look reaches.")
    token: Secret | None = Field(default=None, description="A bearer token, as env:NAME.")


def opened(settings: Settings, around: Around) -> PullSource:
    """The server that ``settings`` name. Raises SettingsError for an address that is none."""
    url = revealed(settings.url, "url") or ""
    if not url.startswith(("http://", "https://")):
        raise SettingsError("is no web address", todo="write http://host:9090", where=Where(key="url"))
    if settings.step < timedelta(seconds=1):
        raise SettingsError("a step is a second or more", todo="write 15s or 1m", where=Where(key="step"))
    return _Prometheus(settings, url.rstrip("/"), revealed(settings.token, "token"))


class _Prometheus:
    """Asks for whole steps only: the last step asked for is the cursor, so no sample comes twice."""

    def __init__(self, settings: Settings, url: str, token: str | None) -> None:
        self.settings, self.url, self._token = settings, url, token

    def pull(self, cursor: str, now: datetime) -> Iterator[Pulled]:
        """Samples of the steps after ``cursor`` that are over; at most 2,000 steps a portion."""
        step = int(self.settings.step.total_seconds())
        last = int(now.timestamp()) // step * step - step  # the newest step may still be scraped
        if cursor:
            first = int(parse_time(cursor).timestamp()) + step
        else:
            first = int((now - self.settings.back).timestamp()) // step * step
        while first <= last:
            until = min(last, first + (POINTS - 1) * step)
            rows: list[dict[str, Any]] = []
            for asked in self.settings.queries:
                rows += self._asked(asked, first, until, step)
            rows.sort(key=lambda row: (row["at"], row["name"]))
            yield Pulled("signals", rows, iso(datetime.fromtimestamp(until, UTC)), origin=self.url)
            first = until + step

    def close(self) -> None:
        """Nothing is held open."""

    def _asked(self, asked: PromQuery, first: int, last: int, step: int) -> list[dict[str, Any]]:
        data = self._get({"query": asked.query, "start": first, "end": last, "step": step}, asked)
        series = data.get("result") if isinstance(data, dict) else None
        if not isinstance(series, list) or data.get("resultType") != "matrix":
            raise InputError(
                f"the query {asked.name!r} gives no series over time", where=Where(key=asked.query),
                todo="write one that gives an instant vector or a scalar",
            )  # fmt: skip
        return [row for one in series for row in self._rows(asked, one, len(series) > 1)]

    def _rows(self, asked: PromQuery, one: Mapping[str, Any], several: bool) -> Iterator[dict[str, Any]]:
        labels: Mapping[str, str] = one.get("metric") or {}
        name = _named(asked.name, labels) if several else asked.name
        for at, text in one.get("values") or ():
            value = _figure(text)
            if value is not None:
                yield {"at": iso(datetime.fromtimestamp(float(at), UTC)), "kind": asked.kind, "name": name,
                       "value": value, "host": labels.get("instance")}  # fmt: skip

    def _get(self, query: Mapping[str, Any], asked: PromQuery) -> Any:
        request = Request(f"{self.url}/api/v1/query_range?{urlencode(query)}")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urlopen(request, timeout=TIMEOUT) as answer:
                body = answer.read(LARGEST + 1)
        except HTTPError as error:
            says, permanent = _refusal(error), error.code in (400, 401, 403, 404, 422)
            raise InputError(
                f"Prometheus refuses the query {asked.name!r} ({error.code}): {says}", permanent=permanent,
                todo="try it in Prometheus's own page, and look at the token",
            ) from None  # fmt: skip
        except (URLError, OSError) as error:
            raise InputError(
                f"Prometheus does not answer: {cut(str(getattr(error, 'reason', error)), 200)}",
                permanent=False, todo="look at the address and the network; it is tried again",
            ) from None  # fmt: skip
        if len(body) > LARGEST:
            raise InputError(
                f"the query {asked.name!r} gives more than {LARGEST >> 20} MB",
                todo="aggregate it: max by (...)",
            )
        try:
            return json.loads(body)["data"]
        except (ValueError, KeyError, TypeError):
            raise InputError("what answers there is no Prometheus", todo="look at the address") from None


def _figure(text: object) -> float | None:
    """A sample's value; NaN and infinities are no figure and are left out."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _named(name: str, labels: Mapping[str, str]) -> str:
    told: Sequence[str] = [f"{k}={v}" for k, v in sorted(labels.items()) if k not in NAMED]
    told = told or [labels.get("instance", "")]
    return cut(f"{name}{{{','.join(told)}}}", 200)


def _refusal(error: HTTPError) -> str:
    try:
        return cut(str(json.loads(error.read(10_000)).get("error", error.reason)), 300)
    except (ValueError, OSError, AttributeError):
        return cut(str(error.reason), 200)
