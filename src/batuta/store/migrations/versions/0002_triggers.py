"""Triggers: their records, what they have dealt with, windows of preconditions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables of the scheduler."""
    op.create_index(
        "executions_by_end", "executions", ["ended_at"], sqlite_where=sa.text("ended_at IS NOT NULL")
    )
    op.create_table(
        "triggers",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("flow_id", sa.Text, nullable=False),
        sa.Column("trigger_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("triggered_at", sa.BigInteger),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("date", sa.BigInteger),
        sa.Column("execution_id", sa.Text),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("locked", sa.Boolean, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "flow_id", "trigger_id"),
    )
    op.create_index("triggers_due", "triggers", ["due_at"], sqlite_where=sa.text("due_at IS NOT NULL"))
    op.create_index(
        "triggers_locked", "triggers", ["execution_id"], sqlite_where=sa.text("execution_id IS NOT NULL")
    )
    op.create_table(
        "firings",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("flow_id", sa.Text, nullable=False),
        sa.Column("trigger_id", sa.Text, nullable=False),
        sa.Column("occasion", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("execution_id", sa.Text),
        sa.PrimaryKeyConstraint("namespace", "flow_id", "trigger_id", "occasion"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "windows",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("flow_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "flow_id", "name"),
    )
    op.create_table(
        "read_flows",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("flow_id", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("listens", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "flow_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
