"""The page about inputs says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from batuta.flows import declarations, input_types
from batuta.model.inputs import InputType

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "inputs.md").read_text(encoding="utf-8")


def rows(after: str) -> list[list[str]]:
    """The cells of the first table after a text."""
    lines = PAGE.partition(after)[2].lstrip("\n").partition("| --- ")[2].split("\n")[1:]
    table = lines[: next(place for place, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_type_is_there_with_its_own_properties():
    told = {name: set(code(own)) for types, own, _ in rows("## Types") for name in code(types)}

    assert told == {kind.value: set(declarations.OWN_PROPERTIES[kind]) for kind in InputType}


def test_every_common_property_is_there():
    assert {code(name)[0] for name, _, _ in rows("## Properties of every input")} == declarations.COMMON


@pytest.mark.parametrize(("kind", "given", "kept"), rows("## What becomes of a value"))
def test_a_value_becomes_what_the_page_says(kind, given, kept):
    value = input_types.parse(InputType(code(kind)[0]), json.loads(given.strip("`")))

    assert input_types.stored(value) == json.loads(kept.strip("`"))


@pytest.mark.parametrize(("kind", "given", "why"), rows("These are refused:"))
def test_a_value_is_refused_for_the_reason_of_the_page(kind, given, why):
    with pytest.raises(input_types.Unfit) as caught:
        input_types.parse(InputType(code(kind)[0]), json.loads(given.strip("`")))

    assert caught.value.reason == why
