"""Whether what a schedule would start could begin, found out without starting it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from batuta import expr, ids
from batuta.errors import BatutaError
from batuta.firing.launching import Launcher, Wish
from batuta.firing.rules import Rule, Schedule
from batuta.firing.scene import with_facts
from batuta.model.labels import Label


async def refusal(
    launcher: Launcher,
    rule: Rule,
    tick: datetime,
    now: datetime,
    *,
    inputs: dict[str, Any] | None = None,
    labels: tuple[Label, ...] = (),
) -> str | None:
    """Why the execution of a tick would fail before it begins; None if it would begin.

    Args:
        inputs: those of a backfill, over the trigger's own.
        labels: likewise.
    """
    options = launcher.world.options(now)
    try:
        variables = await with_facts(
            launcher.lookups,
            rule.flow.namespace,
            lambda facts: Schedule(rule, launcher.world, facts, options).variables(tick),
        )
        wish = Wish(
            rule=rule,
            execution_id=ids.random_id(),
            names=rule.names(launcher.world, variables),
            variables=variables,
            inputs=inputs or {},
            labels=labels,
            schedule_at=tick,
        )
        return (await launcher.launch(wish, now)).refusal
    except (BatutaError, expr.ExpressionError) as error:
        return str(error)
