"""What the expressions and conditions of a trigger see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from batuta import expr
from batuta.engine.context import Names
from batuta.engine.ledger import Ledger
from batuta.engine.outline import outline_of
from batuta.engine.world import World
from batuta.errors import BatutaError, FlowError
from batuta.lookups import Lookups
from batuta.model import labels, stored
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import TENANT, Flow
from batuta.plugin import condition
from batuta.plugin.forms import Form

T = TypeVar("T")
MOST_LOOKUPS = 100
"""Most outside values that the expressions of one trigger may ask for."""

Forms = dict[int, "Form[condition.Condition]"]


class TaskRunsNeeded(Exception):
    """An expression asks for task runs of the upstream execution, which were not read."""


class Upstream:
    """The execution that a Flow trigger looks at, in the state that it came to (see `plugin.condition`)."""

    def __init__(
        self, execution: Execution, state: str, flow: Flow | None = None, runs: list[TaskRun] | None = None
    ) -> None:
        self.execution = execution
        self.state = state
        self.namespace = execution.namespace
        self.flow_id = execution.flow_id
        self.labels = {label.key: label.value for label in execution.labels}
        self.outputs = stored.shown(execution.outputs)
        self.runs = runs
        self.flow = flow

    @property
    def retried_states(self) -> list[str]:
        """States of the attempts of task runs that had more than one."""
        if self.runs is None:
            raise TaskRunsNeeded
        return [
            attempt.state.current for run in self.runs if len(run.attempts) > 1 for attempt in run.attempts
        ]

    def names(self, world: World) -> Mapping[str, Any]:
        """What expressions see of it."""
        flow = self.flow or Flow(id=self.flow_id, namespace=self.namespace)
        ledger = Ledger(self.execution, outline_of(flow), self.runs or ())
        return _Watched(Names(ledger, world), self.runs is None)


class _Watched(Mapping[str, Any]):
    """Names that tell when task runs are needed."""

    def __init__(self, names: Names, without_runs: bool) -> None:
        self._names = names
        self._without_runs = without_runs

    def __getitem__(self, name: str) -> Any:
        if self._without_runs and name in ("outputs", "tasks", "error"):
            raise TaskRunsNeeded
        return self._names[name]

    def __iter__(self) -> Any:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _Layers(Mapping[str, Any]):
    """Names in front of others."""

    def __init__(self, front: Mapping[str, Any], back: Mapping[str, Any]) -> None:
        self._front = front
        self._back = back

    def __getitem__(self, name: str) -> Any:
        return self._front[name] if name in self._front else self._back[name]

    def __iter__(self) -> Any:
        return iter({**dict.fromkeys(self._back), **self._front})

    def __len__(self) -> int:
        return len(set(self._front) | set(self._back))


def names_of(flow: Flow, world: World) -> dict[str, Any]:
    """What every trigger of a flow sees."""
    kestra = {"environment": world.environment, "url": world.url}
    return {
        "flow": {
            "id": flow.id,
            "namespace": flow.namespace,
            "revision": flow.revision,
            "tenantId": TENANT,
        },
        "namespace": {"id": flow.namespace},
        "vars": flow.variables,
        "labels": labels.nested(flow.labels),
        "envs": world.envs,
        "globals": world.globals,
        "kestra": {name: value for name, value in kestra.items() if value},
    }


class Scene:
    """An occasion on which a trigger may start something (see `plugin.condition.Occasion`)."""

    def __init__(
        self,
        flow: Flow,
        names: Mapping[str, Any],
        *,
        facts: expr.Facts,
        options: expr.Options,
        forms: Forms,
        upstream: Upstream | None = None,
    ) -> None:
        self.owner = (flow.namespace, flow.id)
        self.names = names
        self.facts = facts
        self.options = options
        self._forms = forms
        self._upstream = upstream

    @property
    def upstream(self) -> Upstream:
        """The execution whose change is looked at."""
        if self._upstream is None:
            raise BatutaError("the condition is about an execution, and this trigger reacts to none")
        return self._upstream

    def render(self, template: str) -> str | None:
        """Render a template."""
        return expr.render(template, self.names, self.facts, self.options)

    def render_upstream(self, template: str) -> str | None:
        """Render a template with the names of the upstream execution in front (see `plugin.condition`)."""
        upstream = self.upstream
        told: dict[str, Any] = {
            "flowId": upstream.flow_id,
            "namespace": upstream.namespace,
            "state": str(upstream.state),
            "labels": labels.nested(upstream.execution.labels),
            "outputs": upstream.outputs or {},
        }
        if "hasRetryAttempt" in template:  # it costs a look at the task runs
            told["hasRetryAttempt"] = bool(upstream.retried_states)
        return expr.render(template, _Layers(told, self.names), self.facts, self.options)

    def render_deep(self, value: Any) -> Any:
        """Render every text in a value."""
        return expr.render_deep(value, self.names, self.facts, self.options)

    def holds(self, document: Any) -> bool:
        """What a condition, as written, says about this occasion."""
        return self.built(document).holds(self)

    def built(self, document: Any) -> condition.Condition:
        """A condition with its properties rendered."""
        form = self._forms.get(id(document))
        if form is None:
            cls = condition.load(document)
            own = {name: value for name, value in document.items() if name not in ("type", "version")}
            form = self._forms[id(document)] = Form(cls, own)
        return form.build(self.render)


def with_trigger(names: Mapping[str, Any], variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Names with what the trigger tells."""
    return _Layers({"trigger": variables, "schedule": variables}, names)


def over_upstream(own: Mapping[str, Any], upstream: Mapping[str, Any]) -> Mapping[str, Any]:
    """Names of the listening flow in front of those of the execution that it listens to."""
    front = {name: value for name, value in own.items() if name != "labels"}
    return _Layers(front, upstream)


async def with_facts(
    lookups: Lookups, namespace: str, make: Callable[[expr.Facts], T], execution: Execution | None = None
) -> T:
    """`make(facts)`, again and again with one more outside value, until it asks for none."""
    facts = expr.Facts()
    for _ in range(MOST_LOOKUPS):
        try:
            return make(facts)
        except expr.MissingFact as missing:
            facts = await lookups.answer(missing.fact, facts, namespace=namespace, execution=execution)
    raise FlowError(f"the expressions ask for more than {MOST_LOOKUPS} outside values")
