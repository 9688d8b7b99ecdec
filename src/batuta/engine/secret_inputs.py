"""Inputs of type SECRET: kept encrypted, readable only while something is rendered (flow spec §2.2, §10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batuta.engine.world import World
from batuta.model.flow import Flow
from batuta.model.inputs import InputType


def revealed(flow: Flow, inputs: dict[str, Any], world: World) -> dict[str, Any]:
    """The inputs with their secrets in the clear; the same object when there are none."""
    for path in _paths(flow):
        inputs = _replaced(inputs, path, world)
    return inputs


def secret_values(flow: Flow, inputs: dict[str, Any]) -> list[str]:
    """The texts of revealed secrets, which no log line may show."""
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


def _replaced(inputs: dict[str, Any], path: list[str], world: World) -> dict[str, Any]:
    first, *rest = path
    value = inputs.get(first)
    if rest:
        return {**inputs, first: _replaced(value, rest, world)} if isinstance(value, dict) else inputs
    return {**inputs, first: world.decrypt(value)} if isinstance(value, dict) and world.decrypt else inputs
