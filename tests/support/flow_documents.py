"""Small flows of every shape that the engine arranges, for property tests."""

from __future__ import annotations

from itertools import count
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.support.shorthand import flow


@st.composite
def task_lists(draw: Any, names: Any, depth: int = 2) -> list[Any]:
    return [draw(tasks(names, depth)) for _ in range(draw(st.integers(1, 3)))]


@st.composite
def tasks(draw: Any, names: Any, depth: int) -> Any:
    name = f"t{next(names)}"
    kinds = ["leaf", "leaf", "Pause", "Approval"]
    if depth:
        kinds += ["Sequential", "Parallel", "ForEach", "If", "AllowFailure"]
    kind = draw(st.sampled_from(kinds))
    extra: dict[str, Any] = {}
    if draw(st.integers(0, 5)) == 0:
        extra["allowFailure"] = True
    if draw(st.integers(0, 7)) == 0:
        extra["retry"] = {"type": "constant", "interval": "PT1S", "maxAttempts": 2}
    if kind == "leaf":
        return {"run": name, **extra}
    if kind in ("Pause", "Approval"):
        return {kind: name}
    children = draw(task_lists(names, depth - 1))
    node: dict[str, Any] = {kind: name, **extra}
    if kind == "ForEach":
        node |= {"values": ["x", "y"], "concurrencyLimit": draw(st.integers(0, 2))}
    if kind == "If":
        node |= {"condition": draw(st.sampled_from(["true", "false"])), "then": children}
    else:
        node["tasks"] = children
    for handler in ("errors", "finally"):
        if draw(st.integers(0, 4)) == 0:
            node[handler] = draw(task_lists(names, 0))
    return node


@st.composite
def documents(draw: Any) -> str:
    names = count()
    document: dict[str, Any] = {"tasks": draw(task_lists(names))}
    for handler in ("errors", "finally", "afterExecution"):
        if draw(st.integers(0, 3)) == 0:
            document[handler] = draw(task_lists(names, 0))
    return flow(yaml.safe_dump(document))
