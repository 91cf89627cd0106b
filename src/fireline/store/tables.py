"""The tables, as the queries see them. The migrations are what makes them; a test holds the two equal."""

from __future__ import annotations

import sqlalchemy as sa

from fireline.terms.measure import IN_FLIGHT

metadata = sa.MetaData()

IN_FLIGHT_WORDS = tuple(sorted(state.value for state in IN_FLIGHT))
IN_FLIGHT_SQL = "state IN ({})".format(", ".join(f"'{word}'" for word in IN_FLIGHT_WORDS))
ONE_IN_FLIGHT = "one_measure_in_flight"

Json = sa.JSON(none_as_null=True)
Micros = sa.BigInteger

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("incident", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", Micros, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("because", sa.Text, nullable=False),
    sa.Column("data", Json, nullable=False),
)

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("severity", sa.Text),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("opened_at", Micros, nullable=False),
    sa.Column("closed_at", Micros),
    sa.Column("last_seq", sa.Integer, nullable=False),
    sa.Index("incidents_by_service", "service", "opened_at"),
)

measures = sa.Table(
    "measures",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("incident", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("params", Json, nullable=False),
    sa.Column("because", sa.Text, nullable=False),
    sa.Column("authority", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("temporary", sa.Boolean, nullable=False),
    sa.Column("expected", sa.Text, nullable=False),
    sa.Column("dry_run", sa.Text, nullable=False),
    sa.Column("inverse", Json, nullable=False),
    sa.Column("inverse_fixed", sa.Boolean, nullable=False),
    sa.Column("requested_at", Micros, nullable=False),
    sa.Column("expires_at", Micros),
    sa.Column("applied_at", Micros),
    sa.Column("confirmed_at", Micros),
    sa.Column("ended_at", Micros),
    sa.Column("approver", sa.Text),
    sa.Column("worker", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("lease_until", Micros),
    sa.Column("not_before", Micros),
    sa.Column("receipt", Json, nullable=False),
    sa.Column("effect", Json),
    sa.Index("measures_by_incident", "incident"),
    sa.Index("measures_in_order", "service", "ordinal", unique=True),
    sa.Index(
        ONE_IN_FLIGHT,
        "service",
        unique=True,
        sqlite_where=sa.text(IN_FLIGHT_SQL),
        postgresql_where=sa.text(IN_FLIGHT_SQL),
    ),
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("file", sa.Text),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("min_us", Micros),
    sa.Column("max_us", Micros),
    sa.Column("taken_at", Micros, nullable=False),
    sa.Column("source", sa.Text),
    sa.Column("position", sa.Text),
    sa.Index("batches_by_time", "kind", "max_us"),
)

counts = sa.Table(
    "counts",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("batch", sa.Text, sa.ForeignKey("batches.id"), nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("layout", sa.Text, nullable=False),
    sa.Column("grain", sa.Integer, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("first_tick", sa.BigInteger, nullable=False),
    sa.Column("ticks", sa.Integer, nullable=False),
    sa.Column("late", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("counts_by_tick", "grain", "first_tick"),
    sa.Index("counts_by_length", "grain", "ticks"),
    sa.Index("counts_by_batch", "batch"),
    sa.Index("counts_by_end", "grain", sa.text("(first_tick + ticks)")),
    sa.Index("counts_by_service", "service", "grain", "first_tick"),
)

dedup_keys = sa.Table(
    "dedup_keys",
    metadata,
    sa.Column("batch", sa.Text, sa.ForeignKey("batches.id"), primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("min_us", Micros, nullable=False),
    sa.Column("max_us", Micros, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("dedup_keys_by_time", "max_us"),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("position", sa.Text, nullable=False),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("batch", sa.Text, sa.ForeignKey("batches.id"), nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("row", sa.BigInteger),
    sa.Column("line", sa.BigInteger),
    sa.Column("column", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("todo", sa.Text, nullable=False),
    sa.Column("raw", sa.Text, nullable=False),
    sa.Index("quarantine_by_batch", "batch"),
)

states = sa.Table(
    "states",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("tick", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

marks = sa.Table(
    "marks",
    metadata,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("judged", sa.BigInteger, nullable=False),
    sa.Column("watermark_us", Micros, nullable=False),
)

pages = sa.Table(
    "pages",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("incident", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("to", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Column("due_at", Micros, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("lease_until", Micros),
    sa.Column("not_before", Micros),
    sa.Column("worker", sa.Text),
    sa.Column("created_at", Micros, nullable=False),
    sa.Column("sent_at", Micros),
    sa.Column("last_error", sa.Text),
    sa.Index("pages_by_key", "key", unique=True),
    sa.Index("pages_by_incident", "incident"),
    sa.Index("pages_by_state", "state", "due_at"),
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("created_at", Micros, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id_hash", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, sa.ForeignKey("users.name"), nullable=False),
    sa.Column("csrf", sa.Text, nullable=False),
    sa.Column("created_at", Micros, nullable=False),
    sa.Column("seen_at", Micros, nullable=False),
    sa.Column("expires_at", Micros, nullable=False),
    sa.Index("sessions_by_user", "user"),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("service", sa.Text),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("created_at", Micros, nullable=False),
    sa.Column("last_used_at", Micros),
    sa.Column("revoked_at", Micros),
)

switches = sa.Table(
    "switches",
    metadata,
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("issued_at", Micros, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Index("switches_by_key", "service", "key", unique=True),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("term", sa.BigInteger, nullable=False),
    sa.Column("until", Micros, nullable=False),
)

facts = sa.Table(
    "facts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", Micros, nullable=False),
    sa.Column("taken_at", Micros, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Index("facts_by_service", "service", "kind", "at"),
)
