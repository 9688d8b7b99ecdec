"""Slots of concurrency limits, counted among the executions that are not settled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the mark of an admitted execution; index what is not settled by flow."""
    op.add_column("executions", sa.Column("slot", sa.Boolean, nullable=False, server_default=sa.text("0")))
    op.drop_index("executions_unsettled", "executions")
    op.create_index(
        "executions_unsettled",
        "executions",
        ["namespace", "flow_id", "started_at"],
        sqlite_where=sa.text("settled = 0"),
    )
