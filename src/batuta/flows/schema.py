"""The JSON Schema of a whole flow, from the structs and classes that flows are read with."""

from __future__ import annotations

import typing
from functools import cache
from typing import Any

import msgspec

from batuta.flows import declarations, parser, tasks, triggers
from batuta.model.flow import Concurrency
from batuta.model.inputs import FlowOutput, Input, InputType
from batuta.model.task import RetryPolicy, Task
from batuta.plugin import registry
from batuta.plugin import schema as class_schema
from batuta.plugin.condition import Condition
from batuta.plugin.schema import DRAFT, RUNNER, TASK, Json
from batuta.plugin.trigger import Trigger

TRIGGER = "trigger"
_RUNNERS = (".runner.", ".taskrunner.")

_ABOUT_FLOW = {
    "id": "Name of the flow, unique in its namespace; it never changes.",
    "namespace": "Where the flow belongs. Dots make a hierarchy.",
    "description": "Markdown, shown with the flow.",
    "labels": "Pairs by which the flow and its executions are found: a map, or a list of key and value.",
    "inputs": "Values that an execution is started with.",
    "outputs": "Values that an execution leaves, rendered at its end.",
    "variables": "Values for expressions, read as `vars.name`.",
    "tasks": "What the flow does, one task after the other.",
    "errors": "Tasks to run when one of `tasks` failed.",
    "finally": "Tasks to run after `tasks` and `errors`, whatever happened.",
    "afterExecution": "Tasks to run when the execution has ended.",
    "triggers": "What starts the flow besides people.",
    "pluginDefaults": "Values for every task, trigger or task runner of a type.",
    "concurrency": "How many executions may be under way at once.",
    "retry": "When failed tasks, or the whole execution, are tried again.",
    "sla": "What every execution has to keep to.",
    "checks": "Conditions on the inputs, evaluated before an execution starts.",
    "disabled": "Nothing starts the flow.",
}
_ABOUT_TASK = {
    "id": "Name of the task, unique in the flow.",
    "type": "What the task does.",
    "description": "Markdown, shown with the task.",
    "when": "The task is skipped when this renders to `false`, `0` or nothing.",
    "disabled": "The task does not take part.",
    "timeout": "The most time of one attempt.",
    "retry": "When the task is tried again after it failed.",
    "allowFailure": "A failure counts as a warning.",
    "allowWarning": "A warning counts as success.",
    "logLevel": "Log lines below this level are not kept.",
    "logToFile": "The log goes to a file instead of the log store.",
}
_ABOUT_TRIGGER = {
    "id": "Name of the trigger, unique in the flow.",
    "type": "What the trigger waits for.",
    "description": "Markdown, shown with the trigger.",
    "disabled": "The trigger starts nothing.",
    "conditions": "What must hold besides: a list of conditions.",
    "when": "An expression; the trigger starts nothing when it renders to `false`, `0` or nothing.",
    "labels": "Labels of the executions that it starts.",
    "stopAfter": "States of its execution after which the trigger switches itself off.",
    "allowConcurrent": "It may start an execution while the one that it started before is under way.",
    "failOnTriggerError": "Where it cannot be evaluated an execution is made that has failed.",
    "logLevel": "Log lines below this level are not kept.",
    "logToFile": "The log goes to a file instead of the log store.",
}


@cache
def flow_schema() -> Json:
    """The schema of a flow document. The same object each time; do not change it."""
    definitions: Json = {}
    common = common_properties(definitions)
    names = [name for name in registry.names() if registry.problem(registry.load(name)) is None]
    runners = [name for name in names if any(part in name for part in _RUNNERS)]
    no_tasks = (Trigger, Condition)
    kinds = [name for name in names if name not in runners and not issubclass(registry.load(name), no_tasks)]
    for name in [*kinds, *runners]:
        shared = common if name in kinds else {}
        definitions[name] = class_schema.task_schema(registry.load(name), shared, definitions)
        if name in runners:
            definitions[name]["required"].remove("id")
    definitions[TASK] = _one_of(kinds, common)
    definitions[RUNNER] = _one_of(runners, {})
    triggering = [name for name in names if issubclass(registry.load(name), Trigger)]
    definitions[TRIGGER] = _trigger_schema(triggering, definitions)
    definitions["input"] = _input_schema()
    return {
        "$schema": DRAFT,
        "type": "object",
        "title": "Flow",
        "properties": _flow_properties(definitions),
        "required": ["id", "namespace", "tasks"],
        "additionalProperties": False,
        "definitions": definitions,
    }


def common_properties(definitions: Json) -> Json:
    """The properties that all tasks have, by name."""
    hints = typing.get_type_hints(Task, include_extras=True)
    found: Json = {}
    for field in msgspec.structs.fields(Task):
        name = _camel(field.name)
        if name in tasks.TYPED:
            schema = class_schema.type_schema(hints[field.name], definitions)
            found[name] = {
                **({"allOf": [schema]} if "$ref" in schema else schema),
                "description": _ABOUT_TASK[name],
            }
    found["id"]["pattern"] = f"^{tasks.ID}$"
    found["runIf"] = {"type": "string", "description": "Old name of `when`.", "deprecated": True}
    return {**found, **{name: {} for name in sorted(tasks.CARRIED)}}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _one_of(names: list[str], common: Json) -> Json:
    """Any of the types by its `type`; types that are not described here take any property."""
    return {
        "type": "object",
        "required": ["id", "type"] if common else ["type"],
        "properties": {"type": {"type": "string", "examples": names}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": {"$ref": f"#/definitions/{name}"},
            }
            for name in names
        ],
    }


def _trigger_schema(names: list[str], definitions: Json) -> Json:
    shared = common_of_triggers()
    for name in names:
        definitions[name] = class_schema.task_schema(registry.load(name), shared, definitions)
    return _one_of(names, {"id": {}})


def common_of_triggers() -> Json:
    """The properties that all triggers have, by name."""
    described: Json = {name: {"description": words} for name, words in _ABOUT_TRIGGER.items()}
    return {**described, **{name: {} for name in sorted(triggers.COMMON - described.keys())}}


def input_schema(kind: InputType) -> Json:
    """The schema of an input of one type."""
    hints = typing.get_type_hints(Input, include_extras=True)
    allowed = declarations.COMMON | declarations.OWN_PROPERTIES[kind]
    properties: Json = {}
    for field in msgspec.structs.fields(Input):
        if field.encode_name in allowed:
            properties[field.encode_name] = _input_property(field.encode_name, hints[field.name])
    properties["id"]["pattern"] = f"^{declarations.ID}$"
    properties["type"] = {"const": kind.value}
    return {
        "type": "object",
        "properties": properties,
        "required": ["id", "type"],
        "additionalProperties": False,
    }


def _input_property(name: str, annotation: Any) -> Json:
    if name in ("inputs", "properties", "columns"):
        return {"type": "array", "items": {"$ref": "#/definitions/input"}}
    if name == "values":
        pair = {
            "type": "object",
            "properties": {"label": {"type": "string"}, "value": {}},
            "required": ["value"],
        }
        return {"type": "array", "items": {"anyOf": [{"type": ["string", "number", "boolean"]}, pair]}}
    if name == "dependsOn":
        names = {"type": "array", "items": {"type": "string"}}
        return {"type": "object", "properties": {"inputs": names, "condition": {"type": "string"}}}
    return class_schema.type_schema(annotation, {}, dynamic=False)


def _input_schema() -> Json:
    return {
        "type": "object",
        "required": ["id", "type"],
        "properties": {"type": {"enum": [kind.value for kind in InputType]}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": kind.value}}, "required": ["type"]},
                "then": input_schema(kind),
            }
            for kind in InputType
        ],
    }


def _flow_properties(definitions: Json) -> Json:
    a_list_of_tasks = {"type": "array", "items": {"$ref": f"#/definitions/{TASK}"}}
    pair = {
        "type": "object",
        "properties": {"key": {"type": "string"}, "value": {}},
        "required": ["key", "value"],
    }
    scalar = {"type": ["string", "number", "boolean"]}
    default = {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "values": {"type": "object"},
            "forced": {"type": "boolean"},
        },
        "required": ["type", "values"],
    }
    shapes: Json = {
        "id": {"type": "string", "pattern": f"^{parser.ID}$", "minLength": 1, "maxLength": 100},
        "namespace": {"type": "string", "pattern": f"^{parser.NAMESPACE}$", "minLength": 1, "maxLength": 150},
        "description": {"type": "string"},
        "labels": {
            "anyOf": [{"type": "object", "additionalProperties": scalar}, {"type": "array", "items": pair}]
        },
        "inputs": {"type": "array", "items": {"$ref": "#/definitions/input"}},
        "outputs": {"type": "array", "items": _ref(FlowOutput, definitions)},
        "variables": {"type": "object"},
        "tasks": {**a_list_of_tasks, "minItems": 1},
        "errors": a_list_of_tasks,
        "finally": a_list_of_tasks,
        "afterExecution": a_list_of_tasks,
        "triggers": {"type": "array", "items": {"$ref": f"#/definitions/{TRIGGER}"}},
        "pluginDefaults": {"type": "array", "items": default},
        "concurrency": {"allOf": [_ref(Concurrency, definitions)]},
        "retry": {"allOf": [_ref(RetryPolicy, definitions)]},
        "disabled": {"type": "boolean", "default": False},
    }
    return {
        name: {**shapes.get(name, {}), **({"description": _ABOUT_FLOW[name]} if name in _ABOUT_FLOW else {})}
        for name in [*shapes, *sorted(parser.PROPERTIES - set(shapes))]
    }


def _ref(struct: type[Any], definitions: Json) -> Json:
    return class_schema.type_schema(struct, definitions, dynamic=False)
