"""The JSON Schema of dashboards agrees with what reads them."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from batuta import dashboards
from batuta.dashboards.schema import OWNER, dashboard_schema

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "make-dashboards.md"
[TEXT] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


def is_valid(text: str) -> bool:
    return jsonschema.Draft7Validator(dashboard_schema()).is_valid(yaml.safe_load(text))


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(dashboard_schema())
    assert OWNER in dashboard_schema()["definitions"]


def test_a_dashboard_that_is_read_is_valid():
    assert dashboards.read(TEXT).violations == ()
    assert is_valid(TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title:", "titel:"),
        ("field: STATE}", "field: COLOR}"),
        ("agg: SUM", "agg: MEDIAN"),
        ("chart.TimeSeries", "chart.Timeline"),
        ("data.ExecutionsKPI", "data.Executions"),
        ("column: date\n", "\n"),
        ("order: DESC", "order: down"),
    ],
)
def test_what_is_refused_is_not_valid(old, new):
    assert dashboards.read(TEXT.replace(old, new, 1)).violations
    assert not is_valid(TEXT.replace(old, new, 1))
