"""Polling triggers: one look, with what an attempt of a task has at hand."""

from __future__ import annotations

import asyncio
from typing import Any

from batuta.engine.context import Names
from batuta.engine.ledger import Ledger
from batuta.engine.lifecycle import new_execution
from batuta.engine.outline import outline_of
from batuta.engine.world import World
from batuta.errors import BatutaError, MissingExtra
from batuta.firing.rules import Rule
from batuta.ids import derived_id
from batuta.model.execution import TaskRun
from batuta.model.state import History, State
from batuta.model.task import LogLevel, Task
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.trigger import PollingTrigger
from batuta.worker.attempt import Attempt, Bench
from batuta.worker.context import AttemptInputs
from batuta.worker.workspace import Workspace


class Poller:
    """Looks on behalf of triggers. Files are stored below the execution that a look may start."""

    def __init__(self, bench: Bench, world: World) -> None:
        self._bench = bench
        self._world = world

    async def poll(self, rule: Rule, execution_id: str) -> dict[str, Any] | None:
        """What was found, which is `trigger` in the execution; None for nothing.

        Raises:
            BatutaError: it could not look.
        """
        workspace = Workspace(self._bench.folders)
        context = Attempt(self._bench, self._inputs(rule, execution_id), 0, workspace).context
        renderer = context.renderer
        try:
            trigger = await renderer.settle(lambda: rule.form().build(renderer.text))
            if not isinstance(trigger, PollingTrigger):
                raise BatutaError(f"{rule.definition.written_type} does not poll")
            return plain_outputs(await trigger.poll(context))
        except ModuleNotFoundError as error:
            extra = None if rule.cls is None else rule.cls.extra
            if extra is None:
                raise
            raise MissingExtra(rule.definition.type, extra) from error
        finally:
            context.stop()
            if workspace.is_made:
                await asyncio.shield(asyncio.to_thread(workspace.remove))

    def _inputs(self, rule: Rule, execution_id: str) -> AttemptInputs:
        now = self._bench.ports.clock.now()
        definition = rule.definition
        execution = new_execution(rule.flow, id=execution_id, inputs={}, now=now)
        run = TaskRun(
            id=derived_id(execution_id, definition.id),
            ordinal=0,
            task_id=definition.id,
            state=History.starting(now, State.RUNNING),
        )
        written = str(definition.properties.get("logLevel") or definition.properties.get("minLogLevel"))
        task = Task(
            id=definition.id,
            type=definition.type,
            written_type=definition.written_type,
            # A look that finds nothing leaves no trace but its warnings.
            log_level=LogLevel(written) if written in LogLevel.__members__ else LogLevel.WARN,
        )
        names = Names(Ledger(execution, outline_of(rule.flow)), self._world).extended(
            trigger={"id": definition.id, "type": definition.written_type}
        )
        options = self._world.options(now)
        return AttemptInputs(
            task=task, flow=rule.flow, execution=execution, run=run, names=names, options=options
        )
