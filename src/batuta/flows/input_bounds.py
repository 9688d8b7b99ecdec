"""What an input allows of the values of its type: bounds, choices, patterns (flow spec §2.2)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from batuta.flows.input_types import Unfit, as_text, parse, shown
from batuta.model.inputs import Input, InputType


def check(declared: Input, value: Any, choices: list[str]) -> None:
    """Compare a typed value with what its input allows. `choices` are the values of a SELECT or MULTISELECT.

    Raises:
        Unfit: it is outside.
    """
    match declared.type:
        case InputType.STRING | InputType.SECRET if declared.validator is not None:
            if not matches(declared.validator, value):
                raise Unfit(f"it must match the pattern `{declared.validator}`")
        case InputType.INT | InputType.FLOAT:
            _within(declared, value, "min", "max", "it must be more than", "it must be less than")
        case InputType.DURATION:
            _within(declared, value, "min", "max", "It must be more than", "It must be less than")
        case InputType.DATETIME | InputType.DATE | InputType.TIME:
            _within(declared, value, "after", "before", "it must be after", "it must be before")
        case InputType.SELECT | InputType.ENUM | InputType.MULTISELECT if not declared.allow_custom_value:
            for each in value if isinstance(value, list) else [value]:
                if as_text(shown(each)) not in choices:
                    raise Unfit(f"it must match the values `[{', '.join(choices)}]`", each)
        case InputType.TABLE:
            _check_rows(declared, value)


def _within(declared: Input, value: Any, low: str, high: str, below: str, above: str) -> None:
    least, most = (declared.minimum, declared.maximum) if low == "min" else (declared.after, declared.before)
    if least is not None and value < parse(declared.type, least):
        raise Unfit(_beyond(below, least))
    if most is not None and value > parse(declared.type, most):
        raise Unfit(_beyond(above, most))


def _beyond(complaint: str, bound: Any) -> str:
    """The reason as the specification words it, which alone would sound as if the bound were refused."""
    return f"{complaint} `{as_text(bound)}` ({as_text(bound)} itself is allowed)"


def _check_rows(declared: Input, value: list[Any]) -> None:
    least, most = declared.rows.get("min"), declared.rows.get("max")
    if least is not None and len(value) < least:
        raise Unfit(f"it must have at least `{least}` rows")
    if most is not None and len(value) > most:
        raise Unfit(f"it must have at most `{most}` rows")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options=options)


def matches(pattern: str, text: str) -> bool:
    """The pattern matches all of the text, in time linear to its length."""
    try:
        return _compiled(pattern).fullmatch(text) is not None
    except Exception as error:
        raise Unfit(f"invalid pattern [{pattern}]") from error


def pattern_problem(pattern: str) -> str | None:
    """What is wrong with a pattern, or None."""
    try:
        _compiled(pattern)
    except Exception as error:  # the library has one error type, which it does not export in all versions
        reason = error.args[0] if error.args else error
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        return (
            f"{text}; lookahead and back-references are not supported, because they can take unbounded time"
        )
    return None
