"""Statements that must not read whole tables."""

from __future__ import annotations

import re

import pytest

from batuta.model.flow import FlowKey
from batuta.store.port import AllOf, Condition, Search
from batuta.store.queries import compose
from batuta.store.sqlite.connection import connect
from batuta.store.sqlite.schema import prepare
from batuta.store.sqlite.statements import SQL
from tests.conformance.samples import at, both, where

KEY = FlowKey("company.team", "hello")


@pytest.fixture
def plan(tmp_path):
    """What SQLite will do for a statement, as one text."""
    connection = connect(tmp_path / "batuta.db")
    prepare(connection, tmp_path / "batuta.db")

    def explain(sql, parameters=None):
        given = parameters if parameters is not None else [None] * len(set(re.findall(r"\?\d*", sql)))
        if parameters is None and re.search(r"\?(?!\d)", sql):
            given = [None] * sql.count("?")
        return " | ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", given))

    yield explain
    connection.close()


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("execution", "INDEX sqlite_autoindex_executions_1 (id=?)"),
        ("first_task_runs", "PRIMARY KEY (execution_id=?)"),
        ("task_runs", "PRIMARY KEY (execution_id=?)"),
        ("remove_task_run", "PRIMARY KEY (execution_id=? AND ordinal=?)"),
        ("unsettled_executions", "INDEX executions_unsettled"),
        ("take_slot", "INDEX executions_unsettled (namespace=? AND flow_id=?)"),
        ("queued_executions", "INDEX executions_by_state (state=?)"),
        ("child_executions", "INDEX executions_by_trigger (trigger_execution_id=?)"),
        ("latest_execution", "INDEX executions_by_flow (namespace=? AND flow_id=?)"),
        ("latest_flow", "INDEX sqlite_autoindex_flows_1 (namespace=? AND id=?)"),
        ("claim_jobs", "INDEX jobs_waiting"),
        ("renew_jobs", "INDEX jobs_leased (worker_id=?)"),
        ("end_job", "INDEX jobs_by_task_run (task_run_id=?)"),
        ("expired_jobs", "INDEX jobs_leased"),
        ("jobs_of_others", "INDEX jobs_leased"),
        ("count_waiting_jobs", "INDEX jobs_waiting"),
        ("cancel_timers_of_execution", "PRIMARY KEY (execution_id=?)"),
        ("cancel_timers_of_run", "PRIMARY KEY (execution_id=? AND task_run_id=?)"),
        ("end_timer", "PRIMARY KEY (execution_id=? AND task_run_id=? AND timer=?)"),
        ("consume_event", "INTEGER PRIMARY KEY (rowid=?)"),
        ("logs_of_execution", "INDEX logs_by_execution (execution_id=? AND rowid>?)"),
        ("delete_logs", "INDEX logs_by_execution (execution_id=?)"),
        ("metrics_of_execution", "INDEX metrics_by_execution (execution_id=?)"),
        ("kv_entry", "INDEX sqlite_autoindex_kv_1 (namespace=? AND key=?)"),
        ("kv_of_namespace", "INDEX sqlite_autoindex_kv_1 (namespace=? AND key>?)"),
        ("purge_kv", "INDEX kv_expiring"),
        ("trigger", "INDEX sqlite_autoindex_triggers_1 (namespace=? AND flow_id=? AND trigger_id=?)"),
        ("due_triggers", "INDEX triggers_due (due_at<?)"),
        ("next_due_trigger", "INDEX triggers_due"),
        ("locked_triggers", "INDEX triggers_locked"),
        ("executions_ended_since", "INDEX executions_by_end (ended_at>?)"),
        ("firing", "PRIMARY KEY (namespace=? AND flow_id=? AND trigger_id=? AND occasion=?)"),
    ],
)
def test_a_hot_statement_uses_its_index(plan, name, index):
    assert index in plan(getattr(SQL, name))


@pytest.mark.parametrize(
    ("noun", "search", "index"),
    [
        ("executions", Search(), "INDEX executions_by_start"),
        ("executions", where("state", "EQUALS", "FAILED"), "INDEX executions_by_state (state=?)"),
        ("executions", where("namespace", "EQUALS", "a"), "INDEX executions_by_flow (namespace=?)"),
        (
            "executions",
            both(Condition("namespace", "EQUALS", "a"), Condition("flowId", "EQUALS", "b")),
            "INDEX executions_by_flow (namespace=? AND flow_id=?)",
        ),
        (
            "executions",
            where("namespace", "PREFIX", "a"),
            "INDEX executions_by_flow (namespace>? AND namespace<?)",
        ),
        ("executions", where("startDate", "GREATER_THAN", at(0)), "INDEX executions_by_start (started_at>?)"),
        (
            "executions",
            where("triggerExecutionId", "EQUALS", "e1"),
            "INDEX executions_by_trigger (trigger_execution_id=?)",
        ),
        ("logs", where("executionId", "EQUALS", "e1"), "INDEX logs_by_execution (execution_id=?)"),
        ("logs", Search(), "INDEX logs_by_time"),
        ("logs", where("startDate", "GREATER_THAN", at(0)), "INDEX logs_by_time (at>?)"),
    ],
)
def test_a_search_uses_an_index(plan, noun, search, index):
    query = compose(noun, search)

    assert index in plan(query.page, query.page_parameters)


def test_values_are_bound_and_never_part_of_a_statement():
    spiteful = "x'; DROP TABLE executions; --"
    fields = [
        ("namespace", "EQUALS"),
        ("namespace", "PREFIX"),
        ("flowId", "REGEX"),
        ("q", "EQUALS"),
        ("id", "CONTAINS"),
    ]
    parts = tuple(Condition(field, operation, spiteful) for field, operation in fields)
    query = compose(
        "executions", Search(criteria=AllOf((*parts, Condition("labels", "EQUALS", {spiteful: spiteful}))))
    )

    assert "DROP" not in query.page + query.count
