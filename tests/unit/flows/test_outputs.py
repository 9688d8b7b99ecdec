"""Rendered values to typed outputs (flow spec §3)."""

from __future__ import annotations

import pytest

from batuta.errors import FlowError
from batuta.flows import type_outputs
from batuta.model.inputs import FlowOutput, InputType


def typed(rendered, **output):
    encrypt = output.pop("encrypt", None)
    return type_outputs((FlowOutput(id="o", value="", **output),), {"o": rendered}, encrypt=encrypt)["o"]


@pytest.mark.parametrize(
    ("kind", "rendered", "value"),
    [
        (None, {"as": "it is"}, {"as": "it is"}),
        (InputType.STRING, "abc", "abc"),
        (InputType.INT, "12", 12),
        (InputType.FLOAT, "2.5", 2.5),
        (InputType.BOOLEAN, "true", True),
        (InputType.DATE, "2024-02-29", "2024-02-29"),
        (InputType.DATETIME, "2024-02-29T01:02:03Z", "2024-02-29T01:02:03.000Z"),
        (InputType.TIME, "10:11:12", "10:11:12"),
        (InputType.JSON, '{"k": {"n": 1}}', {"k": {"n": 1}}),
        (InputType.ARRAY, ["b", "second"], ["b", "second"]),
        (InputType.OBJECT, {"a": 1}, {"a": 1}),
    ],
)
def test_a_value_is_typed(kind, rendered, value):
    assert typed(rendered, type=kind) == value


def test_an_optional_output_may_be_null():
    assert typed(None, type=InputType.STRING, required=False) is None


def test_all_outputs_that_fail_are_named():
    outputs = (
        FlowOutput(id="a", value="", type=InputType.INT),
        FlowOutput(id="b", value="", type=InputType.STRING),
        FlowOutput(id="c", value="", type=InputType.SECRET),
    )

    with pytest.raises(FlowError) as caught:
        type_outputs(outputs, {"a": "x", "c": "hidden"})

    assert caught.value.what == (
        "Invalid value for output `a`. Cause: `x` is not a whole number, Missing required output:b, "
        "Invalid value for output `c`. Cause: "
        "Unable to use a `SECRET` input/output as encryption is not configured"
    )


def test_a_secret_is_sealed():
    assert typed("abc", type=InputType.SECRET, encrypt=str.upper) == "ABC"
