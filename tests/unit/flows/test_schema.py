"""The JSON Schema of a flow agrees with the reader."""

from __future__ import annotations

import msgspec
import pytest

from batuta.flows import declarations, flow_schema, parser, tasks
from batuta.flows.schema import input_schema
from batuta.model.inputs import InputType
from batuta.plugin import registry


def test_the_schema_names_the_properties_that_the_reader_knows():
    assert set(flow_schema()["properties"]) == parser.PROPERTIES


def test_every_reference_leads_somewhere():
    schema = flow_schema()
    references = set()

    def visit(node):
        if isinstance(node, dict):
            references.add(node.get("$ref"))
            for below in node.values():
                visit(below)
        elif isinstance(node, list):
            for below in node:
                visit(below)

    visit(schema)
    missing = {
        each
        for each in references - {None}
        if each.removeprefix("#/definitions/") not in schema["definitions"]
    }
    assert missing == set()


def test_every_type_of_the_registry_is_described():
    definitions = flow_schema()["definitions"]

    assert all(name in definitions for name in registry.names() if ".condition." not in name)
    assert set(definitions["io.kestra.plugin.core.flow.Sequential"]["properties"]) >= tasks.COMMON


def test_it_is_plain_json():
    assert msgspec.json.decode(msgspec.json.encode(flow_schema())) == flow_schema()


@pytest.mark.parametrize("kind", list(InputType))
def test_an_input_has_what_its_type_allows(kind):
    allowed = declarations.COMMON | declarations.OWN_PROPERTIES[kind]

    assert set(input_schema(kind)["properties"]) == allowed
