"""Functions of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from batuta.expr.jq.data import JqError, describe, number
from batuta.expr.jq.functions.registering import Functions
from batuta.expr.kinds import is_number
from batuta.expr.run import Run

FUNCTIONS = Functions()


def _math(name: str, compute: Callable[[float], float]) -> None:
    def apply(run: Run, value: Any) -> Any:
        if not is_number(value):
            raise JqError(f"{describe(value)} number required")
        try:
            return number(float(compute(value)))
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    FUNCTIONS.simple(name, 0, apply)


def _two(compute: Callable[[float, float], float]) -> Callable[[Run, Any, Any, Any], Any]:
    def apply(run: Run, value: Any, first: Any, second: Any) -> Any:
        if not (is_number(first) and is_number(second)):
            raise JqError("number required")
        try:
            return number(float(compute(float(first), float(second))))
        except OverflowError:
            return math.inf
        except (ValueError, ZeroDivisionError):
            return math.nan

    return apply


def _is_number_that(test: Callable[[float], bool]) -> Callable[[Run, Any], bool]:
    def apply(run: Run, value: Any) -> bool:
        if not is_number(value):
            raise JqError(f"{describe(value)} number required")
        return test(value)

    return apply


FUNCTIONS.simple("infinite", 0, lambda run, value: math.inf)
FUNCTIONS.simple("nan", 0, lambda run, value: math.nan)
FUNCTIONS.simple("isinfinite", 0, _is_number_that(lambda value: math.isinf(value)))
FUNCTIONS.simple("isnan", 0, _is_number_that(lambda value: value != value))
FUNCTIONS.simple("isnormal", 0, _is_number_that(lambda value: math.isfinite(value) and value != 0))
FUNCTIONS.simple("pow", 2, _two(math.pow))
FUNCTIONS.simple("atan2", 2, _two(math.atan2))
FUNCTIONS.simple("fmod", 2, _two(math.fmod))
FUNCTIONS.simple("fmin", 2, _two(min))
FUNCTIONS.simple("fmax", 2, _two(max))
for _name, _compute in {
    "floor": math.floor,
    "ceil": math.ceil,
    "round": lambda value: math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1),
    "trunc": math.trunc,
    "sqrt": math.sqrt,
    "fabs": abs,
    "abs": abs,
    "exp": math.exp,
    "exp2": lambda value: 2.0**value,
    "exp10": lambda value: 10.0**value,
    "log": lambda value: math.log(value) if value else -math.inf,
    "log2": lambda value: math.log2(value) if value else -math.inf,
    "log10": lambda value: math.log10(value) if value else -math.inf,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "cbrt": math.cbrt,
}.items():
    _math(_name, _compute)
