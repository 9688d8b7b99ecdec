"""jq programs, evaluated here and within the budgets of the rendering.

The C library cannot be interrupted, reads the environment and runs patterns of unbounded cost.
The pipeline is `parser`, `machine`, `builtins`. Built-in functions in Python are in `functions`, those in jq
itself in `prelude`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from batuta.expr.errors import EvaluationError, LimitError
from batuta.expr.jq.data import JqError, message_of, prepare
from batuta.expr.jq.machine import BreakError, Environment, evaluate
from batuta.expr.jq.parser import parse
from batuta.expr.run import Run


@lru_cache(maxsize=200)
def _compiled(program: str) -> tuple[Any, ...]:
    return parse(program)


def run_program(run: Run, program: str, value: Any) -> list[Any]:
    """All outputs of `program` for `value`.

    Raises:
        EvaluationError: the program does not parse, or fails.
        LimitError: it takes too much of a budget.
    """
    from batuta.expr.jq.builtins import standard

    try:
        tree = _compiled(program)
        environment: Environment = standard()
        results = []
        for result, _ in evaluate(run, tree, environment, prepare(value), None):
            run.grow(1)
            results.append(result)
        return results
    except JqError as error:
        raise EvaluationError(f"jq: {message_of(error.value)}", seen=[program]) from None
    except BreakError:
        raise EvaluationError("jq: `break` without its label", seen=[program]) from None
    except RecursionError:
        raise LimitError("The jq program calls itself too deeply") from None
