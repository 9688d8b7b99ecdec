"""Flows as the contract shows them: the document as written, and what clients rely on (API spec §7)."""

from __future__ import annotations

from typing import Any

from batuta.model.flow import TENANT, Flow, FlowRevision
from batuta.model.labels import Labels
from batuta.web.site import Stored

Json = dict[str, Any]

_PLACED = ("id", "namespace", "revision", "description", "inputs", "disabled", "deleted", "draft", "labels")
_LEFT_OUT = frozenset({*_PLACED, "tenantId", "source", "updated"})
_TASK_LISTS = ("tasks", "errors", "finally", "afterExecution")
_CHOICES = frozenset({"SELECT", "MULTISELECT"})


def with_source(stored: Stored) -> Json:
    """A flow and its text."""
    shape = flow(stored)
    shape["source"] = stored.revision.source
    return shape


def flow(stored: Stored) -> Json:
    """A flow; one that cannot be read any more is shown with the reason."""
    revision = stored.revision
    if stored.flow is None:
        return _unreadable(revision, str(stored.problem))
    document = stored.flow.document
    shape: Json = {
        "tenantId": TENANT,
        "id": revision.id,
        "namespace": revision.namespace,
        "revision": revision.revision,
    }
    if document.get("description") is not None:
        shape["description"] = document["description"]
    if document.get("inputs"):
        shape["inputs"] = [declared_input(each) for each in document["inputs"]]
    shape["disabled"] = revision.disabled
    shape["deleted"] = revision.deleted
    shape["draft"] = revision.draft
    shape["labels"] = _labels(stored.flow.labels)
    for name, value in document.items():
        if name not in _LEFT_OUT and value is not None:
            shape[name] = [_output(each) for each in value] if name == "outputs" else value
    shape["updated"] = revision.created_at
    return shape


def _unreadable(revision: FlowRevision, problem: str) -> Json:
    return {
        "tenantId": TENANT,
        "id": revision.id,
        "namespace": revision.namespace,
        "revision": revision.revision,
        "disabled": revision.disabled,
        "deleted": revision.deleted,
        "draft": revision.draft,
        "labels": _labels(revision.labels),
        "tasks": [],
        "exception": problem,
        "source": revision.source,
        "updated": revision.created_at,
    }


def _labels(labels: Labels) -> list[Json]:
    return [{"key": label.key, "value": label.value} for label in labels]


def declared_input(written: Any) -> Any:
    """An input as declared, with the members that clients expect of every one."""
    if not isinstance(written, dict):
        return written
    shape: Json = {"id": written.get("id", written.get("name")), "type": written.get("type", "STRING")}
    shape["required"] = written.get("required", True)
    shape.update({name: value for name, value in written.items() if name not in shape and name != "name"})
    if shape["type"] in _CHOICES:
        shape.setdefault("allowCustomValue", False)
        if shape["type"] == "SELECT":
            shape.setdefault("isRadio", False)
    return shape


def _output(written: Any) -> Any:
    if not isinstance(written, dict):
        return written
    return {"type": "STRING", **written} if "type" not in written else written


def for_execution(stored: Stored) -> Json:
    """A flow reduced to what somebody who starts it needs: of each task its id and type."""
    shape = flow(stored)
    known = ("tenantId", *_PLACED, "outputs", "variables")
    reduced = {name: shape[name] for name in known if name in shape}
    for name in _TASK_LISTS:
        if name in shape:
            reduced[name] = [_reduced_task(task) for task in shape[name]]
    reduced["triggers"] = [_reduced(trigger) for trigger in shape.get("triggers", [])]
    return reduced


def _reduced(part: Any) -> Json:
    return {name: part[name] for name in ("id", "type", "version") if name in part}


def _reduced_task(task: Any) -> Json:
    shape = _reduced(task)
    children: list[Any] = []
    for name in ("tasks", "then", "else", "defaults", "errors", "finally"):
        value = task.get(name)
        if isinstance(value, list):
            children += [child.get("task", child) for child in value if isinstance(child, dict)]
    cases = task.get("cases")
    if isinstance(cases, dict):
        children += [child for case in cases.values() if isinstance(case, list) for child in case]
    if children:
        shape["tasks"] = [_reduced_task(child) for child in children]
    if task.get("onResume"):
        shape["inputs"] = [declared_input(each) for each in task["onResume"]]
    if task.get("flowId") and task.get("namespace"):
        shape["subflowId"] = {"namespace": task["namespace"], "flowId": task["flowId"]}
    return shape


def find_task(stored: Stored, task_id: str) -> Any:
    """A task by id as written in the document, at whatever depth; None when there is none."""
    return None if stored.flow is None else written_tasks(stored.flow).get(task_id)


def written_tasks(flow: Flow) -> dict[str, Json]:
    """Every task as written in the document, at whatever depth, by id."""
    return {task["id"]: task for task in _walk([flow.document.get(name) for name in _TASK_LISTS])}


def _walk(value: Any) -> Any:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str) and isinstance(value.get("type"), str):
            yield value
        for child in value.values():
            yield from _walk(child)
    elif isinstance(value, list):
        for child in value:
            yield from _walk(child)


def validation(index: int, reading: Any, *, outdated: bool, filename: str | None = None) -> Json:
    """What validation has to say about one document."""
    shape: Json = {"index": index}
    if filename is not None:
        shape["filename"] = filename
    if reading.namespace is not None:
        shape["namespace"] = reading.namespace
    if reading.flow_id is not None:
        shape["flow"] = reading.flow_id
    if reading.constraints is not None:
        shape["constraints"] = reading.constraints
    shape["outdated"] = outdated
    shape["deprecationPaths"] = list(reading.deprecations)
    shape["warnings"] = [str(warning) for warning in reading.warnings]
    shape["infos"] = list(reading.infos)
    return shape
