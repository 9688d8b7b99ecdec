"""Unit tests of flows, as their author wrote them (flow spec §18)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from batuta.model.flow import FlowKey
from batuta.model.state import State
from batuta.testing.operators import Operator

UNIT_TEST = "io.kestra.core.tests.flow.UnitTest"
"""The one type of test case."""
OLD_UNIT_TEST = "io.kestra.core.test.flow.UnitTest"
"""Its other name, which clients of the REST API use."""


class AttemptFixture(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one attempt of a task ends that is not really made."""

    state: State = State.SUCCESS
    outputs: dict[str, Any] = {}
    duration: timedelta = timedelta(0)
    """How long the attempt seems to take, on the clock of the test."""


class TaskFixture(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task that is not run: it ends in a state with outputs, for one value of a loop or for any."""

    id: str
    value: str | None = None
    description: str | None = None
    attempts: tuple[AttemptFixture, ...] = (AttemptFixture(),)
    """The first attempt, the second and so on; the last one stands for all that follow."""
    assets: Any = None
    """Carried for those who keep them; nothing here reads them."""
    line: int = 0


class TriggerFixture(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What seems to have started the execution."""

    id: str
    type: str
    variables: dict[str, Any] = {}


class Fixtures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What a test starts from."""

    inputs: dict[str, Any] = {}
    tasks: tuple[TaskFixture, ...] = ()
    trigger: TriggerFixture | None = None
    files: dict[str, str] = {}
    """Name to content, or to the URI of a file that is there already."""
    namespace_files: dict[str, str] = {}
    """Path to content, in the namespace of the flow."""
    kv: dict[str, Any] = {}
    """Key-value entries of the flow's namespace."""
    secrets: dict[str, str] = {}
    envs: dict[str, str] = {}
    globals: dict[str, Any] = {}
    now: datetime | None = None
    """When the clock of the test begins."""

    def over(self, shared: Fixtures) -> Fixtures:
        """These fixtures laid over those that all cases of a suite share."""
        own = {(each.id, each.value) for each in self.tasks}
        rest = tuple(each for each in shared.tasks if (each.id, each.value) not in own)
        return Fixtures(
            inputs={**shared.inputs, **self.inputs},
            tasks=(*self.tasks, *rest),
            trigger=self.trigger or shared.trigger,
            files={**shared.files, **self.files},
            namespace_files={**shared.namespace_files, **self.namespace_files},
            kv={**shared.kv, **self.kv},
            secrets={**shared.secrets, **self.secrets},
            envs={**shared.envs, **self.envs},
            globals={**shared.globals, **self.globals},
            now=self.now or shared.now,
        )

    def of_task(self, task_id: str, value: str | None) -> TaskFixture | None:
        """The fixture of a task run: one for its value before one for any."""
        found = None
        for each in self.tasks:
            if each.id == task_id and each.value == value and value is not None:
                return each
            if each.id == task_id and each.value is None:
                found = each
        return found


class Assertion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What must be true of a value once the execution has ended; all of its operators must hold."""

    value: Any
    expected: tuple[tuple[Operator, Any], ...]
    task_id: str | None = None
    description: str | None = None
    error_message: str | None = None
    line: int = 0


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One execution, and what is asserted of it."""

    id: str
    type: str = UNIT_TEST
    description: str | None = None
    disabled: bool = False
    fixtures: Fixtures = Fixtures()
    assertions: tuple[Assertion, ...] = ()
    written: dict[str, Any] = {}
    """The fixtures as plain data, for whoever wants to see them again."""
    line: int = 0


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """The tests of one flow that stand in one document."""

    id: str
    namespace: str
    flow_id: str
    description: str | None = None
    disabled: bool = False
    fixtures: Fixtures = Fixtures()
    """What all cases share; an extension of ours."""
    cases: tuple[Case, ...] = ()
    source: str = ""

    @property
    def flow_key(self) -> FlowKey:
        """The flow that is tested."""
        return FlowKey(self.namespace, self.flow_id)
