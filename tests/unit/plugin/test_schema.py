"""Task types as JSON Schema and reference pages."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from batuta.plugin import registry
from batuta.plugin.registry import plugin
from batuta.plugin.schema import EXPRESSION, documentation, object_schema, page_of, task_schema, type_schema
from batuta.plugin.task import AnyTask, Output, RunnableTask, Template


class Level(StrEnum):
    LOW = "LOW"
    HIGH = "HIGH"


class Place(msgspec.Struct, rename="camel"):
    host_name: str
    inner: Place | None = None


@plugin("io.example.Load", aliases=("io.example.OldLoad",))
class Load(RunnableTask):
    """Load rows. And more
    on the same line.

    Longer words.

    ```yaml
    id: load
    type: io.example.Load
    from_uri: x
    ```
    """

    from_uri: Annotated[str, Meta(description="Where from | to.")]
    most_rows: Annotated[int, Meta(ge=1)] = 10
    wait: timedelta | None = None
    level: Level = Level.LOW
    place: Place | None = None

    class Output(Output):
        row_count: Annotated[int, Meta(description="Rows loaded.")]


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, {"type": "string"}),
        (Template, {"type": "string"}),
        (int, {"anyOf": [{"type": "integer"}, EXPRESSION]}),
        (bool | None, {"anyOf": [{"type": "boolean"}, EXPRESSION]}),
        (str | None, {"type": "string"}),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (timedelta, {"anyOf": [{"type": "string", "format": "duration"}, EXPRESSION]}),
        (list[str], {"anyOf": [{"type": "array", "items": {"type": "string"}}, EXPRESSION]}),
        (Literal["a", "b"], {"anyOf": [{"enum": ["a", "b"]}, EXPRESSION]}),
        (Level, {"anyOf": [{"type": "string", "enum": ["LOW", "HIGH"]}, EXPRESSION]}),
        (AnyTask, {"$ref": "#/definitions/task"}),
        (object, {}),
        (
            Annotated[int, Meta(ge=0, description="Many.")],
            {"anyOf": [{"type": "integer", "minimum": 0}, EXPRESSION], "description": "Many."},
        ),
        (
            Annotated[str, Meta(min_length=1, pattern="^a")],
            {"type": "string", "minLength": 1, "pattern": "^a"},
        ),
    ],
)
def test_annotations_become_schemas_and_expressions_are_allowed(annotation, schema):
    assert type_schema(annotation, {}) == schema


def test_a_struct_that_holds_itself_is_described_once():
    definitions = {}

    found = type_schema(Place, definitions, dynamic=False)

    (name,) = definitions
    assert found == {"$ref": f"#/definitions/{name}"}
    assert definitions[name]["required"] == ["hostName"]
    assert definitions[name]["properties"]["inner"] == found


def test_members_carry_their_defaults_and_unknown_ones_are_refused():
    schema = object_schema(Load, {})

    assert schema["required"] == ["fromUri"]
    assert schema["properties"]["mostRows"]["default"] == 10
    assert schema["properties"]["level"]["default"] == "LOW"
    assert schema["additionalProperties"] is False


def test_a_docstring_is_taken_apart():
    page = page_of(Load)

    assert page.title == "Load rows. And more on the same line."
    assert page.description == "Longer words."
    assert page.examples == ("id: load\ntype: io.example.Load\nfrom_uri: x\n",)


def test_a_task_is_described_with_the_properties_of_all_tasks():
    schema = task_schema(Load, {"id": {"type": "string"}}, {})

    assert schema["properties"]["type"] == {"enum": ["io.example.Load", "io.example.OldLoad"]}
    assert schema["required"] == ["id", "type", "fromUri"]
    assert "id" in schema["properties"]


def test_documentation_holds_page_properties_and_outputs():
    told = documentation(Load)

    assert told["schema"]["properties"]["properties"]["fromUri"]["$required"] is True
    assert told["schema"]["properties"]["properties"]["fromUri"]["$dynamic"] is True
    assert told["schema"]["outputs"]["properties"]["rowCount"]["description"] == "Rows loaded."
    assert told["schema"]["properties"]["$examples"][0]["lang"] == "yaml"
    assert "| `fromUri` | text | required | Where from \\| to. |" in told["markdown"]
    assert "## Outputs" in told["markdown"]


@pytest.mark.parametrize("name", registry.names())
def test_every_task_type_can_be_described(name):
    told = documentation(registry.load(name))

    assert msgspec.json.encode(told)
    assert told["schema"]["properties"]["title"]
