"""Flows short enough to read in a test.

`tasks: [a, {Sequential: s, tasks: [b, c]}]` stands for a task `a` that a worker runs, and a Sequential `s`
around two more. A key that is the last part of a type names the task's id; other keys are its properties.
"""

from __future__ import annotations

from typing import Any

import yaml

_LISTS = ("tasks", "errors", "finally", "then", "else", "defaults", "afterExecution")
_LISTS += ("onWait", "onApprove", "onDeny")
_FAMILIES = {
    "Log": "log",
    "Return": "debug",
    "Fail": "execution",
    "Labels": "execution",
    "Exit": "execution",
    "SetVariables": "execution",
    "UnsetVariables": "execution",
    "OutputValues": "output",
    "Assert": "execution",
}


def flow(text: str) -> str:
    """The whole YAML of a flow in shorthand."""
    document = yaml.safe_load(text)
    document.setdefault("id", "f")
    document.setdefault("namespace", "company.team")
    return yaml.safe_dump(_lists(document), sort_keys=False)


def _lists(node: dict[str, Any]) -> dict[str, Any]:
    expanded = {}
    for key, value in node.items():
        if key in _LISTS:
            expanded[key] = [_task(each) for each in value]
        elif key == "cases":
            expanded[key] = {case: [_task(each) for each in tasks] for case, tasks in value.items()}
        else:
            expanded[key] = value
    return expanded


def _task(node: Any) -> dict[str, Any]:
    if isinstance(node, str):
        return {"id": node, "type": "io.kestra.plugin.core.flow.Sleep", "duration": "PT1S"}
    if "task" in node:
        return {**node, "task": _task(node["task"])}
    if "run" in node:
        rest = {key: value for key, value in node.items() if key != "run"}
        return {**_task(node["run"]), **rest}
    kind, task_id = next(iter(node.items()))
    rest = {key: value for key, value in node.items() if key != kind}
    family = _FAMILIES.get(kind, "flow")
    return {"id": task_id, "type": f"io.kestra.plugin.core.{family}.{kind}", **_lists(rest)}
