"""More names for the parts a column can play: how other teams, tools and languages write them.

Names are in snake case and without accents, as `Look.plain` gives them.
"""

from __future__ import annotations

MORE_NAMES: dict[str, tuple[str, ...]] = {
    "time": (
        "event_ts", "request_ts", "request_timestamp", "log_time", "log_timestamp", "start_time",
        "started_at",
        "received_at", "inference_time_utc", "prediction_ts", "predicted_ts", "scored_ts", "created",
        "emitted_at",
        "captured_at", "answered_at", "epoch", "unix_time", "unixtime", "time_hour", "when",
        "zeitstempel", "zeitpunkt", "uhrzeit", "zeit", "datum", "erstellt_am", "angefragt_am",
        "horodatage", "date_heure", "heure", "date_requete", "fecha_hora", "fecha", "marca_de_tiempo",
    ),
    "request_id": (
        "message_id", "completion_id", "response_id", "order_id", "booking_id", "claim_id", "case_id",
        "impression_uuid", "request_uuid", "x_request_id", "span_id", "anfrage_id", "anfragenummer",
        "vorgang_id",
        "vorgangsnummer", "transaktion_id", "id_requete", "identifiant", "identifiant_requete",
        "numero_requete",
        "id_transaction", "id_solicitud",
    ),
    "version": (
        "model_ver", "mlflow_version", "artifact_version", "model_revision", "model_hash", "modellversion",
        "modell_version", "modell", "version_modele", "version_du_modele", "modele", "version_modelo",
        "modelo", "ranker", "classifier", "engine",
    ),
    "arrived": ("observed_at", "observed_timestamp", "eingegangen_am", "empfangen_am", "recu_le"),
    "tools": (),
    "moderation": (),
    "service": ("dienst", "nom_service", "application", "app_name"),
    "shadow": ("schatten", "is_shadow_traffic", "dark_launch"),
    "weight": ("inverse_probability_weight", "ipw", "gewicht", "poids"),
    "label_time": (
        "label_received_at", "labelled_on", "confirmed_at", "outcome_at", "resolved_at", "settled_at",
        "ground_truth_at", "wahrheit_zeit", "bekannt_am", "bestaetigt_am", "bestatigt_am",
        "date_label", "date_verite",
        "connu_le", "date_confirmation",
    ),
    "label": (
        "groundtruth", "gt", "true_class", "true_value", "actual_value", "actual_class", "observed",
        "gold_label", "gold", "wahrheit", "zielwert", "zielvariable", "tatsaechlich", "tatsachlich",
        "ist_wert",
        "etikett", "verite", "verite_terrain", "etiquette", "cible", "valeur_reelle", "reel", "etiqueta",
    ),
    "score": (
        "raw_score", "model_probability", "pred_proba", "pred_prob", "positive_probability",
        "risk_probability",
        "wahrscheinlichkeit", "konfidenz", "punktzahl", "probabilite", "probabilidad", "puntuacion",
    ),
    "prediction": (
        "model_output", "model_prediction", "predicted_label_name", "predicted_category", "inference",
        "entscheidung", "vorhersage", "prognose", "vorhergesagt", "vorhergesagte_klasse", "klasse_vorhersage",
        "prediction_modele",
        "prevision", "classe_predite", "valeur_predite", "prediccion",
    ),
    "latency_ms": (
        "latency_ms_total", "total_ms", "time_ms", "runtime_ms", "elapsed", "duration", "antwortzeit_ms",
        "antwortzeit", "laufzeit_ms", "dauer_ms", "dauer", "latenz_ms", "latenz", "duree_ms", "duree",
        "temps_reponse_ms", "temps_reponse", "latence_ms", "latence", "latencia_ms", "latencia",
    ),
    "status": ("http_code", "httpstatus", "result_status", "grpc_status", "statut", "code_http", "estado"),
    "outcome": (
        "umsatz", "gewinn", "gekauft", "geklickt", "chiffre_affaires", "achat", "clique", "order_value",
        "basket_value", "gmv", "is_conversion", "ingresos",
    ),
    "arm": (
        "experiment_group", "experiment_variant", "ab_test_group", "ab_variant", "bucket", "cohort_arm",
        "testgruppe",
        "variante", "groupe_test", "bras",
    ),
    "query": ("search_request_id", "result_list_id", "list_id", "suchanfrage_id", "id_recherche", "slate_id"),
    "item": ("product", "listing_id", "result_id", "candidate_id", "article_id", "movie_id", "artikel_id",
             "id_produit", "id_article"),
    "rank": ("rank_position", "result_rank", "position_shown", "display_position", "slot", "rang", "platz"),
    "host": ("server_name", "container_id", "container", "machine_name", "rechner", "serveur", "hote"),
    "source": ("client", "client_name", "channel_source", "traffic_source", "origin_system", "quelle",
               "herkunft", "provenance"),
    "rung": ("fallback_step", "served_by_rung"),
    "switch": ("switch_id", "obeyed_switch"),
}  # fmt: skip
"""Role -> further names, tried after those of `names.NAMES`."""

LABEL_NAMES = frozenset((
    "is_fraud", "fraud", "fraudulent", "is_fraudulent", "fraud_label", "is_chargeback", "chargeback", "churn",
    "churned", "is_churn", "has_churned", "is_default", "has_defaulted", "loan_default", "is_spam", "spam",
    "is_delayed", "was_delayed", "is_late", "was_late", "survived", "readmitted", "is_positive", "class",
    "is_phishing", "betrug", "ist_betrug", "gekuendigt", "gekundigt", "verspaetet", "verspatet", "ist_spam",
    "fraude", "est_fraude", "est_frauduleux", "resilie", "desabonne", "en_retard", "es_fraude",
))  # fmt: skip
"""Two-valued columns of these names are the truth that a model is asked for."""

VALUE_NAMES = frozenset((
    "sale_price", "sold_price", "selling_price", "closing_price", "final_price", "sold_for", "paid_price",
    "verkaufspreis", "prix_vente", "prix_de_vente", "precio_venta", "actual_demand", "units_sold",
))  # fmt: skip
"""Numbers of these names are the truth where a model foretells a number."""

RELEVANCE_NAMES = (
    "relevance", "relevance_grade", "relevance_label", "relevance_score_label", "is_relevant", "relevant",
    "grade", "clicked", "click", "is_click", "purchased", "purchase", "geklickt", "clique",
)  # fmt: skip
"""What is known of a shown item afterwards, for a ranking."""

PREDICTED_WORDS = frozenset((
    "predicted", "prediction", "pred", "preds", "forecast", "forecasted", "estimate", "estimated", "hat",
    "vorhersage", "vorhergesagt", "vorhergesagter", "prognose", "prognostiziert", "geschaetzt", "geschatzt",
    "geschatzter", "prevision", "prevu", "prevue", "predit", "predite", "estime", "estimee", "prediccion",
))  # fmt: skip
ACTUAL_WORDS = frozenset((
    "actual", "actuals", "observed", "true", "truth", "realised", "realized", "gt", "tatsaechlich",
    "tatsaechlicher", "tatsachlich", "tatsachlicher", "reel", "reelle", "constate", "observe",
))  # fmt: skip

AFTER_WORDS = frozenset((
    "actual", "final", "settled", "settlement", "refund", "refunded", "chargeback", "resolved", "resolution",
    "cancelled", "canceled", "delivered", "feedback", "thumbs", "csat", "nps", "delay", "delayed", "outcome",
    "label", "truth", "disputed", "dispute", "storniert", "erstattet", "verspaetung", "verspatung", "retard",
    "rembourse", "annule",
))  # fmt: skip
"""A name with one of these words speaks of what happened after the answer."""

BEFORE_WORDS = frozenset((
    "last", "prior", "previous", "prev", "past", "history", "historic", "historical", "avg", "average",
    "mean",
    "median", "count", "num", "number", "rolling", "lag", "lagged", "ago", "trailing", "rate", "7d", "14d",
    "30d", "60d", "90d", "1h", "24h", "days", "letzte", "anzahl", "nombre", "moyenne",
))  # fmt: skip
"""... unless one of these says that it sums up the time before."""

PLANNED_WORDS = frozenset((
    "sched", "scheduled", "planned", "expected", "promised", "quoted", "geplant", "geplante", "prevu",
    "prevue",
))  # fmt: skip
"""Of a pair `scheduled_x` and `x`, the plain one is known afterwards."""

CALENDAR_NAMES = frozenset((
    "year", "month", "day", "week", "quarter", "day_of_month", "day_of_year", "week_of_year", "month_of_year",
    "yyyymmdd", "yyyymm", "date_id", "month_name", "jahr", "monat", "tag", "woche", "quartal", "annee",
    "mois",
    "jour", "semaine", "trimestre", "fiscal_year", "fiscal_week",
))  # fmt: skip

SHARE_NAMES = frozenset((
    "sample_rate", "sampling_rate", "sample_share", "sampling_share", "sample_fraction", "sampling_fraction",
    "sample_prob", "sampling_probability", "stichprobe", "stichprobenanteil", "taux_echantillonnage",
))  # fmt: skip

SUCCESS_NAMES = frozenset((
    "success", "succeeded", "successful", "is_success", "ok", "is_ok", "erfolg", "erfolgreich", "succes",
))  # fmt: skip

TEXT_WORDS = frozenset((
    "prompt", "text", "message", "msg", "body", "comment", "remark", "description", "question", "answer",
    "response", "reply", "completion", "review", "title", "subject", "content", "transcript", "summary",
    "note",
    "notes", "utterance", "query", "input", "output", "generation", "instruction", "frage", "antwort",
    "nachricht", "beschreibung", "kommentar", "texte", "reponse", "commentaire", "pregunta", "respuesta",
))  # fmt: skip
ANSWER_WORDS = frozenset((
    "answer", "response", "reply", "completion", "output", "generation", "generated", "prediction", "antwort",
    "reponse", "respuesta", "assistant",
))  # fmt: skip
FEEDBACK_WORDS = frozenset((
    "thumbs", "thumb", "feedback", "liked", "helpful", "preferred", "preference", "upvote", "upvoted",
    "satisfied", "hilfreich", "utile",
))  # fmt: skip
"""A yes/no column with one of these words says whether an answer was liked."""
LIKED_WORDS = (
    "1", "+1", "true", "yes", "y", "up", "thumbs_up", "like", "liked", "good", "positive", "helpful", "ja",
    "oui",
)  # fmt: skip
"""... and these say that it was."""
DISLIKED_WORDS = ("0", "-1", "false", "no", "down", "thumbs_down", "dislike", "disliked", "bad", "negative",
                  "unhelpful")  # fmt: skip
LABEL_WORDS = frozenset((
    "label", "labels", "truth", "actual", "annotation", "annotated", "verified", "confirmed",
))  # fmt: skip
NUMBER_WORDS = frozenset(("nr", "no", "number", "nummer", "numero", "ref", "reference"))
NO_MODEL_WORDS = frozenset((
    "app", "client", "os", "schema", "sdk", "api", "browser", "ios", "android", "firmware", "python",
    "library", "format", "dataset", "data",
))  # fmt: skip
"""A version with one of these words is none of a model."""
VERSION_WORDS = frozenset((
    "build", "release", "revision", "ver", "checkpoint", "ckpt", "artifact", "artefact", "llm", "net",
    "network",
))  # fmt: skip
"""The last word of a name that may say which model answered."""
MODEL_NAMES = frozenset((
    "finish_reason", "stop_reason", "finishreason", "weight_norm", "weights_norm", "grad_norm",
    "gradient_norm", "loss", "log_loss", "logloss", "training_loss", "train_loss", "learning_rate",
))  # fmt: skip
"""Columns of these names tell of the model itself or of its answer, and nobody upstream sends them."""
SIZE_WORDS = frozenset(("token", "tokens", "length", "len", "chars", "characters", "words", "count"))
"""How much: beside a word for an answer, how long the answer was."""
TOKEN_WORDS = frozenset(("token", "tokens"))

UNITS: dict[str, str] = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "sekunden": "s", "secondes": "s",
    "ms": "ms", "msec": "ms", "millis": "ms", "millisecond": "ms", "milliseconds": "ms",
    "millisekunden": "ms",
    "us": "us", "micros": "us", "microseconds": "us", "ns": "ns", "nanos": "ns", "nanoseconds": "ns",
}  # fmt: skip
"""The last word of a name -> the unit it says."""

CURRENCIES = frozenset((
    "eur", "euro", "euros", "usd", "dollar", "dollars", "gbp", "chf", "jpy", "sek", "nok", "dkk", "pln",
    "inr", "cents", "cent", "pence",
))  # fmt: skip

LATENCY_NAMES = frozenset((
    "latency", "duration", "elapsed", "took", "response_time", "inference_time", "processing_time", "runtime",
    "inference", "scoring", "serving", "compute", "gpu", "predict", "model_time", "processing",
    "request_duration", "total_time", "elapsed_time", "time_taken", "resp", "response", "resp_time",
    "reply_time", "rt", "rtt", "roundtrip", "round_trip", "turnaround", "turnaround_time", "service_time",
    "server_time", "wall", "wall_time", "execution", "execution_time", "exec_time", "predict_time",
    "prediction_time", "infer", "infer_time", "e2e",
    "latenz", "dauer", "antwortzeit", "laufzeit", "duree", "temps_reponse", "latence", "latencia",
))  # fmt: skip
"""A length of time that an answer took, before its unit."""

TIME_WORDS = frozenset((
    "time", "timestamp", "ts", "at", "epoch", "created", "logged", "emitted", "captured", "answered",
    "date", "datetime", "unix", "utc", "zeit", "zeitstempel",
    "datum",
    "horodatage", "heure", "fecha",
))  # fmt: skip
