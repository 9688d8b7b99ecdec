"""The JSON Schema of test suites, for editors; what it cannot say is said by the reader."""

from __future__ import annotations

from functools import cache
from typing import Any

from batuta.flows.parser import ID, NAMESPACE
from batuta.testing.operators import TAKES_FLAG, TAKES_LIST, Operator
from batuta.testing.suite import OLD_UNIT_TEST, UNIT_TEST
from batuta.testing.suite_reader import ENDS

Json = dict[str, Any]

OWNER = "io.kestra.core.tests.flow.TestSuite"
_TEXTS: Json = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_ANY_MAP: Json = {"type": "object"}
_TEXT: Json = {"type": "string"}


@cache
def suite_schema() -> Json:
    """The schema, with a definition for each part of a suite."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": f"#/definitions/{OWNER}",
        "definitions": {OWNER: _suite(), UNIT_TEST: _case(), **_fixtures(), "Assertion": _assertion()},
    }


def _object(properties: Json, *required: str) -> Json:
    found: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


def _said(schema: Json, description: str) -> Json:
    return {**schema, "description": description}


def _list_of(name: str) -> Json:
    return {"type": "array", "items": {"$ref": f"#/definitions/{name}"}}


def _suite() -> Json:
    return _object(
        {
            "id": {"type": "string", "pattern": f"^{ID}$"},
            "namespace": _said({"type": "string", "pattern": f"^{NAMESPACE}$"}, "Namespace of the flow."),
            "flowId": _said({"type": "string", "pattern": f"^{ID}$"}, "The flow that is tested."),
            "description": _TEXT,
            "disabled": {"type": "boolean", "default": False},
            "fixtures": _said({"$ref": "#/definitions/Fixtures"}, "What all cases share."),
            "testCases": {**_list_of(UNIT_TEST), "minItems": 1},
        },
        "id",
        "namespace",
        "flowId",
        "testCases",
    )


def _case() -> Json:
    return _object(
        {
            "id": {"type": "string", "pattern": f"^{ID}$"},
            "type": {"enum": [UNIT_TEST, OLD_UNIT_TEST]},
            "description": _TEXT,
            "disabled": {"type": "boolean", "default": False},
            "fixtures": {"$ref": "#/definitions/Fixtures"},
            "assertions": _list_of("Assertion"),
        },
        "id",
        "type",
        "assertions",
    )


def _fixtures() -> Json:
    ending: Json = {
        "state": _said({"enum": list(ENDS), "default": "SUCCESS"}, "How the task ends."),
        "outputs": _said(_ANY_MAP, "What the task gives; texts are templates."),
        "duration": _said(_TEXT, "How long it seems to take: an ISO 8601 duration."),
    }
    return {
        "Fixtures": _object(
            {
                "inputs": _said(_ANY_MAP, "Values of the flow's inputs."),
                "tasks": _list_of("TaskFixture"),
                "trigger": {"$ref": "#/definitions/TriggerFixture"},
                "files": _said(_TEXTS, "Name to content; `files['name']` is the address."),
                "namespaceFiles": _said(_TEXTS, "Path to content, in the flow's namespace."),
                "kv": _said(_ANY_MAP, "Key-value entries of the flow's namespace."),
                "secrets": _said(_TEXTS, "Secrets, by key."),
                "envs": _said(_TEXTS, "What expressions see as `envs`."),
                "globals": _said(_ANY_MAP, "What expressions see as `globals`."),
                "now": _said({"type": "string", "format": "date-time"}, "When the clock begins."),
            }
        ),
        "TaskFixture": _object(
            {
                "id": _said(_TEXT, "The task that does not run."),
                "value": _said({"type": ["string", "number"]}, "Only for this value of a loop."),
                "description": _TEXT,
                "assets": {},
                **ending,
                "attempts": {"type": "array", "minItems": 1, "items": _object(ending)},
            },
            "id",
        ),
        "TriggerFixture": _object({"id": _TEXT, "type": _TEXT, "variables": _ANY_MAP}, "id", "type"),
    }


def _assertion() -> Json:
    found = _object(
        {
            "value": _said({}, "What to look at, mostly an expression."),
            **{operator.value: _expected(operator) for operator in Operator},
            "taskId": _said(_TEXT, "The task whose `taskrun` the expression sees."),
            "description": _TEXT,
            "errorMessage": _said(_TEXT, "What to say when it does not hold."),
        },
        "value",
    )
    return {**found, "anyOf": [{"required": [operator.value]} for operator in Operator]}


def _expected(operator: Operator) -> Json:
    if operator in TAKES_LIST:
        return {"type": ["array", "string"]}
    return {"type": ["boolean", "string"]} if operator in TAKES_FLAG else {}
