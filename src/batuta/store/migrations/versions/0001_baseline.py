"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "flows",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "id", "revision"),
    )
    op.create_table(
        "executions",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("flow_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("parent_id", sa.Text),
        sa.Column("trigger_id", sa.Text),
        sa.Column("trigger_execution_id", sa.Text),
        sa.Column("trigger_task_run_id", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("duration", sa.BigInteger, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.Column("labels", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("executions_by_start", "executions", ["started_at"])
    op.create_index("executions_by_flow", "executions", ["namespace", "flow_id", "started_at"])
    op.create_index("executions_by_state", "executions", ["state", "started_at"])
    op.create_index(
        "executions_by_trigger",
        "executions",
        ["trigger_execution_id"],
        sqlite_where=sa.text("trigger_execution_id IS NOT NULL"),
    )
    op.create_index("executions_unsettled", "executions", ["started_at"], sqlite_where=sa.text("settled = 0"))
    op.create_table(
        "task_runs",
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "ordinal"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("task_run_id", sa.Text, nullable=False),
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("flow_id", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("after_execution", sa.Boolean, nullable=False),
        sa.Column("worker_id", sa.Text),
        sa.Column("leased_until", sa.BigInteger),
    )
    op.create_index("jobs_by_task_run", "jobs", ["task_run_id"], unique=True)
    op.create_index("jobs_waiting", "jobs", ["created_at"], sqlite_where=sa.text("worker_id IS NULL"))
    op.create_index("jobs_leased", "jobs", ["worker_id"], sqlite_where=sa.text("worker_id IS NOT NULL"))
    op.create_table(
        "timers",
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("task_run_id", sa.Text, nullable=False),
        sa.Column("timer", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", "task_run_id", "timer"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "logs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("flow_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text),
        sa.Column("task_run_id", sa.Text),
        sa.Column("attempt", sa.Integer),
        sa.Column("thread", sa.Text),
        sa.Column("trigger_id", sa.Text),
    )
    op.create_index("logs_by_execution", "logs", ["execution_id"])
    op.create_index("logs_by_time", "logs", ["at"])
    op.create_table(
        "metrics",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("task_id", sa.Text, nullable=False),
        sa.Column("task_run_id", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("metrics_by_execution", "metrics", ["execution_id"])
    op.create_table(
        "kv",
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("namespace", "key"),
    )
    op.create_index("kv_expiring", "kv", ["expires_at"], sqlite_where=sa.text("expires_at IS NOT NULL"))
