"""Every table, as SQLAlchemy Core sees it: for searches, and for the statements in `schema.sql`.

A row carries its struct as a JSON document in `body`, and beside it only what statements look for or sort by.
Instants and durations are whole microseconds, since 1970 in UTC; labels are a JSON object.

Importing this module imports SQLAlchemy, so the start path and the hot path stay away from it.
After a change: add a migration, and write `schema.sql` anew with `python -m batuta.store.tables`.
"""

from __future__ import annotations

import re

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

metadata = MetaData()

flows = Table(
    "flows",
    metadata,
    Column("namespace", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("description", Text),
    Column("labels", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("draft", Boolean, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("namespace", "id", "revision"),
)
"""One row per revision; the newest one of a name counts, be it a deletion."""

executions = Table(
    "executions",
    metadata,
    Column("id", Text, nullable=False),
    # What never changes in the life of an execution: an update leaves these columns and their indexes alone.
    Column("namespace", Text, nullable=False),
    Column("flow_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("parent_id", Text),
    Column("trigger_id", Text),
    Column("trigger_execution_id", Text),  # `executionId` of the trigger: whose end or task started this one
    Column(
        "trigger_task_run_id", Text
    ),  # `taskRunId` of the trigger: set when a task of that execution asked
    # What does change.
    Column("revision", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("ended_at", BigInteger),
    Column("duration", BigInteger, nullable=False),  # from the first to the latest entry of the history
    Column("settled", Boolean, nullable=False),
    Column("labels", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # Admitted under a concurrency limit; written by `take_slot` only, and counts while not settled.
    Column("slot", Boolean, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("id"),
)
Index("executions_by_start", executions.c.started_at)
Index("executions_by_flow", executions.c.namespace, executions.c.flow_id, executions.c.started_at)
Index("executions_by_state", executions.c.state, executions.c.started_at)
Index(
    "executions_by_trigger",
    executions.c.trigger_execution_id,
    sqlite_where=text("trigger_execution_id IS NOT NULL"),
)
Index(
    "executions_unsettled",
    executions.c.namespace,
    executions.c.flow_id,
    executions.c.started_at,
    sqlite_where=text("settled = 0"),
)
Index("executions_by_end", executions.c.ended_at, sqlite_where=text("ended_at IS NOT NULL"))

task_runs = Table(
    "task_runs",
    metadata,
    Column("execution_id", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("execution_id", "ordinal"),
    sqlite_with_rowid=False,
)

task_run_parts = Table(
    "task_run_parts",
    metadata,
    Column("execution_id", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("execution_id", "ordinal", "name"),
    sqlite_with_rowid=False,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task_run_id", Text, nullable=False),
    Column("execution_id", Text, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("token", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("flow_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("after_execution", Boolean, nullable=False),
    Column("worker_id", Text),
    Column("leased_until", BigInteger),
)
Index("jobs_by_task_run", jobs.c.task_run_id, unique=True)
Index("jobs_waiting", jobs.c.created_at, sqlite_where=text("worker_id IS NULL"))
Index("jobs_leased", jobs.c.worker_id, sqlite_where=text("worker_id IS NOT NULL"))

timers = Table(
    "timers",
    metadata,
    Column("execution_id", Text, nullable=False),
    Column("task_run_id", Text, nullable=False),  # empty for a timer of the execution itself
    Column("timer", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("token", Integer, nullable=False),
    PrimaryKeyConstraint("execution_id", "task_run_id", "timer"),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

logs = Table(
    "logs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("severity", Integer, nullable=False),  # `LogLevel.severity`
    Column("message", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("flow_id", Text, nullable=False),
    Column("task_id", Text),
    Column("task_run_id", Text),
    Column("attempt", Integer),
    Column("thread", Text),
    Column("trigger_id", Text),
)
Index("logs_by_execution", logs.c.execution_id)
Index("logs_by_time", logs.c.at)

metrics = Table(
    "metrics",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("task_run_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("metrics_by_execution", metrics.c.execution_id)

kv = Table(
    "kv",
    metadata,
    Column("namespace", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("value", Text, nullable=False),  # JSON
    Column("description", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    PrimaryKeyConstraint("namespace", "key"),
)
Index("kv_expiring", kv.c.expires_at, sqlite_where=text("expires_at IS NOT NULL"))

kv_versions = Table(
    "kv_versions",
    metadata,
    Column("namespace", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("description", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    PrimaryKeyConstraint("namespace", "key", "version"),
    sqlite_with_rowid=False,
)
"""What entries were before they were changed or removed."""

secrets = Table(
    "secrets",
    metadata,
    Column("namespace", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),  # encrypted; see `secrets/cipher.py`
    Column("description", Text),
    Column("tags", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("namespace", "key"),
    sqlite_with_rowid=False,
)

triggers = Table(
    "triggers",
    metadata,
    Column("namespace", Text, nullable=False),
    Column("flow_id", Text, nullable=False),
    Column("trigger_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("next_at", BigInteger),
    Column("triggered_at", BigInteger),
    Column("updated_at", BigInteger, nullable=False),
    Column("date", BigInteger),
    Column("execution_id", Text),
    Column("disabled", Boolean, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("due_at", BigInteger),  # `next_at` while nothing holds the trigger back, else null
    Column("version", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("namespace", "flow_id", "trigger_id"),
)
Index("triggers_due", triggers.c.due_at, sqlite_where=text("due_at IS NOT NULL"))
Index("triggers_locked", triggers.c.execution_id, sqlite_where=text("execution_id IS NOT NULL"))

trigger_jobs = Table(
    "trigger_jobs",
    metadata,
    Column("namespace", Text, nullable=False),
    Column("flow_id", Text, nullable=False),
    Column("trigger_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("worker_id", Text),
    Column("leased_until", BigInteger),
    PrimaryKeyConstraint("namespace", "flow_id", "trigger_id"),
    sqlite_with_rowid=False,
)
"""Evaluations of triggers on workers: looks of polling triggers, and realtime triggers that listen."""

firings = Table(
    "firings",
    metadata,
    Column("namespace", Text, nullable=False),
    Column("flow_id", Text, nullable=False),
    Column("trigger_id", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("execution_id", Text),
    PrimaryKeyConstraint("namespace", "flow_id", "trigger_id", "occasion"),
    sqlite_with_rowid=False,
)
"""What triggers have dealt with; the primary key makes it once."""

windows = Table(
    "windows",
    metadata,
    Column("namespace", Text, nullable=False),
    Column("flow_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("namespace", "flow_id", "name"),
)

read_flows = Table(
    "read_flows",
    metadata,
    Column("namespace", Text, nullable=False),
    Column("flow_id", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("listens", Boolean, nullable=False),
    PrimaryKeyConstraint("namespace", "flow_id"),
    sqlite_with_rowid=False,
)
"""How far the scheduler has read the flows."""

marks = Table(
    "marks",
    metadata,
    Column("name", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("name"),
)
"""Instants up to which a recurring piece of work is done."""


def sqlite_statements() -> list[str]:
    """What creates every table and index in SQLite, in order."""
    dialect = sqlite.dialect()
    statements = []
    for table in metadata.tables.values():
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            statements.append(str(CreateIndex(index).compile(dialect=dialect)))
    return [re.sub(r"[ \t]+\n", "\n", statement.strip()) for statement in statements]


def schema_text() -> str:
    """The content of `schema.sql`."""
    lines = ["-- The newest schema for SQLite. Written by `python -m batuta.store.tables`; do not edit."]
    return "\n\n".join([*lines, *(f"{statement};" for statement in sqlite_statements())]) + "\n"


if __name__ == "__main__":
    from pathlib import Path

    Path(__file__).with_name("schema.sql").write_text(schema_text(), encoding="utf-8")
