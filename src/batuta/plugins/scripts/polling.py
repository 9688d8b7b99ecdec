"""Scripts that look for triggers: what `ScriptTrigger` and `CommandsTrigger` of all languages have in common
(plugins spec B8)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from batuta.clock import SystemClock
from batuta.plugin import task
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.task import AnyRunner, TaskFailed
from batuta.plugin.trigger import Found, Inputs, PollingTrigger, TriggerContext
from batuta.plugins.scripts.script import ScriptTask

_EXIT = re.compile(r"(?:exit\s+)?(-?\d+)", re.IGNORECASE)

Condition = Annotated[
    str,
    Meta(
        description="`exit 1` compares the exit code; anything else is a pattern looked for in the outputs."
    ),
]
Edge = Annotated[
    bool, Meta(description="Start the flow only when the condition begins to hold, not at every look.")
]
Image = Annotated[str | None, Meta(description="Image for runners that use containers.")]
Runner = Annotated[AnyRunner | None, Meta(description="Where it runs.")]


class Outcome(task.Output, frozen=True):
    """What the execution sees as `trigger`."""

    timestamp: datetime
    condition: str
    exit_code: int
    vars: dict[str, Any] | None = None


class LookingScript(PollingTrigger, kw_only=True):
    """Base of the triggers that run a script or commands."""

    task: ClassVar[type[ScriptTask]]
    """What runs it."""

    exit_condition: Condition
    edge: Edge = True
    container_image: Image = None
    task_runner: Runner = None
    inputs: Inputs = None

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Run, and compare."""
        code, outputs = await self._run(ctx)
        holds = matches(self.exit_condition, code, outputs)
        held = bool((await ctx.recall() or {}).get("holds")) if self.edge else False
        state = {"holds": holds} if self.edge and holds != held else None
        if not holds or held:
            return None if state is None else Found(state=state)
        at = SystemClock().now()
        outcome = Outcome(timestamp=at, condition=self.exit_condition, exit_code=code, vars=outputs or None)
        return Found(variables=outcome, state=state)

    async def _run(self, ctx: TriggerContext) -> tuple[int, dict[str, Any]]:
        own = {field.name for field in msgspec.structs.fields(self.task)}
        values = {
            field.name: getattr(self, field.name)
            for field in msgspec.structs.fields(type(self))
            if field.name in own
        }
        try:
            result: Any = await self.task(**values).run(ctx)
        except TaskFailed as failure:
            result = failure.outputs
            if result is None:
                raise
        told = plain_outputs(result) or {}
        return int(told.get("exitCode", 0)), told.get("vars") or {}


def matches(condition: str, code: int, outputs: dict[str, Any]) -> bool:
    """What a script did fits a condition."""
    exit_code = _EXIT.fullmatch(condition.strip())
    if exit_code is not None:
        return code == int(exit_code.group(1))
    text = msgspec.json.encode(outputs).decode()
    import re2  # linear time, whatever the pattern

    try:
        return re2.search(condition, text) is not None
    except (re2.error, re.error):
        return condition in text
