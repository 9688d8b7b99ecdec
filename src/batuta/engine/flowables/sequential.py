"""Children one after the other (flow spec §6.1)."""

from __future__ import annotations

from batuta.engine.flowables.base import Flowable
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask


@plugin("io.kestra.plugin.core.flow.Sequential")
class Sequential(Flowable):
    """Run tasks one after the other, as a block with handlers of its own.

    ```yaml
    id: load
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - id: first
        type: io.kestra.plugin.core.log.Log
        message: one
      - id: second
        type: io.kestra.plugin.core.log.Log
        message: two
    ```
    """

    tasks: list[AnyTask]
