"""Executions that failed because their trigger could not be asked: so that people see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from batuta.engine.lifecycle import new_execution
from batuta.firing.launching import failed
from batuta.firing.rules import Rule
from batuta.model.execution import Execution, ExecutionTrigger
from batuta.model.labels import FROM, Label
from batuta.model.records import LogLine
from batuta.model.task import LogLevel


def failure(
    rule: Rule, id: str, reason: str, now: datetime, variables: dict[str, Any] | None = None
) -> tuple[Execution, LogLine]:
    """A FAILED execution without a task run, and the line of its log that says why."""
    execution = new_execution(
        rule.flow,
        id=id,
        inputs={},
        labels=(Label(FROM, "trigger"),),
        trigger=ExecutionTrigger(rule.definition.id, rule.definition.type, variables or {}),
        now=now,
    )
    line = LogLine(
        execution_id=id,
        namespace=rule.flow.namespace,
        flow_id=rule.flow.id,
        at=now,
        level=LogLevel.ERROR,
        message=reason,
        trigger_id=rule.definition.id,
    )
    return failed(execution, now), line
