"""jq programs."""

from __future__ import annotations

from typing import Any

from batuta.expr.errors import EvaluationError
from batuta.expr.printing import json_text
from batuta.expr.run import Run


def run_program(run: Run, program: str, value: Any) -> list[Any]:
    """All outputs of `program` for `value`."""
    import jq

    try:
        return list(jq.compile(program).input_text(json_text(value)))
    except ValueError as error:
        raise EvaluationError(f"jq failed: {error}", seen=[program]) from None
