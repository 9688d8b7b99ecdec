"""Preconditions that several executions meet together, and which of them one meets (triggers spec A6.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from batuta.firing.rules import Rule
from batuta.firing.scene import Scene
from batuta.scheduler.misses import window_name


class Span(msgspec.Struct, frozen=True):
    """Preconditions, and which of them an execution meets."""

    name: str
    window: Any
    reset: bool
    every: tuple[str, ...]
    met: tuple[str, ...]
    needed: int
    """How many of `every`."""
    fire_once: bool = False
    lookback: timedelta | None = None
    """What was met longer ago no longer counts."""
    scope: str | None = None
    """Name under which the outputs of the execution are kept; without it they are merged."""


def of_preconditions(preconditions: Any, scene: Scene) -> Span:
    """What `preconditions` ask, of which an execution meets some."""
    from batuta.plugins.core.trigger.windows import TimeWindow

    asked = dict(_asked_of(preconditions))
    met = tuple(key for key, each in asked.items() if each.holds(scene))
    window = preconditions.time_window or TimeWindow()
    return Span(preconditions.id, window, preconditions.reset_on_success, tuple(asked), met, len(asked))


def of_dependencies(rule: Rule, trigger: Any, scene: Scene) -> Span:
    """The same for `dependsOn`."""
    from batuta.plugins.core.trigger.dependencies import DependencyWindow

    window = trigger.window or DependencyWindow()
    asked = {each.key: each for each in trigger.depends_on}
    met = tuple(key for key, each in asked.items() if each.holds(scene))
    return Span(
        window_name(rule),
        window,
        # Without a window what was met counts for one start of the flow.
        trigger.window is None,
        tuple(asked),
        met,
        min(trigger.needed, len(asked)),
        window.fire_once,
        window.lookback,
        scene.upstream.flow_id,
    )


def _asked_of(preconditions: Any) -> Iterator[tuple[str, Any]]:
    yield from ((f"flow:{place}", each) for place, each in enumerate(preconditions.flows or ()))
    yield from ((f"where:{each.id}", each) for each in preconditions.where or ())
