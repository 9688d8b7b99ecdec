"""Inputs that are kept encrypted, readable only while something is rendered: those of type SECRET, and others
whose value holds a secret (flow spec §2.2, §10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batuta.engine.world import World
from batuta.model import sealed
from batuta.model.flow import Flow
from batuta.model.inputs import InputType


def revealed(inputs: dict[str, Any], world: World) -> dict[str, Any]:
    """The inputs with their secrets in the clear; the same object when there are none."""
    if world.decrypt is None:
        return inputs
    opened: dict[str, Any] = sealed.opened(inputs, world.decrypt)
    return opened


def secret_values(flow: Flow, inputs: dict[str, Any]) -> list[str]:
    """The texts of revealed inputs of type SECRET, which no log line may show."""
    found = []
    for path in _paths(flow):
        value: Any = inputs
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            found.append(value)
    return found


def _paths(flow: Flow) -> Iterator[list[str]]:
    for declared in flow.inputs:
        if declared.type is InputType.SECRET:
            yield declared.id.split(".")
