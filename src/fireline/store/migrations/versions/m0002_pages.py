"""The outbox of pages: what is to be sent to people, who is sending it, and what came of it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pages",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        _text("incident"),
        _text("service"),
        _text("kind"),
        _text("channel"),
        _text("to"),
        _text("key"),
        sa.Column("body", sa.JSON, nullable=False),
        _whole("due_at"),
        _text("state"),
        sa.Column("attempts", sa.Integer, nullable=False),
        _whole("lease_until", nullable=True),
        _whole("not_before", nullable=True),
        _text("worker", nullable=True),
        _whole("created_at"),
        _whole("sent_at", nullable=True),
        _text("last_error", nullable=True),
    )
    op.create_index("pages_by_key", "pages", ["key"], unique=True)
    op.create_index("pages_by_incident", "pages", ["incident"])
    op.create_index("pages_by_state", "pages", ["state", "due_at"])


def _text(name: str, **more: Any) -> sa.Column[Any]:
    more.setdefault("nullable", False)
    return sa.Column(name, sa.Text, **more)


def _whole(name: str, **more: Any) -> sa.Column[Any]:
    more.setdefault("nullable", False)
    return sa.Column(name, sa.BigInteger, **more)
