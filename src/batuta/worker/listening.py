"""Realtime triggers: one that listens on a worker, for as long as its job is leased (triggers spec A9)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from batuta import expr, ids
from batuta.engine.world import World
from batuta.errors import BatutaError, StoreError
from batuta.firing.launching import Launcher
from batuta.firing.rules import Rule
from batuta.firing.scene import with_facts
from batuta.firing.sources import RuleSource
from batuta.model.trigger import TriggerJob
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.task import Output
from batuta.plugin.trigger import RealtimeTrigger, SourceDown
from batuta.ports import Ports
from batuta.worker.answering import NOTE_SECONDS, Answers, LostJob, reason
from batuta.worker.attempt import Bench
from batuta.worker.backoff import wait_seconds
from batuta.worker.insisting import is_asked_to_end
from batuta.worker.looking import at_work, wrong_kind

MOST_WAIT_SECONDS = 60.0

log = logging.getLogger(__name__)


class MessageFeed:
    """See `plugin.trigger.Feed`."""

    def __init__(
        self, ports: Ports, answers: Answers, launcher: Launcher, rules: RuleSource, job: TriggerJob
    ) -> None:
        self.is_open = False
        """The source was reached."""
        self._ports = ports
        self._answers = answers
        self._launcher = launcher
        self._rules = rules
        self._job = job
        self._noted_at = float("-inf")

    async def opened(self) -> None:
        """The source is reached."""
        self.is_open = True
        await self._answers.listening(self._job)

    async def emit(self, variables: Output | dict[str, Any], *, occasion: str | None = None) -> bool:
        """Start an execution for a message."""
        if not self.is_open:
            await self.opened()
        told = plain_outputs(variables) or {}
        # Asked for each message: executions are of the newest revision of their flow.
        rule = await self._rules.of(self._job.key)
        if rule is None:
            raise LostJob
        if not await agrees(self._ports, self._launcher, rule, told):
            return False
        now = self._ports.clock.monotonic()
        note = now - self._noted_at >= NOTE_SECONDS
        done = await self._answers.message(self._job, rule, told, occasion, note=note)
        if note:
            self._noted_at = now
        return done


class Listeners:
    """Lets realtime triggers listen; a source that cannot be reached is tried again and again."""

    def __init__(
        self, bench: Bench, world: World, answers: Answers, launcher: Launcher, rules: RuleSource
    ) -> None:
        self._bench = bench
        self._world = world
        self._answers = answers
        self._launcher = launcher
        self._rules = rules

    async def listen(self, job: TriggerJob, rule: Rule) -> None:
        """Listen until cancelled.

        Raises:
            LostJob: somebody else does.
        """
        failures = 0
        while True:
            feed = MessageFeed(self._bench.ports, self._answers, self._launcher, self._rules, job)
            problem, fails = await self._once(rule, feed)
            failures = 1 if feed.is_open else failures + 1
            try:
                await self._answers.listening_failed(job, rule, problem, fails=fails)
            except StoreError as error:
                log.error("%s waits for the database: %s", rule.key, error)
            await asyncio.sleep(wait_seconds(failures, MOST_WAIT_SECONDS))

    async def _once(self, rule: Rule, feed: MessageFeed) -> tuple[str, bool]:
        """Listen until it fails: why, and whether people have to mend it."""
        try:
            async with at_work(self._bench, self._world, rule, ids.random_id()) as (trigger, context):
                if not isinstance(trigger, RealtimeTrigger):
                    raise wrong_kind(rule, "listen")
                await trigger.listen(context, feed)
        except LostJob:
            raise
        except asyncio.CancelledError:
            if is_asked_to_end():
                raise
            return "the connection broke", False
        except (SourceDown, StoreError, OSError) as error:
            return reason(error), False
        except (BatutaError, expr.ExpressionError) as error:
            return str(error), True
        except Exception as error:
            # The border to code of plugins.
            log.exception("%s stopped listening", rule.key)
            return reason(error), True
        return "the source has ended the connection", False


async def agrees(ports: Ports, launcher: Launcher, rule: Rule, variables: dict[str, Any]) -> bool:
    """The conditions of a trigger hold, for what it tells.

    Raises:
        BatutaError: one of them cannot be asked.
        ExpressionError: one of them cannot be rendered.
    """
    if not rule.conditions and rule.when is None:
        return True
    world = launcher.world
    now = ports.clock.now()
    options = world.options(now)
    date = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    names = rule.names(
        world, {"id": rule.definition.id, "type": rule.definition.type, "date": date, **variables}
    )

    def make(facts: expr.Facts) -> bool:
        scene = rule.scene(names, facts, options)
        if rule.when is not None and not expr.is_truthy_text((scene.render(rule.when) or "").strip()):
            return False
        return all(scene.holds(each) for each in rule.conditions)

    return await with_facts(launcher.lookups, rule.flow.namespace, make)
