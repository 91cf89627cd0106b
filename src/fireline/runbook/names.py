"""The names logs use for the parts a column can play, best first."""

from __future__ import annotations

NAMES: dict[str, tuple[str, ...]] = {
    "time": (
        "time", "timestamp", "event_time", "event_timestamp", "ts", "datetime", "at", "request_time",
        "requested_at", "asked_at", "predicted_at", "prediction_time", "prediction_timestamp", "served_at",
        "scored_at", "created_at", "occurred_at", "logged_at", "date_time", "date",
    ),
    "request_id": (
        "request_id", "req_id", "prediction_id", "inference_id", "event_id", "correlation_id", "trace_id",
        "transaction_id", "call_id", "uuid", "guid", "id", "row_id",
    ),
    "version": (
        "version", "model_version", "model_id", "model_tag", "model", "model_name", "deployment", "deployment_id",
        "release", "revision", "build",
    ),
    "service": ("service", "service_name"),
    "shadow": ("shadow", "is_shadow", "shadow_call", "shadow_mode"),
    "weight": ("weight", "sample_weight", "sampling_weight", "inverse_sampling_share"),
    "label_time": (
        "label_time", "label_timestamp", "label_ts", "labelled_at", "labeled_at", "label_at", "label_date",
        "truth_time",
        "ground_truth_time", "known_at", "outcome_time", "feedback_time", "actual_time", "target_time",
    ),
    "label": (
        "label", "y_true", "ground_truth", "true_label", "truth", "target", "actual", "y", "actual_label",
        "label_value", "correct_answer",
    ),
    "score": (
        "score", "model_score", "prediction_score", "predicted_probability", "predicted_proba", "y_pred_proba",
        "y_score", "probability", "proba", "prob", "prediction_probability", "confidence", "p",
    ),
    "prediction": (
        "prediction", "predicted", "predicted_value", "predicted_class", "predicted_label", "y_pred", "y_hat",
        "yhat", "pred", "forecast", "decision", "answer", "output", "response", "completion",
    ),
    "latency_ms": (
        "latency_ms", "latency", "duration_ms", "took_ms", "elapsed_ms", "response_time_ms", "inference_ms",
        "inference_time_ms", "latency_millis", "duration_millis", "request_duration_ms", "processing_ms",
        "response_time", "latency_milliseconds",
    ),
    "status": ("status", "status_code", "http_status", "http_status_code", "response_status", "response_code"),
    "outcome": (
        "outcome", "kpi", "revenue", "reward", "conversion", "converted", "clicked", "click", "purchase",
        "purchased", "profit",
    ),
    "arm": ("arm", "experiment_arm", "ab_arm", "ab_group", "test_group", "treatment", "variant", "experiment"),
    "query": ("query", "query_id", "qid", "search_id", "impression_id"),
    "item": ("item", "item_id", "doc_id", "document_id", "product_id", "asin", "sku"),
    "rank": ("rank", "position", "pos"),
    "host": ("host", "hostname", "host_name", "node", "pod", "pod_name", "server", "machine", "instance", "worker"),
    "source": ("source", "caller", "upstream", "client_id", "client_ip", "source_ip", "remote_addr", "ip",),
    "rung": ("rung", "fallback_rung", "fallback_level"),
    "switch": ("switch", "switch_version"),
}  # fmt: skip
"""Role -> names in snake case. Order matters twice: roles claim columns in it, and names win in it."""

FLAG_WORDS = frozenset((
    "toxic", "toxicity", "refusal", "refused", "refuse", "pii", "injection", "jailbreak", "unsafe",
    "flagged", "hallucination", "hallucinated", "abuse", "abusive", "nsfw", "profanity", "violation",
    "blocked", "timeout", "timed", "failed", "failure", "error", "fallback", "truncated", "leak",
    "breaker", "moderated", "harmful", "hate", "defaulted", "imputed",
))  # fmt: skip
"""A yes/no column with one of these words says that something bad happened."""

GROUP_NAMES = frozenset((
    "gender", "sex", "race", "ethnicity", "ethnic_group", "age_group", "age_band", "disability",
    "disabled", "religion", "nationality", "marital_status", "protected_group",
))  # fmt: skip

CODE_WORDS = frozenset((
    "code", "zip", "zipcode", "postcode", "postal", "class", "category", "type", "kind", "cluster",
    "bucket", "version",
))  # fmt: skip
"""A whole number with one of these words is a code, not an amount."""

ID_WORDS = frozenset((
    "id", "ids", "uuid", "guid", "key", "token", "hash", "index", "idx", "rowid",
))  # fmt: skip

SECONDS_WORDS = frozenset((
    "s", "sec", "secs", "second", "seconds", "us", "micros", "microseconds", "ns", "nanos",
))  # fmt: skip

CLASS_SCORE_PREFIXES = ("score", "prob", "proba", "probability", "p", "y_pred_proba")

POSITIVE_WORDS = (
    "1", "true", "yes", "y", "positive", "fraud", "bad", "late", "spam", "churn", "churned", "default", "defaulted",
    "click", "clicked", "approved", "toxic", "sick",
)  # fmt: skip

ERROR_WORDS = frozenset((
    "error", "failed", "failure", "fail", "timeout", "exception",
))  # fmt: skip
"""A status of one of these words is an error; so is a number from 500 on."""
