"""MLflow: the runs of an experiment, as runs of a training job."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from pydantic import Field

from fireline.clock import iso
from fireline.errors import InputError, SettingsError, Where
from fireline.runbook.sources import Feed
from fireline.runbook.values import Duration
from fireline.sources.pull import Address, Around, Pulled, PullSettings, PullSource, Secret, revealed
from fireline.terms.quarantine import cut

KIND = "mlflow"
FEEDS: tuple[Feed, ...] = ("jobs",)
PAGE = 500
TIMEOUT = 20.0
LARGEST = 32 << 20
STATES = {"FINISHED": "succeeded", "FAILED": "failed", "KILLED": "killed", "RUNNING": "running",
          "SCHEDULED": "running"}  # fmt: skip
TAGS = {"digest": "digest", "expected_digest": "expected_digest", "data_until": "data_until"}
"""Tags of a run that say what a job's rules ask for."""


class Settings(PullSettings):
    """Settings of an MLflow tracking server."""

    url: Address = Field(min_length=1, description="The tracking server, such as http://mlflow:5000.")
    experiment: str = Field(min_length=1, description="The experiment's name; it is the job's name too.")
    gate: str = Field(
        default="", description="The metric or tag that says whether the evaluation was passed (1 or true)."
    )
    settle: Duration = Field(
        default=timedelta(minutes=2), description="How long a run's end may take to reach the server."
    )
    token: Secret | None = Field(default=None, description="A bearer token, as env:NAME.")


def opened(settings: Settings, around: Around) -> PullSource:
    """The server that ``settings`` name. Raises SettingsError for an address that is none."""
    url = revealed(settings.url, "url") or ""
    if not url.startswith(("http://", "https://")):
        raise SettingsError("is no web address", todo="write http://host:5000", where=Where(key="url"))
    return _MLflow(settings, url.rstrip("/"), revealed(settings.token, "token"))


class _MLflow:
    """Asks for runs that ended after the cursor. Its text is the newest end passed and the runs that ended
    near it, so that one that reached the server a little late is neither lost nor told twice."""

    def __init__(self, settings: Settings, url: str, token: str | None) -> None:
        self.settings, self.url, self._token = settings, url, token

    def pull(self, cursor: str, now: datetime) -> Iterator[Pulled]:
        """Ended runs behind ``cursor``, oldest first, a page a portion."""
        settle = int(self.settings.settle.total_seconds() * 1000)
        told: dict[str, Any] = json.loads(cursor) if cursor else {"end": 0, "near": {}}
        newest, near = int(told["end"]), {str(k): int(v) for k, v in told["near"].items()}
        since = max(newest - settle, 0)  # a page token is an offset into what one and the same filter finds
        experiment, page = self._experiment(), ""
        if experiment is None:
            return
        while True:
            answer = self._post("runs/search", {
                "experiment_ids": [experiment], "max_results": PAGE, "order_by": ["attributes.end_time ASC"],
                "filter": f"attributes.end_time >= {since}",
                **({"page_token": page} if page else {}),
            })  # fmt: skip
            ended = [r for r in answer.get("runs", []) if r["info"].get("end_time")]
            runs = [r for r in ended if r["info"]["run_id"] not in near]
            for one in runs:
                newest = max(newest, int(one["info"]["end_time"]))
                near[one["info"]["run_id"]] = int(one["info"]["end_time"])
            near = {name: end for name, end in near.items() if end >= newest - 2 * settle}
            if runs:
                rows = [self._row(one) for one in runs]
                text = json.dumps({"end": newest, "near": near}, sort_keys=True, separators=(",", ":"))
                yield Pulled("jobs", rows, text, origin=f"{self.url} {self.settings.experiment}")
            page = answer.get("next_page_token", "")
            if not page:
                return

    def close(self) -> None:
        """Nothing is held open."""

    def _row(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """A run of MLflow as a run of the job."""
        info, data = one["info"], one.get("data", {})
        tags = {t["key"]: t["value"] for t in data.get("tags", [])}
        metrics = {m["key"]: m.get("value") for m in data.get("metrics", [])}
        row: dict[str, Any] = {
            "job": self.settings.experiment, "run": info["run_id"],
            "state": STATES.get(info["status"], "failed"), "at": _at(info["end_time"]),
            "started": _at(info.get("start_time")), "finished": _at(info["end_time"]),
            "params": {p["key"]: p["value"] for p in data.get("params", [])},
        }  # fmt: skip
        row |= {ours: tags[theirs] for ours, theirs in TAGS.items() if tags.get(theirs)}
        if self.settings.gate:
            passed = metrics.get(self.settings.gate, tags.get(self.settings.gate))
            good = str(passed).lower() in ("1", "1.0", "true")
            row["evaluation"] = None if passed is None else {"passed": good}
        return row

    def _experiment(self) -> str | None:
        """The experiment's id; None while there is none of the name."""
        try:
            name = quote(self.settings.experiment, safe="")
            found = self._ask(f"experiments/get-by-name?experiment_name={name}", None)
        except InputError as error:
            if "(404)" in str(error):
                return None
            raise
        return str(found["experiment"]["experiment_id"])

    def _post(self, what: str, body: Mapping[str, Any]) -> Any:
        return self._ask(what, json.dumps(body).encode())

    def _ask(self, what: str, body: bytes | None) -> Any:
        request = Request(f"{self.url}/api/2.0/mlflow/{what}", body, {"Content-Type": "application/json"})
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urlopen(request, timeout=TIMEOUT) as answer:
                return json.loads(answer.read(LARGEST))
        except HTTPError as error:
            said = cut(error.read(2_000).decode(errors="replace"), 200)
            raise InputError(
                f"MLflow refuses ({error.code}): {said}", permanent=error.code in (400, 401, 403),
                todo="look at the experiment's name and the token",
            ) from None  # fmt: skip
        except (URLError, OSError) as error:
            raise InputError(
                f"MLflow does not answer: {cut(str(getattr(error, 'reason', error)), 200)}", permanent=False,
                todo="look at the address and the network; it is tried again",
            ) from None  # fmt: skip
        except ValueError:
            raise InputError("what answers there is no MLflow", todo="look at the address") from None


def _at(millis: object) -> str | None:
    return iso(datetime.fromtimestamp(int(str(millis)) / 1000, UTC)) if millis else None
