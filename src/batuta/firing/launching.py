"""The execution that a trigger starts: labels rendered, inputs rendered and typed, or why they cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from batuta import expr, flows
from batuta.engine import checks
from batuta.engine.lifecycle import new_execution
from batuta.engine.rules import Check, CheckBehavior
from batuta.engine.sealing import closed
from batuta.engine.world import World
from batuta.errors import BatutaError
from batuta.firing.rules import Rule, kind_of
from batuta.firing.scene import names_of, with_facts
from batuta.lookups import Lookups
from batuta.model.execution import Execution, ExecutionTrigger
from batuta.model.labels import CORRELATION_ID, FROM, SYSTEM_PREFIX, Label
from batuta.model.masking import Masker
from batuta.model.records import LogLine
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.model.trigger import TriggerKind


class Wish(msgspec.Struct, kw_only=True):
    """What shall be started."""

    rule: Rule
    execution_id: str
    names: Mapping[str, Any]
    """What inputs and labels are rendered with."""
    variables: dict[str, Any]
    """`trigger` in the execution."""
    inputs: dict[str, Any] = {}
    """Over those of the trigger."""
    labels: tuple[Label, ...] = ()
    """Over those of the trigger."""
    correlation_id: str | None = None
    schedule_at: datetime | None = None
    secrets: tuple[str, ...] = ()
    """What the variables may hold of secrets; the execution keeps such values encrypted."""
    upstream: Execution | None = None
    """On whose behalf files and logs are looked up."""


class Launch(msgspec.Struct):
    """An execution to be written, and lines of its log."""

    execution: Execution
    lines: list[LogLine]
    refusal: str | None = None
    """Why its inputs cannot be used, or which checks of the flow block it; the execution is FAILED then."""
    was_rendered: bool = True
    """The inputs could be rendered, whether they fit the flow or not."""

    @property
    def is_refused(self) -> bool:
        """The execution has ended before it began."""
        return self.refusal is not None


class Launcher:
    """Makes executions for triggers. Nothing is written here."""

    def __init__(self, lookups: Lookups, world: World) -> None:
        self.lookups = lookups
        self.world = world

    async def launch(self, wish: Wish, now: datetime) -> Launch:
        """The execution; a FAILED one where its inputs are wrong (triggers spec A3.5)."""
        rule = wish.rule
        options = self.world.options(now)
        lines: list[LogLine] = []

        def line(level: LogLevel, message: str) -> None:
            lines.append(
                LogLine(
                    execution_id=wish.execution_id,
                    namespace=rule.flow.namespace,
                    flow_id=rule.flow.id,
                    at=now,
                    level=level,
                    message=message,
                    trigger_id=rule.definition.id,
                )
            )

        seen = list(wish.secrets)
        labels = [label async for label in self._labels(wish, options, line, seen)]
        labels.append(Label(FROM, "trigger"))
        if wish.correlation_id is not None:
            labels.append(Label(CORRELATION_ID, wish.correlation_id))
        inputs: dict[str, Any] = {}
        refusal: str | None = None
        was_rendered = False
        try:
            given = await self._rendered({**rule.inputs, **wish.inputs}, wish, options, seen)
            was_rendered = True
            inputs = await self._typed(rule, given, options, seen)
        except (BatutaError, expr.ExpressionError) as error:
            refusal = error.what if isinstance(error, BatutaError) else str(error)
            line(LogLevel.ERROR, f"The inputs of the trigger cannot be used: {refusal}")
        execution = new_execution(
            rule.flow,
            id=wish.execution_id,
            inputs=inputs,
            labels=labels,
            trigger=ExecutionTrigger(rule.definition.id, rule.definition.type, wish.variables),
            now=now,
        )
        if wish.schedule_at is not None:
            execution = msgspec.structs.replace(execution, schedule_at=wish.schedule_at)
        if refusal is None:
            unmet = await self._unmet_checks(rule, execution, now)
            verdict = checks.verdict(unmet)
            if verdict is not CheckBehavior.CREATE_EXECUTION:
                told = ", ".join(check.message for check in unmet)
                line(LogLevel.ERROR, f"The checks of the flow do not let the execution begin: {told}")
                if verdict is CheckBehavior.BLOCK_EXECUTION:
                    refusal = told
                else:
                    execution = checks.failed_at_birth(execution, now)
        if refusal is not None:
            execution = failed(execution, now)
        if seen:
            execution = closed(execution, seen, self.world.encrypt)
            mask = Masker(seen).mask
            lines = [msgspec.structs.replace(each, message=mask(each.message)) for each in lines]
            refusal = None if refusal is None else mask(refusal)
        return Launch(execution, lines, refusal, was_rendered)

    async def _unmet_checks(self, rule: Rule, execution: Execution, now: datetime) -> list[Check]:
        """The checks of the flow that do not hold for the inputs (flow spec §14.2)."""
        if not rule.flow.document.get("checks"):
            return []

        def ask(facts: expr.Facts) -> list[Check]:
            return checks.failed_checks(rule.flow, execution.inputs, now=now, world=self.world, facts=facts)

        return await with_facts(self.lookups, rule.flow.namespace, ask)

    async def _labels(self, wish: Wish, options: expr.Options, line: Any, seen: list[str]) -> Any:
        given: Iterable[tuple[str, Any]] = [
            *wish.rule.labels,
            *((label.key, label.value) for label in wish.labels),
        ]
        for key, value in given:
            if key.startswith(SYSTEM_PREFIX):
                continue
            try:
                rendered = await self._rendered(value, wish, options, seen)
            except (BatutaError, expr.ExpressionError) as error:
                line(LogLevel.WARN, f"The label `{key}` of the trigger was left out: {error}")
                continue
            text = str(rendered).lower() if isinstance(rendered, bool) else str(rendered or "")
            if text:
                yield Label(key, text)

    async def _rendered(self, value: Any, wish: Wish, options: expr.Options, seen: list[str]) -> Any:
        """The value rendered; `seen` gets the secrets that it asks for."""

        def render(facts: expr.Facts) -> Any:
            seen.extend(facts.secrets())
            return expr.render_deep(value, wish.names, facts, options)

        return await with_facts(self.lookups, wish.rule.flow.namespace, render, wish.upstream)

    async def _typed(
        self, rule: Rule, given: dict[str, Any], options: expr.Options, seen: list[str]
    ) -> dict[str, Any]:
        if not rule.flow.inputs:
            return {}
        names = names_of(rule.flow, self.world)
        resolution = await with_facts(
            self.lookups,
            rule.flow.namespace,
            lambda facts: flows.resolve(
                rule.flow.inputs, given, names, facts, encrypt=self.world.encrypt, options=options
            ),
        )
        # What only reacts and gives no inputs starts a flow that requires some; a task that reads one fails.
        is_lenient = not given and kind_of(rule.definition) is not TriggerKind.SCHEDULE
        violations = resolution.violations_of_given if is_lenient else resolution.violations
        if violations:
            raise BatutaError("; ".join(f"{each.path}: {each.message}" for each in violations))
        seen.extend(resolution.secrets)
        return dict(resolution.values)


def failed(execution: Execution, now: datetime) -> Execution:
    """An execution that ended before anything of it began."""
    state = execution.state.to(State.FAILED, now)
    return msgspec.structs.replace(execution, state=state, settled=True)
