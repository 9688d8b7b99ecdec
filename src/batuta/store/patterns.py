"""Regular expressions of users, on RE2: their time grows with the text and nothing else."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options=options)


def check_pattern(pattern: str) -> str:
    """The pattern.

    Raises:
        ValueError: it is not a regular expression of RE2.
    """
    import re2

    try:
        _compiled(pattern)
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else error
        raise ValueError(f"`{pattern}` is not a regular expression: {reason}") from error
    return pattern


def regexp(pattern: str, value: str | None) -> bool:
    """`value REGEXP pattern`: the pattern occurs somewhere in the value."""
    return value is not None and _compiled(pattern).search(value) is not None
