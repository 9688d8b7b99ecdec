"""Executions that other executions ask for: children of Subflow tasks, and repetitions of failed ones."""

from __future__ import annotations

from typing import Any

from batuta import expr, flows, ids
from batuta.engine import checks, replaying
from batuta.engine.commands import StartIteration, StartSubflow, child_id
from batuta.engine.lifecycle import new_execution, new_iteration
from batuta.engine.rules import CheckBehavior
from batuta.engine.sealing import closed
from batuta.engine.world import World
from batuta.errors import BatutaError, Conflict
from batuta.executor.live import FlowSource
from batuta.lookups import Lookups
from batuta.model.execution import Execution, ExecutionTrigger
from batuta.model.flow import Flow, FlowKey
from batuta.ports import Ports

MOST_LOOKUPS = 100
"""Most outside values that the defaults of one flow's inputs may ask for."""


class Starting:
    """Makes the rows of new executions."""

    def __init__(self, ports: Ports, sources: FlowSource, lookups: Lookups, world: World) -> None:
        self._clock = ports.clock
        self._cipher = ports.cipher
        self._sources = sources
        self._lookups = lookups
        self._world = world

    async def child(self, command: StartSubflow) -> tuple[Execution, Flow]:
        """The child that a Subflow asks for. Its id follows from the attempt, so that it is made once.

        Raises:
            BatutaError: the flow does not exist, is disabled, a draft or wrong, or its inputs are.
        """
        key = FlowKey(command.namespace, command.flow_id)
        flow = await self._sources.latest(key)
        if command.revision is not None:
            flow = await self._sources.revision(key, command.revision)
        if flow.disabled:
            raise Conflict(f"Cannot execute a flow which is disabled: {key}")
        if self._sources.is_draft(flow):
            raise Conflict(f"Cannot execute a flow which is a draft: {key}", mend="save it without `draft`")
        inputs, secrets = await self._inputs(flow, command)
        execution = new_execution(
            flow,
            id=child_id(command.run, command.index),
            inputs=inputs,
            labels=command.labels,
            trigger=ExecutionTrigger(command.task.id, command.task.type, command.trigger),
            now=self._clock.now(),
            schedule_at=command.schedule_at,
            asked_outputs=command.asked_outputs,
            depth=command.depth,
        )
        if flow.document.get("checks"):
            execution = await self._checked(execution, flow)
        return closed(execution, secrets, self._cipher.encrypt), flow

    async def _checked(self, execution: Execution, flow: Flow) -> Execution:
        """The execution as its flow's checks let it begin."""
        facts = expr.Facts()
        now = self._clock.now()
        for _ in range(MOST_LOOKUPS):
            try:
                failed = checks.failed_checks(flow, execution.inputs, now=now, world=self._world, facts=facts)
            except expr.MissingFact as missing:
                facts = await self._lookups.answer(missing.fact, facts, namespace=flow.namespace)
                continue
            match checks.verdict(failed):
                case CheckBehavior.BLOCK_EXECUTION:
                    raise checks.refusal(failed)
                case CheckBehavior.FAIL_EXECUTION:
                    return checks.failed_at_birth(execution, now)
            return execution
        raise BatutaError(f"the checks of {flow.key} ask for more than {MOST_LOOKUPS} outside values")

    def iteration(self, parent: Execution, command: StartIteration) -> Execution:
        """The execution of one iteration of a Loop."""
        return new_iteration(
            parent,
            id=child_id(command.run, command.item.index),
            run=command.run,
            task=command.task,
            item=command.item,
            now=self._clock.now(),
        )

    async def _inputs(self, flow: Flow, command: StartSubflow) -> tuple[dict[str, Any], tuple[str, ...]]:
        names = {"flow": {"id": flow.id, "namespace": flow.namespace}, "namespace": {"id": flow.namespace}}
        facts = expr.Facts()
        for _ in range(MOST_LOOKUPS):
            try:
                resolution = flows.resolve(
                    flow.inputs, command.inputs, names, facts, encrypt=self._cipher.encrypt
                )
            except expr.MissingFact as missing:
                facts = await self._lookups.answer(missing.fact, facts, namespace=flow.namespace)
                continue
            if resolution.violations:
                raise BatutaError("; ".join(violation.message for violation in resolution.violations))
            return dict(resolution.values), resolution.secrets
        raise BatutaError(f"the inputs of {flow.key} ask for more than {MOST_LOOKUPS} outside values")

    def repetition(self, execution: Execution) -> Execution:
        """The next try of an execution that was RETRIED. Its id follows from the attempt, so that it is made
        once."""
        return replaying.repetition(
            execution,
            id=ids.derived_id(execution.id, "retry", execution.attempt_number),
            now=self._clock.now(),
        )
