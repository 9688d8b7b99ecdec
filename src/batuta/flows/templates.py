"""What is wrong with the templates of a flow, as far as that can be said without running it.

Saving a flow does not look at its templates (flow spec §17.2); `batuta check` does. A template that does not
parse is an error, and so is a filter, function or test that does not exist or gets arguments that it does not
take. A name that nothing in the flow declares is a warning, since the template may have an answer for its
absence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from batuta import expr
from batuta.flows import loops
from batuta.flows.document import Document, Mark, Path, Unreadable
from batuta.flows.findings import Findings, Violation
from batuta.flows.order import Order
from batuta.flows.reader import ReadLimits, load
from batuta.nearness import did_you_mean

_NOT_RENDERED = frozenset({"description", "displayName", "validator"})
_SUBFLOWS = (".flow.Subflow", ".flows.Flow", ".flows.Subflow")
_MADE_BY_FOR_EACH_ITEM = ("_split", "_items", "_merge")
ROOTS = frozenset(
    {
        "dbFilePath",
        "envs",
        "error",
        "execution",
        "files",
        "flow",
        "globals",
        "inputFile",
        "inputFiles",
        "inputs",
        "item",
        "iteration",
        "kestra",
        "labels",
        "namespace",
        "outputDir",
        "outputFiles",
        "outputs",
        "parent",
        "parents",
        "schedule",
        "task",
        "taskrun",
        "tasks",
        "trigger",
        "vars",
        "workingDir",
    }
)
"""Names that templates of a flow may see (flow spec §11)."""


class TemplateFindings(msgspec.Struct, frozen=True):
    """What was found in the templates of one document."""

    violations: tuple[Violation, ...] = ()
    warnings: tuple[Violation, ...] = ()


def check_templates(source: str) -> TemplateFindings:
    """Look at every template of a flow; nothing is found in a text that is not a flow."""
    try:
        document = load(source, ReadLimits())
    except Unreadable:
        return TemplateFindings()
    if not isinstance(document.data, dict):
        return TemplateFindings()
    found = Findings(document)
    declared = _Declared(document.data)
    for path, text in _texts(document.data, ()):
        _check(found, declared, path, text)
    return TemplateFindings(tuple(found.violations), tuple(found.warnings))


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        if expr.is_template(value):
            yield path, value
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _texts(item, (*path, place))
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in _NOT_RENDERED:
                yield from _texts(item, (*path, name))


class _Declared:
    """The names that a flow gives to its parts."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.inputs = set(_input_ids(data.get("inputs"), ""))
        self.tasks = set(_task_ids(data))
        variables = data.get("variables")
        self.variables = set(variables) if isinstance(variables, dict) else set()
        self.order = Order(data)
        self._data = data
        self.sets_variables = any(kind.endswith(".SetVariables") for kind in _types(data))

    def complaint(self, reference: expr.Reference, path: Path) -> tuple[str, str | None] | None:
        """What is wrong with a reference at a place, and a hint; None when nothing is."""
        name = reference.name
        match reference.kind:
            case "input" if name and not self._is_input((name, *reference.path)):
                return f"the flow has no input `{name}`", did_you_mean(name, self.inputs)
            case "output" | "task" if name and not self._is_task(name):
                return f"the flow has no task `{name}`", did_you_mean(name, self.tasks)
            case "output" if name and self.order.comes_later(name, path):
                hint = f"move `{name}` before this task, or give a default with `??`"
                return f"the task `{name}` has not run yet when this is rendered", hint
            case "output" if name and (place := self.order.place_of(name)) is not None:
                return loops.complaint(self._data, place, reference.path, path)
            case "variable" if name and name not in self.variables and not self.sets_variables:
                return f"the flow has no variable `{name}`", did_you_mean(name, self.variables)
            case "context" if name not in ROOTS:
                near = did_you_mean(name, ROOTS)
                return (f"`{name}` is not a name that templates see", near) if near else None
        return None

    def _is_input(self, path: tuple[str, ...]) -> bool:
        """An input's id, something inside its value, or the map that ids with dots make."""
        written = ".".join(path) + "."
        return any(written.startswith(f"{id}.") or f"{id}.".startswith(written) for id in self.inputs)

    def _is_task(self, id: str) -> bool:
        return id in self.tasks or any(id.removesuffix(part) in self.tasks for part in _MADE_BY_FOR_EACH_ITEM)


def _input_ids(inputs: Any, prefix: str) -> Iterator[str]:
    for each in inputs if isinstance(inputs, list) else ():
        if isinstance(each, dict):
            id = each.get("id") or each.get("name")
            if id is not None:
                yield f"{prefix}{id}"
                yield from _input_ids(each.get("inputs"), f"{prefix}{id}.")


def _task_ids(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _task_ids(item)
    elif isinstance(value, dict):
        if isinstance(value.get("type"), str) and value.get("id") is not None:
            yield str(value["id"])
        for item in value.values():
            yield from _task_ids(item)


def _types(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _types(item)
    elif isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value["type"]
        for item in value.values():
            yield from _types(item)


def _check(found: Findings, declared: _Declared, path: Path, text: str) -> None:
    try:
        references = expr.analyse(text)
        mistakes = expr.mistakes(text)
    except expr.ExpressionError as error:
        _note(found, path, text, error.offset, error.message, error.mend, error.code)
        return
    for mistake in mistakes:
        hint = mistake.mend or (f"it takes {mistake.expected}" if mistake.expected else None)
        _note(found, path, text, mistake.offset, mistake.message, hint, mistake.code)
    if _is_elsewhere(found.document.data, path):
        return
    for reference in references:
        complaint = None if reference.guarded else declared.complaint(reference, path)
        if complaint is not None:
            _note(found, path, text, reference.offset, *complaint, None)


def _is_elsewhere(data: Any, path: Path) -> bool:
    """The template sees names of another execution: in a trigger, and in the old `outputs` of a Subflow."""
    if path[0] == "triggers":
        return True
    for depth, part in enumerate(path):
        if part == "outputs" and depth and str(data.get("type", "")).endswith(_SUBFLOWS):
            return True
        data = data[part]
    return False


def _note(
    found: Findings,
    path: Path,
    text: str,
    offset: int | None,
    message: str,
    hint: str | None,
    code: str | None,
) -> None:
    """Note an error where there is a `code`, else a warning, at the place inside the template."""
    mark = place_in(found.document, path, text, offset)
    moved: Mapping[str, Any] = {"line": mark.line, "column": mark.column, "width": mark.width}
    if code is not None:
        found.wrong(path, message, hint=hint, code=code)
        found.violations[-1] = msgspec.structs.replace(found.violations[-1], **moved)
    else:
        found.warn(path, message, hint=hint, code="template.unknown-name")
        found.warnings[-1] = msgspec.structs.replace(found.warnings[-1], **moved)


def place_in(document: Document, path: Path, text: str, offset: int | None) -> Mark:
    """Where a character of a scalar stands in the document; the scalar's own place when that cannot be
    told."""
    mark = document.value_at(path)
    if offset is None or offset > len(text):
        return mark
    before = text[:offset]
    line = before.count("\n")
    column = offset - (before.rfind("\n") + 1)
    if mark.style == "|":
        lines = document.source.splitlines()
        block = lines[mark.line : mark.line + text.count("\n") + 1]
        indents = [len(row) - len(row.lstrip(" ")) for row in block if row.strip()]
        return Mark(mark.line + 1 + line, column + min(indents, default=0) + 1)
    if mark.width > 1 and mark.style in ("", "'", '"') and "\n" not in text:
        return Mark(mark.line, mark.column + column + (1 if mark.style else 0))
    return mark
