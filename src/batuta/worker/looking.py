"""What a trigger sees on a worker: what an attempt of a task does, and what it remembers itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

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
from batuta.model.trigger import TriggerKey
from batuta.plugin.trigger import Trigger, TriggerContext
from batuta.ports import Ports
from batuta.worker.attempt import Attempt, Bench
from batuta.worker.context import AttemptContext, AttemptInputs
from batuta.worker.secrecy import Secrecy
from batuta.worker.workspace import Workspace


class LookContext:
    """See `plugin.trigger.TriggerContext`; everything else is the context of an attempt."""

    def __init__(self, context: AttemptContext, ports: Ports, key: TriggerKey, secrecy: Secrecy) -> None:
        self.secrecy = secrecy
        self._context = context
        self._ports = ports
        self._key = key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def recall(self, key: str | None = None) -> Any:
        """What an earlier look has left."""
        entry = await self._ports.store.kv.get(self._key.namespace, key or state_key(self._key))
        if entry is None or (entry.expires_at is not None and entry.expires_at <= self._ports.clock.now()):
            return None
        return entry.value

    async def unseen(self, occasions: Sequence[str]) -> list[str]:
        """Those that this trigger has not dealt with."""
        triggers = self._ports.store.triggers
        return [each for each in occasions if not await triggers.has_fired(self._key, each)]


def state_key(key: TriggerKey) -> str:
    """Where a trigger keeps its state unless it says otherwise (triggers spec A8)."""
    return "__".join(key)


@asynccontextmanager
async def at_work(
    bench: Bench, world: World, rule: Rule, execution_id: str
) -> AsyncIterator[tuple[Trigger, TriggerContext]]:
    """A trigger with its properties rendered, and its context; files are stored below the execution.

    Raises:
        BatutaError: its properties cannot be rendered, or a library is missing; no secret is in its text.
    """
    workspace = Workspace(bench.folders)
    attempt = Attempt(bench, _inputs(bench, world, rule, execution_id), 0, workspace)
    context, secrecy = attempt.context, attempt.secrecy
    renderer = context.renderer
    try:
        trigger = await renderer.settle(lambda: rule.form().build(renderer.text))
        yield trigger, cast(TriggerContext, LookContext(context, bench.ports, rule.key, secrecy))
    except ModuleNotFoundError as error:
        extra = None if rule.cls is None else rule.cls.extra
        if extra is None:
            raise
        raise MissingExtra(rule.definition.type, extra) from error
    except Exception as error:
        # Addresses with passwords are in the texts of many libraries.
        text = str(error)
        if (shown := secrecy.mask(text)) != text:
            raise BatutaError(shown) from None
        raise
    finally:
        context.stop()
        if workspace.is_made:
            await asyncio.shield(asyncio.to_thread(workspace.remove))


def wrong_kind(rule: Rule, verb: str) -> BatutaError:
    """The trigger is of a kind that does not do this."""
    return BatutaError(f"{rule.definition.written_type} does not {verb}")


def _inputs(bench: Bench, world: World, rule: Rule, execution_id: str) -> AttemptInputs:
    now = bench.ports.clock.now()
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
    names = Names(Ledger(execution, outline_of(rule.flow)), world).extended(
        trigger={"id": definition.id, "type": definition.written_type}
    )
    options = world.options(now)
    return AttemptInputs(
        task=task, flow=rule.flow, execution=execution, run=run, names=names, options=options
    )
