"""The first tables: journal, measures, batches with their counts, and what the judge remembers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

IN_FLIGHT = "state IN ('applied', 'asked', 'claimed', 'requested')"


def upgrade() -> None:
    _journal()
    _measures()
    _telemetry()
    _memory()
    if op.get_bind().dialect.name == "postgresql":
        _guards_postgresql()
    else:
        _guards_sqlite()
    _views()


def _id() -> sa.Column[Any]:
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("id", kind, primary_key=True)


def _text(name: str, **more: Any) -> sa.Column[Any]:
    more.setdefault("nullable", False)
    return sa.Column(name, sa.Text, **more)


def _whole(name: str, **more: Any) -> sa.Column[Any]:
    more.setdefault("nullable", False)
    return sa.Column(name, sa.BigInteger, **more)


def _journal() -> None:
    op.create_table(
        "entries",
        _text("incident", primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        _whole("at"),
        _text("kind"),
        _text("by"),
        _text("because"),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_table(
        "incidents",
        _text("id", primary_key=True),
        _text("service"),
        _text("mode"),
        _text("state"),
        _text("severity", nullable=True),
        _text("title"),
        _whole("opened_at"),
        _whole("closed_at", nullable=True),
        sa.Column("last_seq", sa.Integer, nullable=False),
    )
    op.create_index("incidents_by_service", "incidents", ["service", "opened_at"])


def _measures() -> None:
    op.create_table(
        "measures",
        _text("id", primary_key=True),
        _text("incident"),
        _text("service"),
        sa.Column("ordinal", sa.Integer, nullable=False),
        _text("action"),
        sa.Column("params", sa.JSON, nullable=False),
        _text("because"),
        _text("authority"),
        _text("state"),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("temporary", sa.Boolean, nullable=False),
        _text("expected"),
        _text("dry_run"),
        sa.Column("inverse", sa.JSON, nullable=False),
        sa.Column("inverse_fixed", sa.Boolean, nullable=False),
        _whole("requested_at"),
        _whole("expires_at", nullable=True),
        _whole("applied_at", nullable=True),
        _whole("confirmed_at", nullable=True),
        _whole("ended_at", nullable=True),
        _text("approver", nullable=True),
        _text("worker", nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        _whole("lease_until", nullable=True),
        _whole("not_before", nullable=True),
        sa.Column("receipt", sa.JSON, nullable=False),
        sa.Column("effect", sa.JSON),
    )
    op.create_index("measures_by_incident", "measures", ["incident"])
    op.create_index("measures_in_order", "measures", ["service", "ordinal"], unique=True)
    op.create_index(
        "one_measure_in_flight",
        "measures",
        ["service"],
        unique=True,
        sqlite_where=sa.text(IN_FLIGHT),
        postgresql_where=sa.text(IN_FLIGHT),
    )


def _telemetry() -> None:
    op.create_table(
        "batches",
        _text("id", primary_key=True),
        _text("service"),
        _text("kind"),
        _text("file", nullable=True),
        _whole("rows"),
        _whole("min_us", nullable=True),
        _whole("max_us", nullable=True),
        _whole("taken_at"),
        _text("source", nullable=True),
        _text("position", nullable=True),
    )
    op.create_index("batches_by_time", "batches", ["kind", "max_us"])
    op.create_table(
        "counts",
        _id(),
        sa.Column("batch", sa.Text, sa.ForeignKey("batches.id"), nullable=False),
        _text("service"),
        _text("layout"),
        sa.Column("grain", sa.Integer, nullable=False),
        _text("scope"),
        _whole("first_tick"),
        sa.Column("ticks", sa.Integer, nullable=False),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("counts_by_tick", "counts", ["grain", "first_tick"])
    op.create_index("counts_by_length", "counts", ["grain", "ticks"])
    op.create_index("counts_by_batch", "counts", ["batch"])
    op.create_table(
        "dedup_keys",
        sa.Column("batch", sa.Text, sa.ForeignKey("batches.id"), primary_key=True),
        _text("service"),
        _whole("min_us"),
        _whole("max_us"),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("dedup_keys_by_time", "dedup_keys", ["max_us"])
    op.create_table("cursors", _text("source", primary_key=True), _text("position"))
    op.create_table(
        "quarantine",
        _id(),
        sa.Column("batch", sa.Text, sa.ForeignKey("batches.id"), nullable=False),
        _text("file"),
        _whole("row", nullable=True),
        _whole("line", nullable=True),
        _text("column", nullable=True),
        _text("kind"),
        _text("reason"),
        _text("todo"),
        _text("raw"),
    )
    op.create_index("quarantine_by_batch", "quarantine", ["batch"])


def _memory() -> None:
    op.create_table(
        "states",
        _text("name", primary_key=True),
        _whole("tick"),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table("marks", _text("service", primary_key=True), _whole("judged"), _whole("watermark_us"))


def _guards_sqlite() -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER entries_no_{verb.lower()} BEFORE {verb} ON entries "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        )
    op.execute(
        "CREATE TRIGGER entries_in_order BEFORE INSERT ON entries "
        "WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entries WHERE incident = NEW.incident) "
        "BEGIN SELECT RAISE(ABORT, 'entries are numbered from 1 without gaps'); END"
    )


def _guards_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION fireline_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER entries_no_change BEFORE UPDATE OR DELETE ON entries "
        "FOR EACH ROW EXECUTE FUNCTION fireline_append_only()"
    )
    op.execute(
        "CREATE TRIGGER entries_no_truncate BEFORE TRUNCATE ON entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION fireline_append_only()"
    )
    op.execute(
        "CREATE FUNCTION fireline_in_order() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entries WHERE incident = NEW.incident) "
        "THEN RAISE EXCEPTION 'entries are numbered from 1 without gaps'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER entries_in_order BEFORE INSERT ON entries "
        "FOR EACH ROW EXECUTE FUNCTION fireline_in_order()"
    )


def _views() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"

    def at(column: str, name: str = "") -> str:
        if postgresql:
            moment = f"to_timestamp({column} / 1000000.0) AT TIME ZONE 'UTC'"
            said = f"""to_char({moment}, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
        else:
            said = f"strftime('%Y-%m-%dT%H:%M:%SZ', {column} / 1000000, 'unixepoch')"
        return f"{said} AS {name or column.split('.')[-1]}"

    op.execute(
        "CREATE VIEW v_incidents AS SELECT i.id, i.service, i.mode, i.state, i.severity, i.title, "
        f"{at('i.opened_at')}, {at('i.closed_at')}, i.last_seq AS entries, "
        "(SELECT count(*) FROM measures m WHERE m.incident = i.id) AS measures FROM incidents i"
    )
    op.execute(
        "CREATE VIEW v_timeline AS SELECT i.service, e.incident, e.seq, "
        f'{at("e.at", "at")}, e.kind, e."by", e.because, e.data '
        "FROM entries e LEFT JOIN incidents i ON i.id = e.incident"
    )
    op.execute(
        "CREATE VIEW v_measures AS SELECT m.id, m.service, m.incident, m.action, m.params, m.state, "
        "m.authority, "
        f"m.simulated, m.because, {at('m.requested_at')}, {at('m.applied_at')}, {at('m.confirmed_at')}, "
        f"{at('m.ended_at')}, {at('m.expires_at')}, m.approver, m.worker, m.attempts, {at('m.lease_until')}, "
        f"{IN_FLIGHT.replace('state', 'm.state')} AS in_flight FROM measures m"
    )
