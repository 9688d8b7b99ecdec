"""What a step asks beyond its own rows: of children, iterations and parents; repetitions; row files."""

from __future__ import annotations

import logging

from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.engine.endings import started_by
from batuta.engine.ledger import Ledger
from batuta.engine.outline import outline_of
from batuta.errors import BatutaError
from batuta.executor.inbox import Item
from batuta.executor.large_values import LargeValues
from batuta.executor.live import Live
from batuta.executor.plan import Asked
from batuta.executor.round import Round
from batuta.executor.seals import Seals
from batuta.executor.starting import Starting
from batuta.model.execution import Execution
from batuta.model.state import State
from batuta.ports import Ports
from batuta.storage import uris

log = logging.getLogger(__name__)


class Relatives:
    """Does what commands ask of other executions, as rows of the round that asked."""

    def __init__(
        self, ports: Ports, live: Live, starting: Starting, seals: Seals, large: LargeValues
    ) -> None:
        self._storage = ports.storage
        self._executions = ports.store.executions
        self._live = live
        self._starting = starting
        self._seals = seals
        self._large = large

    async def answer(
        self,
        command: Asked,
        ledger: Ledger,
        this: Round,
    ) -> on.AnyEvent | None:
        """Do what a step asks for; gives an event that its own execution has to hear of."""
        execution_id = ledger.execution.id
        match command:
            case do.StartSubflow():
                return await self._start_subflow(command, ledger, this)
            case do.StartIteration():
                iteration = self._starting.iteration(ledger.execution, command)
                outline = outline_of(ledger.outline.flow, command.task.id)
                row = self._seals.row(iteration, ledger)
                self._begin(row, Ledger(iteration, outline, outer=ledger), this)
            case do.StoreRows():
                return await self._store_rows(command, ledger)
            case do.RestartSubflow():
                return await self._restart_child(command, execution_id, this)
            case do.StopSubflows():
                for child_id in await self._children(execution_id, command.task_run_id):
                    this.posted.append(on.KillRequested(execution_id=child_id))
            case do.TellPause():
                this.posted.append(
                    on.IterationPaused(
                        execution_id=command.parent_execution_id,
                        task_run_id=command.task_run_id,
                        child_id=command.child_id,
                        index=command.index,
                        paused=command.paused,
                    )
                )
            case do.TellParent():
                outputs, secrets = self._seals.told(command.outputs, ledger)
                this.posted.append(
                    on.SubflowEnded(
                        execution_id=command.parent_execution_id,
                        task_run_id=command.task_run_id,
                        child_id=execution_id,
                        index=command.index,
                        original_id=command.original_id,
                        problem=command.problem,
                        state=command.state,
                        outputs=outputs,
                        secrets=secrets,
                    )
                )
        return None

    async def _start_subflow(self, command: do.StartSubflow, ledger: Ledger, this: Round) -> on.AnyEvent:
        execution_id = ledger.execution.id
        try:
            child, flow = await self._starting.child(command)
        except BatutaError as error:
            return on.SubflowRefused(
                execution_id=execution_id,
                task_run_id=command.run.id,
                token=command.run.token,
                index=command.index,
                reason=str(error),
            )
        child = self._seals.row(child, ledger)
        self._begin(child, Ledger(child, outline_of(flow)), this)
        if child.settled:
            # A check of its flow has failed it.
            this.posted.append(
                on.SubflowEnded(
                    execution_id=execution_id,
                    task_run_id=command.run.id,
                    child_id=child.id,
                    index=command.index,
                    state=child.state.current,
                )
            )
        return on.SubflowCreated(
            execution_id=execution_id,
            task_run_id=command.run.id,
            token=command.run.token,
            index=command.index,
            child_id=child.id,
        )

    def _begin(self, execution: Execution, ledger: Ledger, this: Round) -> None:
        this.batch.executions[execution.id] = execution
        this.changed[execution.id] = None
        ledger.replace_execution(self._seals.opened(ledger.execution, [])[0])
        self._live.add(ledger)
        this.next.append(
            Item(event=on.ExecutionCreated(execution_id=execution.id), execution_id=execution.id)
        )

    async def _children(self, execution_id: str, task_run_id: str | None) -> list[str]:
        """Executions that tasks of one started; of a single task run only those that have not ended."""
        stored = await self._executions.children(execution_id)
        known = {child.id: child for child in (*stored, *self._live.children(execution_id))}
        return [
            child.id
            for child in known.values()
            if task_run_id is None or (not child.settled and started_by(child) == task_run_id)
        ]

    async def _restart_child(
        self, command: do.RestartSubflow, execution_id: str, this: Round
    ) -> on.AnyEvent | None:
        child = await self._live.get(command.child_id)
        if child is None:
            return on.SubflowRefused(
                execution_id=execution_id,
                task_run_id=command.run.id,
                token=command.run.token,
                index=command.index,
                reason=f"the execution {command.child_id} of the subflow is gone, so it cannot be restarted",
            )
        state = child.execution.state.current
        if child.execution.settled and state.value in ("SUCCESS", "WARNING"):
            outputs, secrets = self._seals.told(child.execution.outputs, child)
            return on.SubflowEnded(
                execution_id=execution_id,
                task_run_id=command.run.id,
                child_id=command.child_id,
                index=command.index,
                state=state,
                outputs=outputs,
                secrets=secrets,
            )
        this.posted.append(on.RestartRequested(execution_id=command.child_id))
        return None

    async def repeat(self, item: Item, this: Round) -> None:
        """Make the execution that a RETRIED one asked for."""
        retried = await self._executions.get(item.execution_id)
        this.take_in(item)
        if retried is None:
            return
        execution = self._starting.repetition(retried)
        if await self._executions.get(execution.id) is None:
            flow = await self._live.flows.revision(execution.flow_key, execution.revision)
            loop = execution.loop
            outline = outline_of(flow, None if loop is None else loop.task_id)
            outer = None if loop is None else await self._live.get(loop.execution_id)
            self._begin(execution, Ledger(execution, outline, outer=outer), this)

    async def _store_rows(self, command: do.StoreRows, ledger: Ledger) -> on.AnyEvent:
        """Write a row file; JSON lines are valid Ion."""
        execution, run = ledger.execution, command.run
        uri = uris.task_file(
            execution.namespace, execution.flow_id, execution.id, run.task_id, run.id, "outputs.ion"
        )
        state, outputs = State.SUCCESS, {**command.beside, command.output: uri}
        try:
            await self._storage.put(uri, self._large.rows(command.rows))
        except BatutaError as error:
            log.error("rows of a task run were not stored: %s", error)
            state, outputs = State.FAILED, {}
        return on.TaskRunFinished(
            execution_id=execution.id, task_run_id=run.id, token=run.token, state=state, outputs=outputs
        )
