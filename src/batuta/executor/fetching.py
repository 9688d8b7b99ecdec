"""Gets outside values that expressions of a step ask for. Other executions go on meanwhile."""

from __future__ import annotations

import asyncio
import logging

from batuta import expr
from batuta.executor.inbox import ExecutorInbox, Item
from batuta.lookups import Lookups
from batuta.model.execution import Execution

MOST_LOOKUPS = 1000
"""Most outside values that one step may ask for."""

log = logging.getLogger(__name__)


class Fetching:
    """Steps are pure: one that needs a value from outside is made again once the value is here."""

    def __init__(self, inbox: ExecutorInbox, lookups: Lookups) -> None:
        self._inbox = inbox
        self._lookups = lookups
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, item: Item, fact: expr.Fact, execution: Execution) -> None:
        """Hold the item back until the value is known."""
        self._inbox.set_aside(item)
        task = asyncio.create_task(self._answer(item, fact, execution))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, item: Item, fact: expr.Fact, execution: Execution) -> None:
        facts = item.facts or expr.Facts()
        try:
            if len(facts) >= MOST_LOOKUPS:
                facts = facts.with_error(fact, f"one step may ask for at most {MOST_LOOKUPS} outside values")
            else:
                facts = await self._lookups.answer(
                    fact, facts, namespace=execution.namespace, execution=execution
                )
        except Exception as error:
            # The border to code that reaches outside: the expression gets the reason.
            log.exception("a lookup failed (execution %s)", execution.id)
            facts = facts.with_error(fact, f"{type(error).__name__}: {error}")
        self._inbox.resume(execution.id, facts)
