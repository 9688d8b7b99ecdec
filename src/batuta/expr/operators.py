"""Arithmetic, ordering, containment and tests: what operators do with values (expression spec §3, §7)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from batuta.expr.errors import EvaluationError, LimitError
from batuta.expr.kinds import (
    LONG_MAX,
    LONG_MIN,
    Array,
    Char,
    Float,
    Long,
    int_kind,
    is_number,
    to_float,
    wrap_int,
    wrap_long,
)
from batuta.expr.printing import plain_text
from batuta.expr.run import Run
from batuta.expr.values import as_double, is_blank, same

_DECIMAL128 = Context(prec=34, Emax=6144, Emin=-6143, traps=[DivisionByZero, InvalidOperation, Overflow])
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?", re.ASCII)
_MOST_COMPARISONS = 2_000_000
_LONG = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)


# Arithmetic


def add(run: Run, left: Any, right: Any) -> Any:
    """`left + right`: numbers, texts, or a list and something to append."""
    if type(left) is str or type(right) is str:
        first = "null" if left is None else plain_text(left)
        second = "null" if right is None else plain_text(right)
        run.fits(len(first) + len(second))
        return first + second
    if type(left) is list:
        target = run.mutable(left)
        if isinstance(right, list):
            run.grow(len(right))
            target.extend(list(right))
        else:
            run.grow(1)
            target.append(right)
        if len(target) > run.options.limits.collection_elements:
            raise LimitError(f"A collection has more than {run.options.limits.collection_elements} elements")
        return target
    return _arithmetic("+", left, right)


def subtract(run: Run, left: Any, right: Any) -> Any:
    """`left - right`: numbers, or a list and something to remove."""
    if type(left) is list:
        target = run.mutable(left)
        run.tick()
        if isinstance(right, list):
            if len(right) * len(target) > _MOST_COMPARISONS:
                raise LimitError("The lists are too long to be subtracted")
            target[:] = [item for item in target if not any(same(item, other) for other in right)]
        else:
            for index, item in enumerate(target):
                if same(item, right):
                    del target[index]
                    break
        return target
    return _arithmetic("-", left, right)


def multiply(run: Run, left: Any, right: Any) -> Any:
    """`left * right`."""
    return _arithmetic("*", left, right)


def divide(run: Run, left: Any, right: Any) -> Any:
    """`left / right`: integers are truncated toward zero."""
    return _arithmetic("/", left, right)


def remainder(run: Run, left: Any, right: Any) -> Any:
    """`left % right`, with the sign of the dividend."""
    return _arithmetic("%", left, right)


def negate(value: Any) -> Any:
    """`-value`."""
    number = _operand("-", value)
    kind = type(number)
    if isinstance(number, bool) or not is_number(number):
        raise _not_numbers("-", number)
    if isinstance(number, int):
        kind = int_kind(number)
        return (
            wrap_int(-int(number))
            if kind is int
            else wrap_long(-int(number))
            if kind is Long
            else kind(-number)
        )
    return kind(-number)


def positive(value: Any) -> Any:
    """`+value`: the number itself; a text is converted."""
    number = _operand("+", value)
    if not is_number(number):
        raise _not_numbers("+", number)
    return number


def _arithmetic(sign: str, left: Any, right: Any) -> Any:
    if type(left) is str and sign != "+":
        left = _operand(sign, left)
    if type(right) is str and sign != "+":
        right = _operand(sign, right)
    if not (is_number(left) and is_number(right)):
        raise _not_numbers(sign, left, right)
    kind_left, kind_right = type(left), type(right)
    if kind_left is Decimal or kind_right is Decimal:
        return _decimal(sign, as_double(left), as_double(right))
    if kind_left is float or kind_right is float:
        return _double(sign, as_double(left), as_double(right))
    if kind_left is Float or kind_right is Float:
        return to_float(_double(sign, to_float(as_double(left)), to_float(as_double(right))))
    kinds = int_kind(left), int_kind(right)
    if Long in kinds:
        return wrap_long(_integer(sign, wrap_long(left), wrap_long(right)))
    if int in kinds:
        return wrap_int(_integer(sign, wrap_int(left), wrap_int(right)))
    raise _not_numbers(sign, left, right)


def _integer(sign: str, left: int, right: int) -> int:
    left, right = int(left), int(right)
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    if right == 0:
        raise EvaluationError("Division by zero", seen=[left, right])
    quotient = abs(left) // abs(right)
    if (left < 0) != (right < 0):
        quotient = -quotient
    return quotient if sign == "/" else left - quotient * right


def _double(sign: str, left: float, right: float) -> float:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    if sign == "/":
        if right:
            return left / right
        if left == 0 or left != left:
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    if right == 0 or math.isinf(left) or left != left or right != right:
        return math.nan
    return math.fmod(left, right)


def _decimal(sign: str, left: float, right: float) -> Decimal:
    if not (math.isfinite(left) and math.isfinite(right)):
        raise EvaluationError("A decimal number cannot be infinite", seen=[left, right])
    try:
        # By way of the shortest text of the double, as the reference converts.
        first, second = Decimal(repr(left)), Decimal(repr(right))
        if sign == "+":
            return _DECIMAL128.add(first, second)
        if sign == "-":
            return _DECIMAL128.subtract(first, second)
        if sign == "*":
            return _DECIMAL128.multiply(first, second)
        if sign == "/":
            return _divide_decimals(first, second)
        return first % second
    except (DivisionByZero, InvalidOperation, Overflow) as error:
        raise EvaluationError("The decimal numbers cannot be computed", seen=[left, right]) from error


def _divide_decimals(first: Decimal, second: Decimal) -> Decimal:
    quotient = _DECIMAL128.divide(first, second)
    # An exact quotient has the scale of the operands' difference, as far as its digits allow.
    preferred = int(first.as_tuple().exponent) - int(second.as_tuple().exponent)
    if int(quotient.as_tuple().exponent) > preferred:
        return quotient.quantize(Decimal((0, (1,), preferred)), context=_DECIMAL128)
    return quotient


def _operand(sign: str, value: Any) -> Any:
    """A text as the number that it spells; anything else as it is."""
    if type(value) is not str:
        return value
    if "." in value or "e" in value or "E" in value:
        if _DOUBLE.fullmatch(value):
            return float(value.rstrip("fFdD"))
    elif _LONG.fullmatch(value) and LONG_MIN <= int(value) <= LONG_MAX:
        return Long(value)
    raise EvaluationError(f"`{sign}` wants a number and this text is none", expected="a number", seen=[value])


def _not_numbers(sign: str, *values: Any) -> EvaluationError:
    return EvaluationError(f"`{sign}` cannot be applied", expected="numbers", seen=values)


# Ordering


def _ordered(sign: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        if left is None or right is None:
            return False
        if is_number(left) and is_number(right):
            return compare(as_double(left), as_double(right))
        if type(left) is str and type(right) is str:
            if left.isascii() and right.isascii():
                return compare(left, right)
            return compare(
                left.encode("utf-16-be", "surrogatepass"), right.encode("utf-16-be", "surrogatepass")
            )
        raise EvaluationError(
            f"`{sign}` cannot order these", expected="two numbers or two texts", seen=[left, right]
        )

    return ordered


less = _ordered("<", lambda a, b: a < b)
greater = _ordered(">", lambda a, b: a > b)
at_most = _ordered("<=", lambda a, b: a <= b)
at_least = _ordered(">=", lambda a, b: a >= b)


# Containment and ranges


def concatenate(run: Run, left: Any, right: Any) -> str:
    """`left ~ right`: plain text forms, null is nothing."""
    first, second = plain_text(left), plain_text(right)
    run.fits(len(first) + len(second))
    return first + second


def contains(left: Any, right: Any) -> bool:
    """`left contains right`: a list an element, a map a key, a text a part."""
    if left is None:
        return False
    if isinstance(left, list):
        if isinstance(right, list):
            if len(left) * len(right) > _MOST_COMPARISONS:
                raise LimitError("The lists are too long to be compared")
            return all(any(same(item, wanted) for item in left) for wanted in right)
        return any(same(item, right) for item in left)
    if isinstance(left, dict):
        return any(same(key, right) for key in left) if not _is_text(right) else right in left
    if type(left) is str:
        return ("null" if right is None else plain_text(right)) in left
    raise EvaluationError("`contains` wants a list, a map or a text on its left", seen=[left])


def _is_text(value: Any) -> bool:
    return type(value) is str


def is_in(left: Any, right: Any) -> bool:
    """`left isIn right`: the text of an element, key or value is the text of `left`."""
    if left is None or right is None:
        return False
    wanted = plain_text(left)
    if isinstance(right, list):
        return any(plain_text(item) == wanted for item in right if item is not None)
    if isinstance(right, dict):
        return any(
            (key is not None and plain_text(key) == wanted)
            or (item is not None and plain_text(item) == wanted)
            for key, item in right.items()
        )
    return False


def range_(run: Run, start: Any, end: Any, increment: Any = None) -> list[Any]:
    """Numbers or letters from `start` to `end`, both included."""
    step = 1 if increment is None else increment
    if not is_number(step) or isinstance(step, (float, Decimal)):
        raise EvaluationError("The increment of a range must be an integer", seen=[step])
    if int(step) == 0:
        raise EvaluationError("The increment of a range cannot be 0")
    letters = isinstance(start, str) and isinstance(end, str) and len(start) == 1 and len(end) == 1
    if letters:
        first, last = ord(start), ord(end)
    elif is_number(start) and is_number(end):
        first, last = _whole(start), _whole(end)
    else:
        raise EvaluationError(
            "A range goes from number to number or from letter to letter",
            expected="two numbers or two texts of one character",
            seen=[start, end],
        )
    numbers = range(first, last + (1 if step > 0 else -1), int(step))
    most = run.options.limits.range_elements
    # `len` refuses what has more than 63 bits.
    count = max(0, (last - first) // int(step) + 1)
    if count > most:
        raise LimitError(f"A range of more than {most} elements")
    run.grow(count)
    return list(map(_char, numbers)) if letters else list(map(Long, numbers))


def _char(code: int) -> str:
    return Char(chr(code))


def _whole(value: Any) -> int:
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        raise EvaluationError("A range wants finite numbers", seen=[value])
    return int(value)


# Tests


def _parity(name: str, wanted: int) -> Callable[[Any], bool]:
    def test(value: Any) -> bool:
        if isinstance(value, int) and not isinstance(value, bool) and LONG_MIN <= value <= LONG_MAX:
            return int(value) % 2 == wanted
        raise EvaluationError(f"`{name}` is a question to integers", expected="Integer or Long", seen=[value])

    return test


def _is_json(value: Any) -> bool:
    from batuta.expr.parsing import parse_json

    if not isinstance(value, str):
        return False
    try:
        parse_json(value)
    except ValueError:
        return False
    return True


TESTS: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "empty": is_blank,
    "even": _parity("even", 0),
    "odd": _parity("odd", 1),
    "iterable": lambda value: isinstance(value, (list, Array)),
    "map": lambda value: isinstance(value, dict),
    "json": _is_json,
}
"""What may follow `is`; `defined` is not here because its subject may be missing."""
