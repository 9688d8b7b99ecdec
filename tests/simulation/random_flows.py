"""Flows made up from a seed: every flowable, handlers, retries, limits, children and schedules."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec

from tests.simulation.work import NAME as WORK

NAMESPACE = "company.team"
_FLOW = "io.kestra.plugin.core.flow."
_DEBUG = "io.kestra.plugin.core.debug."
_EXECUTION = "io.kestra.plugin.core.execution."


class Author:
    """Writes the tasks of one flow. Ids are unique and say where a task stands: `t3`, `t4`."""

    def __init__(
        self, chance: random.Random, *, children: Sequence[str] = (), rests: bool = True, depth: int = 2
    ) -> None:
        self._chance = chance
        self._children = children
        self._rests = rests
        self._depth = depth
        self._count = 0

    def happens(self, probability: float) -> bool:
        """Draw."""
        return self._chance.random() < probability

    def tasks(self, depth: int | None = None, most: int = 3) -> list[dict[str, Any]]:
        """A list of tasks."""
        depth = self._depth if depth is None else depth
        return [self.task(depth) for _ in range(self._chance.randint(1, most))]

    def task(self, depth: int) -> dict[str, Any]:
        """One task, with whatever is below it."""
        kinds = ["work"] * 6 + ["Return", "Return", "Fail"]
        if depth:
            kinds += ["Sequential", "Parallel", "Parallel", "ForEach", "ForEach", "If", "Switch", "Dag"]
            kinds += ["AllowFailure", "LoopUntil", "Loop"]
        if self._rests:
            kinds += ["Pause", "Approval"]
        if self._children:
            kinds += ["Subflow", "Subflow"]
        kind = self._chance.choice(kinds)
        task = getattr(self, f"_{kind.lower()}")(depth)
        if self.happens(0.08):
            task["allowFailure"] = True
        if self.happens(0.04):
            task["runIf"] = self._chance.choice(["true", "false"])
        if self.happens(0.02):
            task["disabled"] = True
        return dict(task)

    def _new(self, type: str, **properties: Any) -> dict[str, Any]:
        self._count += 1
        return {"id": f"t{self._count}", "type": type, **properties}

    def _handled(self, task: dict[str, Any]) -> dict[str, Any]:
        for handler in ("errors", "finally"):
            if self.happens(0.2):
                task[handler] = self.tasks(0, 2)
        return task

    # Leaves

    def _work(self, depth: int) -> dict[str, Any]:
        outcomes = [self._chance.choices(["SUCCESS", "FAILED"], [5, 1])[0] for _ in range(3)]
        task = self._new(WORK, seconds=self._chance.choice([0, 0, 0.3, 1, 3, 9]), outcomes=outcomes)
        if self.happens(0.15):
            task["retry"] = self.retry(["RETRY_FAILED_TASK"] * 5 + ["CREATE_NEW_EXECUTION"])
        if self.happens(0.05):
            task["timeout"] = "PT2S"
        return task

    def retry(self, behaviors: Sequence[str]) -> dict[str, Any]:
        """A policy."""
        policy: dict[str, Any] = self._chance.choice(
            [
                {"type": "constant", "interval": "PT1S"},
                {"type": "exponential", "interval": "PT1S", "maxInterval": "PT5S"},
                {"type": "random", "minInterval": "PT1S", "maxInterval": "PT3S"},
            ]
        )
        return {
            **policy,
            "maxAttempts": self._chance.randint(1, 3),
            "behavior": self._chance.choice(behaviors),
            "warningOnRetry": self.happens(0.3),
        }

    def _return(self, depth: int) -> dict[str, Any]:
        return self._new(_DEBUG + "Return", format="{{ taskrun.id }}")

    def _fail(self, depth: int) -> dict[str, Any]:
        return self._new(_EXECUTION + "Fail", condition=self._chance.choice(["{{ true }}", "{{ false }}"]))

    def _pause(self, depth: int) -> dict[str, Any]:
        task = self._new(_FLOW + "Pause")
        if self.happens(0.6):
            task["pauseDuration"] = self._chance.choice(["PT2S", "PT10S"])
            task["behavior"] = self._chance.choice(["RESUME", "RESUME", "WARN", "FAIL", "CANCEL"])
        elif self.happens(0.3):
            task["timeout"] = "PT5S"
        return task

    def _approval(self, depth: int) -> dict[str, Any]:
        task = self._new(_FLOW + "Approval", timeout="PT20S")
        for name in ("onApprove", "onDeny"):
            if self.happens(0.4):
                task[name] = self.tasks(0, 1)
        task["denyBehavior"] = self._chance.choice(["CONTINUE", "WARN", "FAIL", "CANCEL", "KILL"])
        task["expireBehavior"] = self._chance.choice(["CONTINUE", "FAIL", "CANCEL"])
        return task

    def _subflow(self, depth: int) -> dict[str, Any]:
        return self._new(
            _FLOW + "Subflow",
            namespace=NAMESPACE,
            flowId=self._chance.choice(self._children),
            wait=self.happens(0.85),
            transmitFailed=self.happens(0.8),
        )

    # Flowables

    def _sequential(self, depth: int) -> dict[str, Any]:
        return self._handled(self._new(_FLOW + "Sequential", tasks=self.tasks(depth - 1)))

    def _parallel(self, depth: int) -> dict[str, Any]:
        task = self._new(_FLOW + "Parallel", concurrent=self._chance.choice([0, 0, 1, 2]))
        task["tasks"] = self.tasks(depth - 1, 4)
        if self.happens(0.15):
            task["onChildFailure"] = self._chance.choice(["CANCEL", "FAIL"])
        return self._handled(task)

    def _foreach(self, depth: int) -> dict[str, Any]:
        values = ["x", "y", "z"][: self._chance.randint(1, 3)]
        task = self._new(_FLOW + "ForEach", values=values, concurrencyLimit=self._chance.choice([0, 1, 1, 2]))
        return self._handled({**task, "tasks": self.tasks(depth - 1, 2)})

    def _if(self, depth: int) -> dict[str, Any]:
        task = self._new(_FLOW + "If", condition=self._chance.choice(["true", "false"]))
        task["then"] = self.tasks(depth - 1)
        if self.happens(0.5):
            task["else"] = self.tasks(depth - 1)
        return self._handled(task)

    def _switch(self, depth: int) -> dict[str, Any]:
        task = self._new(_FLOW + "Switch", value=self._chance.choice(["a", "b", "c"]))
        task["cases"] = {"a": self.tasks(depth - 1, 2), "b": self.tasks(depth - 1, 1)}
        if self.happens(0.7):
            task["defaults"] = self.tasks(depth - 1, 1)
        return self._handled(task)

    def _dag(self, depth: int) -> dict[str, Any]:
        node = self._new(_FLOW + "Dag", concurrent=self._chance.choice([0, 1, 2]))
        parts: list[dict[str, Any]] = []
        for task in self.tasks(depth - 1, 4):
            known = [part["task"]["id"] for part in parts if not part["task"].get("disabled")]
            depends = [each for each in known if self.happens(0.4)]
            parts.append({"task": task, **({"dependsOn": depends} if depends else {})})
        return self._handled({**node, "tasks": parts})

    def _allowfailure(self, depth: int) -> dict[str, Any]:
        return self._handled(self._new(_FLOW + "AllowFailure", tasks=self.tasks(depth - 1, 2)))

    def _loopuntil(self, depth: int) -> dict[str, Any]:
        task = self._new(_FLOW + "LoopUntil")
        passes = self._chance.randint(1, 3)
        task["condition"] = f"{{{{ outputs.{task['id']}.iterationCount >= {passes} }}}}"
        task["checkFrequency"] = {"interval": "PT1S", "maxIterations": 4}
        return {**task, "tasks": self.tasks(0, 2)}

    def _loop(self, depth: int) -> dict[str, Any]:
        task = self._new(_FLOW + "Loop", values=["x", "y", "z"][: self._chance.randint(1, 3)])
        task["concurrencyLimit"] = self._chance.choice([0, 1, 2])
        task["transmitFailed"] = self.happens(0.6)
        inner = self._children
        self._children = ()
        task["tasks"] = self.tasks(0, 2)
        self._children = inner
        return task


def document(
    chance: random.Random,
    id: str,
    *,
    children: Sequence[str] = (),
    rests: bool = True,
    depth: int = 2,
    limits: bool = True,
    crons: Sequence[str] = (),
) -> dict[str, Any]:
    """A flow. With `rests` tasks may wait for people; with `crons` it has a schedule each."""
    author = Author(chance, children=children, rests=rests, depth=depth)
    flow: dict[str, Any] = {"id": id, "namespace": NAMESPACE, "tasks": author.tasks()}
    for handler in ("errors", "finally", "afterExecution"):
        if author.happens(0.25):
            flow[handler] = author.tasks(0, 2)
    if all(task.get("disabled") for task in flow["tasks"]):
        flow["tasks"][0].pop("disabled")
    if limits and author.happens(0.5):
        behaviors = ["QUEUE", "QUEUE", "QUEUE", "CANCEL", "FAIL"]
        flow["concurrency"] = {"limit": chance.randint(1, 2), "behavior": chance.choice(behaviors)}
    if author.happens(0.1):
        flow["retry"] = author.retry(["RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"])
    if author.happens(0.1):
        behavior = chance.choice(["FAIL", "CANCEL", "NONE"])
        flow["sla"] = [{"id": "quick", "type": "MAX_DURATION", "duration": "PT15S", "behavior": behavior}]
    if crons:
        flow["triggers"] = [
            {
                "id": f"tick{number}",
                "type": "io.kestra.plugin.core.trigger.Schedule",
                "cron": cron,
                "withSeconds": True,
                "allowConcurrent": author.happens(0.3),
            }
            for number, cron in enumerate(crons)
        ]
    return flow


def source(flow: dict[str, Any]) -> str:
    """The text of a flow; JSON is YAML."""
    return msgspec.json.encode(flow).decode()
