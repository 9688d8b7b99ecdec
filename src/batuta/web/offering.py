"""What an expression in a flow may name: offered by editors while the flow is written (API spec §7).

The text is taken as it stands, half written or wrong; only what cannot be read as YAML is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from batuta.expr.catalogue import FILTERS, FUNCTIONS
from batuta.flows.document import Unreadable
from batuta.flows.reader import ReadLimits, load
from batuta.plugin import registry, schema
from batuta.storage.namespace_files import NamespaceFiles
from batuta.web.rejections import Invalid, Part
from batuta.web.site import Site

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TASK_LISTS = (
    "tasks", "errors", "finally", "afterExecution", "then", "else", "cases", "defaults", "task",
)  # fmt: skip
_CONTEXT = {
    "execution.id": "Id of the execution.",
    "execution.startDate": "When the execution began.",
    "execution.state": "State of the execution.",
    "execution.originalId": "Id of the first of the executions that this one repeats.",
    "execution.outputs": "Outputs of the flow, in afterExecution.",
    "flow.id": "Id of the flow.",
    "flow.namespace": "Namespace of the flow.",
    "flow.revision": "Revision of the flow.",
    "flow.tenantId": "Tenant of the flow.",
    "namespace.id": "Namespace of the flow.",
    "task.id": "Id of the task.",
    "task.type": "Type of the task.",
    "taskrun.id": "Id of the task run.",
    "taskrun.startDate": "When the task run began.",
    "taskrun.attemptsCount": "How many attempts came before this one.",
    "taskrun.value": "The element of the loop around the task.",
    "taskrun.iteration": "The number of the element, or of the pass.",
    "parent.taskrun.value": "The element of the next loop further out.",
    "parents": "Task runs around this one with a value or outputs, closest first.",
    "trigger": "What the trigger gives that started the execution.",
    "labels": "Labels of the execution.",
    "tasks": "States of tasks that have run.",
    "envs": "Environment variables that the server hands on.",
    "globals": "Values of the server's configuration.",
    "kestra.url": "Address of the server.",
    "kestra.environment": "Name of the server's environment.",
    "workingDir": "Folder of the task's files.",
    "item.value": "The element of the Loop around the task.",
    "item.index": "The number of the element, from 0.",
    "error.message": "Why the execution failed, in errors and afterExecution.",
}


class Offer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that can be named."""

    name: str
    expression: str
    """How it is written between the braces."""
    type: str | None = None
    description: str | None = None


async def offers(site: Site, source: str, task_id: str | None) -> dict[str, list[Offer]]:
    """All that can be named, by category; outputs of the tasks before `task_id` where it is given.

    Raises:
        Invalid: the text is not YAML.
    """
    try:
        data = load(source, ReadLimits()).data
    except Unreadable as error:
        raise Invalid([Part(message=str(error), path="flow")]) from None
    document: dict[str, Any] = data if isinstance(data, dict) else {}
    namespace = document.get("namespace")
    found: dict[str, list[Offer]] = {
        "taskOutputs": list(_outputs(document, task_id)),
        "executionContext": [Offer(name, name, None, text) for name, text in _CONTEXT.items()],
        "inputs": list(_inputs(document)),
        "variables": list(_variables(document)),
        "secrets": [],
        "kvPairs": [],
        "namespaceFiles": [],
        "filters": [
            Offer(name, name, None, _first_line(each.call)) for name, each in sorted(FILTERS.items())
        ],
        "functions": [
            Offer(
                name,
                f"{name}({', '.join(word for word, _ in each.parameters)})",
                None,
                _first_line(each.call),
            )
            for name, each in sorted(FUNCTIONS.items())
        ],
        "appContext": [],
    }
    if isinstance(namespace, str) and namespace:
        keys = await site.ports.secrets.keys(namespace)
        found["secrets"] = [Offer(key, f"secret('{key}')") for key in sorted(keys)]
        found["kvPairs"] = [each async for each in _entries(site, namespace)]
        paths = await NamespaceFiles(site.ports.storage, namespace).paths()
        found["namespaceFiles"] = [Offer(path, f"read('nsfile:///{path}')") for path in paths]
    return found


async def _entries(site: Site, namespace: str) -> Any:
    """Key-value entries that the flow sees: a nearer one hides those of the same key further out."""
    seen: set[str] = set()
    while namespace:
        for entry in await site.ports.store.kv.of_namespace(namespace, site.now()):
            if entry.key not in seen:
                seen.add(entry.key)
                yield Offer(entry.key, f"kv('{entry.key}')", entry.type, entry.description)
        namespace = namespace.rpartition(".")[0]


def _outputs(document: dict[str, Any], task_id: str | None) -> Iterator[Offer]:
    for task in _before(list(_tasks(document)), task_id):
        place = _member("outputs", str(task["id"]))
        for name, member in _declared(task.get("type")).items():
            yield Offer(
                f"{task['id']}.{name}", _member(place, name), member.get("type"), member.get("description")
            )


def _before(tasks: list[dict[str, Any]], task_id: str | None) -> list[dict[str, Any]]:
    """The tasks that stand before one; all where it is not among them."""
    at = next((place for place, task in enumerate(tasks) if task["id"] == task_id), len(tasks))
    return tasks[:at]


def _tasks(node: Any) -> Iterator[dict[str, Any]]:
    """All tasks below a part of a document, as they stand."""
    if isinstance(node, list):
        for each in node:
            yield from _tasks(each)
    elif isinstance(node, dict):
        if isinstance(node.get("id"), str) and isinstance(node.get("type"), str):
            yield node
        for name in _TASK_LISTS:
            inner = node.get(name)
            # The cases of a Switch are lists by value; a task of a Dag stands in a map of its own.
            yield from _tasks(list(inner.values()) if name == "cases" and isinstance(inner, dict) else inner)


def _declared(type_name: Any) -> dict[str, Any]:
    canonical = registry.canonical(type_name) if isinstance(type_name, str) else None
    if canonical is None:
        return {}
    cls = registry.load(canonical)
    if registry.problem(cls) is not None:
        return {}
    members: dict[str, Any] = schema.outputs_schema(cls, {})["properties"]
    return members


def _inputs(document: dict[str, Any]) -> Iterator[Offer]:
    for each in document.get("inputs") or ():
        name = each.get("id", each.get("name")) if isinstance(each, dict) else None
        if isinstance(name, str):
            kind = each.get("type", "STRING")
            yield Offer(name, _path("inputs", name.split(".")), str(kind), each.get("description"))


def _variables(document: dict[str, Any]) -> Iterator[Offer]:
    variables = document.get("variables")
    for name in variables if isinstance(variables, dict) else ():
        yield Offer(str(name), _member("vars", str(name)))


def _path(root: str, names: list[str]) -> str:
    for name in names:
        root = _member(root, name)
    return root


def _member(root: str, name: str) -> str:
    return f"{root}.{name}" if _WORD.fullmatch(name) else f"{root}['{name}']"


def _first_line(function: Any) -> str | None:
    text = (function.__doc__ or "").strip()
    return text.partition("\n")[0] or None
