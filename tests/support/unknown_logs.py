"""Logs as teams keep them, each with habits of its own, and what should be read off them.

All are calm: nothing happens in them, from the first row to the last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS, ROWS = 15, 4_000
UNTIL = START + timedelta(days=10)


@dataclass(frozen=True)
class Unknown:
    """A log, and what `init` should see in it: roles, task, segments; and what is no feature."""

    table: pa.Table
    task: str
    roles: dict[str, str]
    segments: set[str] = field(default_factory=set)
    no_feature: set[str] = field(default_factory=set)
    also: dict[str, Any] = field(default_factory=dict)
    labels: pa.Table | None = None
    form: str = "parquet"


def when(rng: Any, rows: int = ROWS, days: float = DAYS) -> list[datetime]:
    """Sorted instants, evenly spread."""
    return [START + timedelta(days=float(d)) for d in np.sort(rng.uniform(0, days, rows))]


def epoch_ms(at: list[datetime]) -> list[int]:
    return [int(t.timestamp() * 1000) for t in at]


def ids(prefix: str, rows: int = ROWS) -> list[str]:
    return [f"{prefix}{i:07d}" for i in range(rows)]


def outcome(rng: Any, p: Any) -> Any:
    return (rng.random(len(p)) < p).astype(int)


def camel_case() -> Unknown:
    rng = np.random.default_rng(1)
    at, p = when(rng), rng.beta(2, 5, ROWS)
    return Unknown(
        pa.table({
            "eventTimestampMs": epoch_ms(at),
            "requestId": ids("req-"),
            "modelVersion": ["v3"] * ROWS,
            "predictedProbability": p,
            "yTrue": outcome(rng, p),
            "labelTime": pa.array([t + timedelta(hours=2) for t in at]),
            "tookMs": rng.gamma(4, 6, ROWS),
            "HTTPStatusCode": np.where(rng.random(ROWS) < 0.01, 500, 200),
            "deviceType": rng.choice(["phone", "tablet", "desk"], ROWS),
            "basketSize": rng.poisson(3, ROWS),
            "isMember": rng.random(ROWS) < 0.4,
        }),
        "binary",
        {"time": "eventTimestampMs", "request_id": "requestId", "version": "modelVersion",
         "score": "predictedProbability", "label": "yTrue", "label_time": "labelTime", "latency_ms": "tookMs",
         "status": "HTTPStatusCode"},
        {"deviceType"},
        also={"features": {"deviceType": "categorical", "basketSize": "numeric", "isMember": "categorical"}},
    )  # fmt: skip


def german() -> Unknown:
    rng = np.random.default_rng(2)
    at, p = when(rng), rng.beta(2, 6, ROWS)
    return Unknown(
        pa.table({
            "Zeitstempel": [f"{t:%Y-%m-%d %H:%M:%S}" for t in at],
            "Anfrage-ID": ids("A"),
            "Modellversion": ["2026.1"] * ROWS,
            "Wahrscheinlichkeit": p,
            "istBetrug": np.where(outcome(rng, p) == 1, "ja", "nein"),
            "bestätigtAm": [f"{t + timedelta(hours=5):%Y-%m-%d %H:%M:%S}" for t in at],
            "AntwortzeitSekunden": rng.gamma(4, 0.01, ROWS),
            "Geschlecht": rng.choice(["m", "w", "d"], ROWS, p=[0.45, 0.45, 0.1]),
            "Zahlungsart": rng.choice(["Karte", "Rechnung", "Lastschrift"], ROWS),
            "Betrag": rng.lognormal(3, 1, ROWS),
        }),
        "binary",
        {"time": "Zeitstempel", "request_id": "Anfrage-ID", "version": "Modellversion",
         "score": "Wahrscheinlichkeit", "label": "istBetrug", "label_time": "bestätigtAm",
         "latency_ms": "AntwortzeitSekunden"},
        {"Zahlungsart", "Geschlecht"},
        also={"groups": ("Geschlecht",), "latency_unit": "s"}, form="csv",
    )  # fmt: skip


def french() -> Unknown:
    rng = np.random.default_rng(3)
    at, size = when(rng), rng.uniform(20, 120, ROWS)
    foretold = 3_000 * size * rng.normal(1, 0.05, ROWS)
    return Unknown(
        pa.table({
            "horodatage": pa.array(at),
            "identifiant_requête": ids("q"),
            "version_modèle": ["été-2"] * ROWS,
            "prix_estimé": foretold,
            "prix_réel": foretold * rng.normal(1, 0.1, ROWS),
            "durée_ms": rng.gamma(4, 6, ROWS),
            "surface": size,
            "région": rng.choice(["Bretagne", "Corse", "Centre"], ROWS),
        }),
        "regression",
        {"time": "horodatage", "request_id": "identifiant_requête", "version": "version_modèle",
         "prediction": "prix_estimé", "label": "prix_réel", "latency_ms": "durée_ms"},
        {"région"},
        also={"features": {"surface": "numeric", "région": "categorical"}},
    )  # fmt: skip


def nested() -> Unknown:
    """JSON lines with objects in objects, as a gateway writes them."""
    rng = np.random.default_rng(4)
    at, p = when(rng), rng.dirichlet([2, 3, 4], ROWS)
    names = np.array(["cat", "dog", "fox"])
    truth = [names[rng.choice(3, p=row)] for row in p]
    rows = [
        {
            "ts": at[i].timestamp(),
            "request": {"id": f"r{i}", "client": ["web", "app"][i % 2]},
            "model": {"version": "12", "name": "zoo"},
            "scores": {name: float(x) for name, x in zip(names, p[i], strict=True)},
            "response": {"prediction": str(names[p[i].argmax()]), "latency_ms": float(rng.gamma(4, 6))},
            "truth": str(truth[i]),
            "image": {"width": int(rng.integers(200, 900)), "embedding": rng.normal(size=8).tolist()},
        }
        for i in range(ROWS)
    ]
    return Unknown(
        pa.Table.from_pylist(rows), "multiclass",
        {"time": "ts", "request_id": "request.id", "version": "model.version",
         "prediction": "response.prediction", "label": "truth", "latency_ms": "response.latency_ms"},
        also={"class_scores": {"cat": "scores.cat", "dog": "scores.dog", "fox": "scores.fox"},
              "embeddings": ("image.embedding",)},
        form="jsonl",
    )  # fmt: skip


def sampled() -> Unknown:
    """A sample of a log, with weights, hosts, a guard's rungs and words for truth values; labels apart."""
    rng = np.random.default_rng(5)
    at, p = when(rng), rng.beta(2, 2, ROWS)
    return Unknown(
        pa.table({
            "event_time": pa.array(at), "uuid": ids("u"), "release": ["r7"] * ROWS, "churn_probability": p,
            "sample_weight": [10.0] * ROWS, "sampling_rate": [0.1] * ROWS,
            "pod": rng.choice(["pod-a", "pod-b"], ROWS), "caller": rng.choice(["crm", "web"], ROWS),
            "rung": ["current"] * ROWS, "switch_version": [3] * ROWS, "is_shadow": ["no"] * ROWS,
            "is_imputed": np.where(rng.random(ROWS) < 0.02, "yes", "no"),
            "plan": rng.choice(["free", "pro"], ROWS), "logins_30d": rng.poisson(9, ROWS),
        }),
        "binary",
        {"time": "event_time", "request_id": "uuid", "version": "release", "score": "churn_probability",
         "weight": "sample_weight", "host": "pod", "source": "caller", "rung": "rung",
         "switch": "switch_version",
         "shadow": "is_shadow", "label": "churned", "label_time": "known_at"},
        {"plan"}, {"sampling_rate"}, also={"flags": ("is_imputed",)},
        labels=pa.table({"uuid": ids("u"), "churned": outcome(rng, p),
                         "known_at": pa.array([t + timedelta(hours=20) for t in at])}),
    )  # fmt: skip


def wide() -> Unknown:
    rng = np.random.default_rng(6)
    at, p = when(rng), rng.beta(2, 5, ROWS)
    many: dict[str, Any] = {f"f_{i:03d}": rng.normal(size=ROWS) for i in range(120)}
    many |= {f"cat_{i:02d}": rng.choice([f"v{j}" for j in range(3 + i)], ROWS) for i in range(30)}
    return Unknown(
        pa.table({"timestamp": pa.array(at), "model_version": ["a"] * ROWS, "score": p, **many}),
        "binary", {"time": "timestamp", "version": "model_version", "score": "score"},
        {f"cat_{i:02d}" for i in range(8)}, also={"n_features": 150},
    )  # fmt: skip


WORDS = ("please", "tell", "me", "how", "the", "rates", "of", "my", "account", "changed", "since", "first")


def prose(rng: Any, rows: int, least: int) -> list[str]:
    return [" ".join(rng.choice(WORDS, rng.integers(least, least + 12))) + f" {i}" for i in range(rows)]


def chat() -> Unknown:
    rng = np.random.default_rng(7)
    at = when(rng)
    return Unknown(
        pa.table({
            "created_at": pa.array(at), "message_id": ids("msg_"), "model": ["small-2"] * ROWS,
            "prompt": prose(rng, ROWS, 5), "completion": prose(rng, ROWS, 15),
            "prompt_tokens": rng.poisson(30, ROWS), "completion_tokens": rng.poisson(90, ROWS),
            "finish_reason": rng.choice(["stop", "length"], ROWS, p=[0.9, 0.1]),
            "latency_seconds": rng.gamma(4, 0.3, ROWS), "toxic": rng.random(ROWS) < 0.01,
            "refusal": rng.random(ROWS) < 0.05, "pii_found": rng.random(ROWS) < 0.01,
            "jailbreak_detected": rng.random(ROWS) < 0.01, "thumbs_up": rng.random(ROWS) < 0.3,
            "conversation_id": [f"c{i // 3}" for i in range(ROWS)],
            "prompt_embedding": pa.array(rng.normal(size=(ROWS, 6)).tolist(), pa.list_(pa.float32())),
        }),
        "llm",
        {"time": "created_at", "request_id": "message_id", "version": "model",
         "latency_ms": "latency_seconds"},
        {"finish_reason"}, {"thumbs_up", "prompt", "completion", "conversation_id"},
        also={"texts": ("prompt", "completion"), "embeddings": ("prompt_embedding",), "latency_unit": "s",
              "flags": ("toxic", "refusal", "pii_found", "jailbreak_detected")},
    )  # fmt: skip


def search() -> Unknown:
    rng = np.random.default_rng(8)
    lists = ROWS // 5
    at = [t for t in when(rng, lists) for _ in range(5)]
    relevance = rng.normal(size=ROWS)
    rank = [i % 5 + 1 for i in range(ROWS)]
    return Unknown(
        pa.table({
            "ts": pa.array(at), "search_id": [f"s{i // 5}" for i in range(ROWS)],
            "query_text": [q for q in prose(rng, lists, 2) for _ in range(5)],
            "doc_id": [f"d{int(x)}" for x in rng.integers(0, 900, ROWS)], "position": rank,
            "ranker_version": ["lambda-4"] * ROWS, "score": relevance,
            "clicked": outcome(rng, 1 / (1.5 + np.array(rank))),
            "dwell_seconds_delay": rng.gamma(2, 9, ROWS), "language": rng.choice(["en", "de"], ROWS),
        }),
        "ranking",
        {"time": "ts", "query": "search_id", "item": "doc_id", "rank": "position", "score": "score",
         "label": "clicked"},
        {"language"}, {"query_text", "dwell_seconds_delay"}, also={"texts": ("query_text",)},
    )  # fmt: skip


def fraud() -> Unknown:
    """With columns that were filled in after the chargeback: none of them may become a feature."""
    rng = np.random.default_rng(9)
    at, p = when(rng), rng.beta(1, 20, ROWS)
    truth = outcome(rng, p)
    return Unknown(
        pa.table({
            "transaction_time": [f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in at], "transaction_id": ids("tx"),
            "model_version": ["v9"] * ROWS, "fraud_score": p, "is_fraud": truth,
            "amount": rng.lognormal(3, 1, ROWS), "merchant_category": rng.integers(1, 30, ROWS),
            "card_number_hash": [f"{h:016x}" for h in rng.integers(0, 2**62, ROWS)],
            "case_state": np.where(truth == 1, "blocked card", "none"),
            "chargeback_amount": np.where(truth == 1, 10.0, 0.0),
            "recovered_eur": truth * 30 + rng.normal(0, 1, ROWS),
            "disputes_last_90d": rng.poisson(0.2, ROWS), "channel": rng.choice(["pos", "web", "phone"], ROWS),
        }),
        "binary",
        {"time": "transaction_time", "request_id": "transaction_id", "version": "model_version",
         "score": "fraud_score", "label": "is_fraud"},
        {"channel", "merchant_category"},
        {"case_state", "chargeback_amount", "recovered_eur", "card_number_hash"},
        also={"features": {"amount": "numeric", "merchant_category": "categorical", "channel": "categorical",
                           "disputes_last_90d": "numeric"}},
    )  # fmt: skip


def houses() -> Unknown:
    rng = np.random.default_rng(10)
    at, size = when(rng), rng.normal(110, 30, ROWS).clip(30)
    worth = 2_000 * size
    sold = worth * rng.normal(1, 0.1, ROWS)
    known = rng.random(ROWS) < 0.7
    return Unknown(
        pa.table({
            "scored_at": pa.array(at), "listing_id": ids("L"), "year": [t.year for t in at],
            "month": [t.month for t in at], "row_number": list(range(ROWS)),
            "predicted_price": worth * rng.normal(1, 0.05, ROWS),
            "sale_price": pa.array(np.where(known, sold, np.nan), from_pandas=True),
            "days_on_market_until_sold": pa.array(
                np.where(known, rng.poisson(40, ROWS), np.nan), from_pandas=True),
            "square_metres": size, "rooms": rng.integers(1, 9, ROWS),
            "postcode": rng.integers(100, 140, ROWS),
            "heating": rng.choice(["gas", "oil", "heat pump"], ROWS),
        }),
        "regression",
        {"time": "scored_at", "prediction": "predicted_price", "label": "sale_price"},
        {"heating", "postcode"}, {"year", "month", "row_number", "days_on_market_until_sold"},
        also={"features": {"square_metres": "numeric", "rooms": "numeric", "postcode": "categorical",
                           "heating": "categorical"}},
    )  # fmt: skip


def ab_test() -> Unknown:
    rng = np.random.default_rng(11)
    at = when(rng)
    return Unknown(
        pa.table({
            "exposure_ts": [int(t.timestamp()) for t in at], "visitor_id": ids("vis"),
            "experiment_variant": rng.choice(["control", "treatment"], ROWS),
            "order_value": rng.lognormal(3, 0.5, ROWS), "country": rng.choice(["SE", "NO", "DK"], ROWS),
            "age_group": rng.choice(["18-30", "31-50", "51+"], ROWS), "p": rng.beta(2, 3, ROWS),
            "pages_viewed_7d": rng.poisson(5, ROWS),
        }),
        "binary",
        {"time": "exposure_ts", "arm": "experiment_variant", "outcome": "order_value", "score": "p"},
        {"country", "age_group"}, {"visitor_id"}, also={"groups": ("age_group",)},
    )  # fmt: skip


def demand() -> Unknown:
    """Whole numbers of few values, foretold by fractions: amounts, and no classes."""
    rng = np.random.default_rng(12)
    at, mean = when(rng), rng.uniform(2, 7, ROWS)
    return Unknown(
        pa.table({
            "date_time": [f"{t:%Y-%m-%d %H:%M:%S+00:00}" for t in at], "forecast": mean.round(2),
            "actual": rng.poisson(mean), "store_code": rng.integers(1, 9, ROWS),
            "promo": rng.choice(["Y", "N"], ROWS), "price": rng.normal(9, 1, ROWS),
            "service_name": ["demand"] * ROWS,
        }),
        "regression",
        {"time": "date_time", "prediction": "forecast", "label": "actual", "service": "service_name"},
        {"store_code", "promo"}, form="csv",
        also={"features": {"store_code": "categorical", "promo": "categorical", "price": "numeric"}},
    )  # fmt: skip


def open_telemetry() -> Unknown:
    """Spans of a gateway before a language model, flat, with dotted names and nanoseconds."""
    rng = np.random.default_rng(13)
    at = when(rng)
    return Unknown(
        pa.table({
            "start_time_unix": [int(t.timestamp()) * 1_000_000_000 for t in at], "trace_id": ids("t"),
            "gen_ai.response.model": ["m-1"] * ROWS, "gen_ai.usage.input_tokens": rng.poisson(40, ROWS),
            "gen_ai.usage.output_tokens": rng.poisson(80, ROWS), "gen_ai.prompt": prose(rng, ROWS, 6),
            "gen_ai.completion": prose(rng, ROWS, 16), "duration_ns": rng.gamma(4, 3e8, ROWS).astype(int),
            "http.status_code": np.where(rng.random(ROWS) < 0.01, 503, 200),
            "moderation.flagged": rng.random(ROWS) < 0.01,
            "server.name": rng.choice(["eu-1", "eu-2"], ROWS),
        }),
        "llm",
        {"time": "start_time_unix", "request_id": "trace_id", "version": "gen_ai.response.model",
         "latency_ms": "duration_ns", "status": "http.status_code", "host": "server.name"},
        also={"latency_unit": "ns", "texts": ("gen_ai.prompt", "gen_ai.completion"),
              "flags": ("moderation.flagged",)},
    )  # fmt: skip


LOGS: dict[str, Callable[[], Unknown]] = {
    made.__name__: made
    for made in (
        camel_case, german, french, nested, sampled, wide, chat, search, fraud, houses, ab_test, demand,
        open_telemetry,
    )
}  # fmt: skip
