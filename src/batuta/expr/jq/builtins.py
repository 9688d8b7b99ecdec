"""The environment in which jq programs begin: its functions in Python, and the prelude in jq itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from batuta.expr.errors import EvaluationError
from batuta.expr.jq.functions import containers, dates, keyed, numbers, patterns, streams, texts
from batuta.expr.jq.functions.registering import Functions
from batuta.expr.jq.machine import Environment
from batuta.expr.jq.parser import parse
from batuta.expr.jq.prelude import PRELUDE
from batuta.expr.run import Run

_THEMES = (streams, keyed, containers, texts, numbers, dates, patterns)
_REFUSED = ("input", "inputs", "debug", "stderr", "halt", "halt_error", "input_filename", "get_search_list")
"""What reaches out of the program."""


@lru_cache(maxsize=1)
def standard() -> Environment:
    """The environment in which programs begin."""
    own = Functions()
    own.simple("builtins", 0, lambda run, value: sorted(f"{name}/{arity}" for name, arity in home.functions))
    for name in _REFUSED:
        own.simple(name, 0, _refused(name))
    for theme in _THEMES:
        own.update(theme.FUNCTIONS)
    home = Environment({}, {**own})
    node = parse(PRELUDE)
    while node[0] == "def":
        home.functions[(node[1], len(node[2]))] = (node[2], node[3], home)
        node = node[4]
    return home


def _refused(name: str) -> Callable[..., Any]:
    def refuse(run: Run, value: Any) -> Any:
        raise EvaluationError(f"jq: `{name}` is not available here")

    return refuse
