"""The expression language: a text with `{{ }}` and `{% %}` in it, and names, to a text or a value.

The pipeline is `lexer`, `parser`, `evaluate` and `statements`; `template` is the door. Everything is pure:
outside values are asked for as facts, the instant and the zone are options, and a rendering has budgets.
"""

from __future__ import annotations

from batuta.expr import filters as _filters
from batuta.expr import functions as _functions
from batuta.expr.analyse import Reference, analyse, mistakes
from batuta.expr.errors import (
    ArgumentError,
    EvaluationError,
    ExpressionError,
    LimitError,
    TemplateSyntaxError,
    UndefinedError,
    UnknownNameError,
)
from batuta.expr.facts import Fact, Facts, MissingFact
from batuta.expr.limits import Limits, Options
from batuta.expr.template import Template, compile, evaluate, is_template, is_truthy_text, render, render_deep

__all__ = [
    "ArgumentError",
    "EvaluationError",
    "ExpressionError",
    "Fact",
    "Facts",
    "LimitError",
    "Limits",
    "MissingFact",
    "Options",
    "Reference",
    "Template",
    "TemplateSyntaxError",
    "UndefinedError",
    "UnknownNameError",
    "analyse",
    "compile",
    "evaluate",
    "is_template",
    "is_truthy_text",
    "mistakes",
    "render",
    "render_deep",
]

_REGISTERED = (_filters, _functions)
