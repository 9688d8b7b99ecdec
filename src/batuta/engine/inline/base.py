"""What a task that changes the execution is."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from batuta.engine.outline import Kind
from batuta.model.execution import Execution
from batuta.model.labels import Labels
from batuta.model.state import State


class Update(msgspec.Struct, frozen=True):
    """What changes; None leaves things as they are."""

    labels: Labels | None = None
    variables: dict[str, Any] | None = None
    exit: State | None = None
    """The execution ends in this state."""


class UpdatingTask(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of tasks that rewrite the execution."""

    kind: ClassVar[Kind] = Kind.UPDATING

    def update(self, execution: Execution, variables: dict[str, Any]) -> Update:
        """What to change; `variables` are those that expressions see as `vars`.

        Raises:
            errors.TaskError: the change is not allowed.
        """
        raise NotImplementedError
