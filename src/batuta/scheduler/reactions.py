"""Flow triggers: executions that start because another execution came to some state (triggers spec A6).

An execution keeps every state that it came to, in order. Each of these *moments* is looked at once by each
listener; the unique row of (trigger, execution, moment) is written with what the trigger started, so that a
moment which is seen again, after a crash or by the sweep, starts nothing again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from batuta import expr, flows, ids
from batuta.bus.port import ExecutionChanged
from batuta.engine.events import ExecutionCreated
from batuta.errors import AlreadyFired, BatutaError, FlowError
from batuta.firing.launching import Launcher, Wish
from batuta.firing.rules import Rule
from batuta.firing.scene import (
    Scene,
    TaskRunsNeeded,
    Upstream,
    names_of,
    over_upstream,
    with_facts,
    with_trigger,
)
from batuta.firing.sources import RuleSource
from batuta.model import labels, stored
from batuta.model.execution import Execution, ExecutionKind
from batuta.model.flow import FlowKey
from batuta.model.state import Moment, State
from batuta.model.trigger import Firing, Window
from batuta.plugin import registry
from batuta.ports import Ports
from batuta.scheduler.misses import tell_misses
from batuta.scheduler.reconcile import FLOW_TRIGGER
from batuta.scheduler.spans import Span, of_dependencies, of_preconditions
from batuta.store.batch import Batch

MARK = "reactions"
SLACK = timedelta(seconds=60)
"""An end may become visible so much later than its own time says."""
MOST_AT_ONCE = 500
MOST_REMEMBERED = 20_000

log = logging.getLogger(__name__)
_MULTIPLE = "io.kestra.plugin.core.condition.MultipleCondition"


class Listener(msgspec.Struct, frozen=True):
    """A Flow trigger, and since when it listens."""

    rule: Rule
    since: datetime


class Reactions:
    """Looks at what other executions come to."""

    def __init__(self, ports: Ports, launcher: Launcher, rules: RuleSource) -> None:
        self._ports = ports
        self._store = ports.store
        self._launcher = launcher
        self._rules = rules
        self._listeners: dict[FlowKey, list[Listener]] = {}
        self._waiting: dict[str, None] = {}
        self._something = asyncio.Event()
        self._seen: OrderedDict[str, int] = OrderedDict()
        """How many moments of an execution were looked at."""
        self._heard_since_sweep = True

    async def load(self) -> None:
        """Find the listeners, and look at what happened before this process."""
        for key in await self._store.triggers.listening_flows():
            await self.follow(key, listens=True)
        await self.sweep()

    async def follow(self, key: FlowKey, *, listens: bool) -> None:
        """A flow has a new revision."""
        self._listeners.pop(key, None)
        latest = await self._rules.latest(key) if listens else None
        if latest is not None and latest.can_start:
            self._listeners[key] = [
                Listener(rule, latest.saved_at)
                for rule in latest.rules.values()
                if rule.definition.type == FLOW_TRIGGER and not rule.definition.disabled
            ]

    def heard(self, execution_id: str) -> None:
        """An execution has changed."""
        if self._listeners:
            self._heard_since_sweep = True
            self._waiting[execution_id] = None
            self._something.set()

    def revision_heard(self, key: FlowKey) -> int | None:
        """The revision of a flow whose triggers are asked; None when it has none."""
        return next((each.rule.flow.revision for each in self._listeners.get(key, ())), None)

    def has_seen(self, execution_id: str) -> bool:
        """Something of the execution was looked at."""
        return execution_id in self._seen and execution_id not in self._waiting

    async def run(self) -> None:
        """Look at executions that changed, until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                execution_id = next(iter(self._waiting))
                del self._waiting[execution_id]
                try:
                    execution = await self._store.executions.get(execution_id)
                    if execution is not None:
                        await self._look(execution)
                except Exception:
                    # The border of the loop; the sweep looks again.
                    log.exception("a change of %s was not looked at", execution_id)
                    self._seen.pop(execution_id, None)

    async def sweep(self) -> None:
        """Look at executions that may have changed without being heard of, and at windows that closed."""
        listened = [(each.rule, each.since) for every in self._listeners.values() for each in every]
        await tell_misses(self._ports, self._launcher, listened)
        if not self._listeners or not self._heard_since_sweep:
            return
        self._heard_since_sweep = False
        now = self._ports.clock.now()
        mark = await self._store.triggers.mark(MARK)
        executions = {each.id: each for each in await self._store.executions.unsettled()}
        since = mark - SLACK if mark is not None else now - SLACK
        while True:
            ended = await self._store.triggers.ended_since(since, MOST_AT_ONCE)
            fresh = [each for each in ended if each.id not in executions]
            executions.update((each.id, each) for each in ended)
            if len(ended) < MOST_AT_ONCE or not fresh:
                break
            since = ended[-1].state.ended_at or now
        for execution in executions.values():
            await self._look(execution)
        await self._store.triggers.put_mark(MARK, now)

    # One execution

    async def _look(self, execution: Execution) -> None:
        moments = execution.state.moments
        first = self._seen.get(execution.id, 0)
        self._seen[execution.id] = len(moments)
        self._seen.move_to_end(execution.id)
        if len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
        if execution.kind is not ExecutionKind.NORMAL:
            return
        for place in range(first, len(moments)):
            if moments[place].state is not State.CREATED:
                await self._moment(execution, place, moments[place])

    async def _moment(self, execution: Execution, place: int, moment: Moment) -> None:
        for key, listeners in list(self._listeners.items()):
            if key == execution.flow_key:
                continue
            for listener in listeners:
                if listener.since <= moment.at:
                    await self._ask(listener.rule, execution, place, moment)

    async def _ask(self, rule: Rule, execution: Execution, place: int, moment: Moment) -> None:
        try:
            answer = await self._answer(rule, execution, moment)
        except (BatutaError, expr.ExpressionError) as error:
            log.warning(
                "a condition of %s failed on %s and counts as false: %s", rule.key, execution.id, error
            )
            return
        if answer is None:
            return
        occasion = f"{execution.id}:{place}:{moment.state}"
        if not answer.spans:
            await self._fire(rule, execution, moment, answer, occasion, Batch())
            return
        for span in answer.spans:
            await self._fill(rule, execution, moment, answer, span, occasion)

    async def _answer(self, rule: Rule, execution: Execution, moment: Moment) -> Answer | None:
        """What the trigger says about a moment: None for no."""
        upstream = Upstream(execution, moment.state)
        while True:
            try:
                return await with_facts(
                    self._launcher.lookups,
                    rule.flow.namespace,
                    lambda facts, upstream=upstream: self._asked(rule, upstream, facts),  # type: ignore[misc]
                    execution,
                )
            except TaskRunsNeeded:
                upstream = Upstream(
                    execution,
                    moment.state,
                    await self._flow_of(execution),
                    [*await self._store.executions.task_runs(execution.id)],
                )

    async def _flow_of(self, execution: Execution) -> Any:
        stored = await self._store.flows.revision(execution.flow_key, execution.revision)
        try:
            return None if stored is None else flows.parse(stored.source, revision=stored.revision)
        except FlowError:
            return None

    def _asked(self, rule: Rule, upstream: Upstream, facts: expr.Facts) -> Answer | None:
        world = self._launcher.world
        variables = variables_of(upstream)
        own = names_of(rule.flow, world)
        names = with_trigger(over_upstream(own, upstream.names(world)), variables)
        scene = Scene(
            rule.flow,
            names,
            facts=facts,
            options=world.options(self._ports.clock.now()),
            forms=rule.forms,
            upstream=upstream,
        )
        trigger = rule.built(scene)
        # With `dependsOn` each entry names its states.
        states = set(trigger.states) if trigger.states else _default_states()
        if State(upstream.state) not in states and not (trigger.depends_on and not trigger.states):
            return None
        render = scene.render_upstream if trigger.depends_on else scene.render
        if rule.when is not None and not expr.is_truthy_text((render(rule.when) or "").strip()):
            return None
        spans: list[Span] = []
        for document in rule.conditions:
            if registry.canonical(document.get("type", "")) == _MULTIPLE:
                multiple: Any = scene.built(document)
                met = [key for key, each in multiple.conditions.items() if scene.holds(each)]
                every = tuple(multiple.conditions)
                spans.append(
                    Span(multiple.id, multiple.span, multiple.reset_on_success, every, tuple(met), len(every))
                )
            elif not scene.holds(document):
                return None
        if trigger.preconditions is not None:
            spans.append(of_preconditions(trigger.preconditions, scene))
        if trigger.depends_on:
            dependencies = of_dependencies(rule, trigger, scene)
            if not dependencies.met:
                return None
            variables["outputs"] = _scoped(variables.get("outputs"), upstream.flow_id)
            if dependencies.needed > 1 or trigger.window is not None:
                spans.append(dependencies)
        if rule.inputs:
            try:
                scene.render_deep(rule.inputs)  # finds out what has to be read for them
            except expr.ExpressionError:
                if not trigger.depends_on:
                    raise
        return Answer(variables, names, spans)

    # What follows

    async def _fill(
        self, rule: Rule, execution: Execution, moment: Moment, answer: Answer, span: Span, occasion: str
    ) -> None:
        """Note what the execution has met; start the flow once everything is."""
        if not span.met:
            return
        around = span.window.around(moment.at)
        if around is None:
            return
        window = await self._store.triggers.window(rule.flow.key, span.name)
        is_other = window is not None and not window.start <= moment.at <= window.end
        if window is None or (is_other and span.lookback is None):
            start, end = around
            window = Window(
                namespace=rule.key.namespace, flow_id=rule.key.flow_id, name=span.name, start=start, end=end
            )
        if window.fired and span.fire_once:
            return
        times = {**window.met_at, **dict.fromkeys(span.met, moment.at)}
        met = list(dict.fromkeys((*window.met, *span.met)))
        if span.lookback is not None:
            met = [key for key in met if times[key] >= moment.at - span.lookback]
        told = stored.shown(execution.outputs or {})
        outputs = _merged(window.outputs, {span.scope: told} if span.scope is not None else told)
        window = msgspec.structs.replace(window, met=tuple(met), met_at=times, outputs=outputs)
        if sum(key in met for key in span.every) < span.needed:
            await self._commit(self._noted(rule, occasion, None, Batch(windows=[window])))
            return
        window = msgspec.structs.replace(window, fired=True)
        batch = Batch(windows=[] if span.reset else [window])
        if span.reset:
            batch.removed_windows.append((rule.key.namespace, rule.key.flow_id, span.name))
        alone = span.scope is not None and len(span.every) == 1
        answer.variables["outputs"] = {**outputs, **told} if alone else outputs
        await self._fire(rule, execution, moment, answer, occasion, batch)

    async def _fire(
        self, rule: Rule, execution: Execution, moment: Moment, answer: Answer, occasion: str, batch: Batch
    ) -> None:
        now = self._ports.clock.now()
        wish = Wish(
            rule=rule,
            execution_id=ids.derived_id("reaction", *rule.key, occasion),
            names=answer.names,
            variables=answer.variables,
            correlation_id=labels.value_of(execution.labels, labels.CORRELATION_ID) or execution.id,
            upstream=execution,
        )
        launch = await self._launcher.launch(wish, now)
        if not launch.was_rendered and "dependsOn" not in rule.definition.properties:
            log.warning(
                "the inputs of %s cannot be rendered for %s: %s", rule.key, execution.id, launch.refusal
            )
            await self._commit(self._noted(rule, occasion, None, batch))
            return
        started = launch.execution
        batch.executions[started.id] = started
        batch.logs += launch.lines
        self._noted(rule, occasion, started.id, batch)
        await self._commit(batch, None if started.is_ended else started.id)
        await self._ports.bus.publish(ExecutionChanged(execution_id=started.id, settled=started.settled))

    def _noted(self, rule: Rule, occasion: str, execution_id: str | None, batch: Batch) -> Batch:
        batch.firings.append(
            Firing(
                namespace=rule.key.namespace,
                flow_id=rule.key.flow_id,
                trigger_id=rule.key.trigger_id,
                occasion=occasion,
                at=self._ports.clock.now(),
                execution_id=execution_id,
            )
        )
        return batch

    async def _commit(self, batch: Batch, created: str | None = None) -> None:
        try:
            if created is None:
                await self._store.commit(batch)
            else:
                await self._ports.inbox.accept(ExecutionCreated(execution_id=created), batch=batch)
        except AlreadyFired:
            pass  # looked at before


class Answer(msgspec.Struct):
    """A trigger's yes to a moment."""

    variables: dict[str, Any]
    names: Mapping[str, Any]
    spans: list[Span]


def variables_of(upstream: Upstream) -> dict[str, Any]:
    """What the started execution sees as `trigger`."""
    execution = upstream.execution
    told = (label for label in execution.labels if label.key != labels.CORRELATION_ID)
    variables: dict[str, Any] = {
        "executionId": execution.id,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "flowRevision": execution.revision,
        "state": str(upstream.state),
        "executionLabels": labels.nested(told),
    }
    if execution.outputs:
        variables["outputs"] = stored.shown(execution.outputs)
    return variables


def _scoped(outputs: Any, flow_id: str) -> dict[str, Any]:
    """Outputs of one execution: under the id of its flow, and as they are."""
    given = outputs or {}
    return {flow_id: given, **given}


def _default_states() -> frozenset[State]:
    from batuta.plugins.core.trigger.flow import DEFAULT_STATES

    return DEFAULT_STATES


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Two maps, merged in depth; the second wins."""
    result = dict(first)
    for key, value in second.items():
        known = result.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            value = _merged(known, value)
        result[key] = value
    return result
