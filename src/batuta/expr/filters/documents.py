"""Filters to and from documents: JSON, Ion, YAML, jq."""

from __future__ import annotations

from typing import Any

from batuta.expr.catalogue import filter_
from batuta.expr.errors import EvaluationError
from batuta.expr.parsing import parse_json
from batuta.expr.printing import json_text
from batuta.expr.run import Run


@filter_("toJson", "json", null=True)
def to_json(run: Run, value: Any) -> str:
    """The value as JSON; entries of maps that are null are left out.

    {{ [1, 'a', true] | toJson }} -> [1,"a",true]
    """
    return json_text(value, run.options.limits.output_characters)


@filter_("toIon", null=True)
def to_ion(run: Run, value: Any) -> str:
    """The value as Ion text.

    {{ {'k': 'v'} | toIon }} -> {k:"v"}
    """
    from batuta.expr.documents.ion import ion_text

    return ion_text(value, run.options.limits.output_characters)


@filter_("yaml", null=True)
def yaml(run: Run, value: Any) -> str:
    """The value as a YAML block that ends in a newline; null is the text `null`.

    {{ {'a': [1]} | yaml }} -> a:
     - 1
    """
    from batuta.expr.documents.yaml_writer import yaml_text

    return "null" if value is None else yaml_text(value, run.options.limits.output_characters)


@filter_("jq")
def jq(run: Run, value: Any, expression: Any) -> list[Any]:
    """All outputs of a jq program, always as a list. A text is read as JSON first.

    {{ [{'x': 1}, {'x': 2}] | jq('map(.x)') | first }} -> [1,2]
    """
    from batuta.expr.jq import run_program

    if not isinstance(expression, str):
        raise EvaluationError("`expression` of `jq` must be a text", seen=[expression])
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError as error:
            raise EvaluationError(f"The text is not JSON: {error}", seen=[value]) from None
    return run_program(run, expression, value)
