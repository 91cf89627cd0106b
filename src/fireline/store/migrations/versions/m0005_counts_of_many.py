"""Counts of many services: the newest ticks of all, and the days of one, each found without the rest."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("counts_by_end", "counts", ["grain", sa.text("(first_tick + ticks)")])
    op.create_index("counts_by_service", "counts", ["service", "grain", "first_tick"])
