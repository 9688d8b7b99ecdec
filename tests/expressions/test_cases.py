"""Every case of the data files, one theme per file: template, context, and the text or kind of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from batuta import expr

FILES = sorted((Path(__file__).parent / "cases").glob("*.json"))
CASES = [case for file in FILES for case in json.loads(file.read_text(encoding="utf-8"))["cases"]]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case: dict[str, Any]):
    options = expr.Options(**case.get("options", {}))
    if "error" in case:
        with pytest.raises(expr.ExpressionError) as caught:
            expr.render(case["template"], case.get("context", {}), options=options)

        assert case["error"] in (caught.value.kind, "runtime")
    else:
        assert expr.render(case["template"], case.get("context", {}), options=options) == case["expected"]
