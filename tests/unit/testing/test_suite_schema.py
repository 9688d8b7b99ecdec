"""The schema of suites says what the reader reads."""

from __future__ import annotations

from batuta.testing import suite_reader
from batuta.testing.suite import UNIT_TEST
from batuta.testing.suite_schema import OWNER, suite_schema


def properties(name: str) -> set[str]:
    return set(suite_schema()["definitions"][name]["properties"])


def test_schema_and_reader_know_the_same_properties():
    assert properties(OWNER) == suite_reader._SUITE
    assert properties(UNIT_TEST) == suite_reader._CASE
    assert properties("Fixtures") == suite_reader._FIXTURES
    assert properties("TaskFixture") == suite_reader._TASK
    assert properties("TriggerFixture") == suite_reader._TRIGGER
    assert properties("Assertion") == suite_reader._ASSERTION


def test_every_reference_leads_somewhere():
    schema = suite_schema()

    def references(node):
        if isinstance(node, dict):
            yield from ([node["$ref"]] if "$ref" in node else [])
            for child in node.values():
                yield from references(child)
        elif isinstance(node, list):
            for child in node:
                yield from references(child)

    names = {each.removeprefix("#/definitions/") for each in references(schema)}
    assert names <= set(schema["definitions"])
