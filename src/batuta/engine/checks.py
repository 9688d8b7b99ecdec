"""Checks on the inputs of an execution that is about to be created (flow spec §14.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from batuta import expr
from batuta.engine.rules import Check, CheckBehavior, checks_of
from batuta.engine.world import World
from batuta.errors import InvalidRequest
from batuta.model.execution import Execution
from batuta.model.flow import Flow
from batuta.model.state import State

_STRENGTH = tuple(CheckBehavior)


def failed_checks(
    flow: Flow,
    inputs: Mapping[str, Any],
    *,
    now: datetime,
    world: World,
    facts: expr.Facts | None = None,
) -> list[Check]:
    """The checks that do not hold for inputs, in order. One that cannot be evaluated does not hold.

    Raises:
        expr.MissingFact: a check needs an outside value. Fetch it and call again.
    """
    names = {
        "flow": {"id": flow.id, "namespace": flow.namespace, "revision": flow.revision},
        "namespace": {"id": flow.namespace},
        "vars": flow.variables,
        "inputs": inputs,
    }
    return [check for check in checks_of(flow.document) if not _holds(check, names, facts, world, now)]


def _holds(
    check: Check, names: Mapping[str, Any], facts: expr.Facts | None, world: World, now: datetime
) -> bool:
    try:
        return expr.is_truthy_text(expr.render(check.when, names, facts, world.options(now)))
    except expr.ExpressionError:
        return False


def verdict(failed: Iterable[Check]) -> CheckBehavior:
    """What the strongest of the failed checks demands."""
    behaviors = {check.behavior for check in failed}
    return next((each for each in _STRENGTH if each in behaviors), CheckBehavior.CREATE_EXECUTION)


def refusal(failed: Iterable[Check]) -> InvalidRequest:
    """Why the execution is not created."""
    messages = [check.message for check in failed if check.behavior is CheckBehavior.BLOCK_EXECUTION]
    return InvalidRequest(", ".join(messages), where="checks", mend="start with other inputs")


def failed_at_birth(execution: Execution, now: datetime) -> Execution:
    """The row of an execution that is created FAILED; none of its tasks run."""
    return msgspec.structs.replace(execution, state=execution.state.to(State.FAILED, now), settled=True)
