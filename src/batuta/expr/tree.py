"""The nodes of a template, as the parser makes them and `compile` and `analyse` read them.

Plain tuples with names: a node has no behaviour. `at` is the offset in the template, in characters.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias


class Literal(NamedTuple):
    """A number, text, boolean or null."""

    value: Any
    at: int


class TooBig(NamedTuple):
    """An integer of more than 64 bits: the template parses, evaluating it fails."""

    digits: str
    at: int


class Name(NamedTuple):
    """A variable."""

    name: str
    at: int


class Attribute(NamedTuple):
    """`owner.key` (key is a literal) or `owner[key]`."""

    owner: Expression
    key: Expression
    at: int
    dotted: bool


class Unary(NamedTuple):
    """`not x`, `+x`, `-x`."""

    operator: str
    operand: Expression
    at: int


class Binary(NamedTuple):
    """Two operands and an operator of the table in `parser`, filters and tests apart."""

    operator: str
    left: Expression
    right: Expression
    at: int


class Ternary(NamedTuple):
    """`condition ? then : otherwise`."""

    condition: Expression
    then: Expression
    otherwise: Expression
    at: int


class ListLiteral(NamedTuple):
    """`[a, b]`."""

    items: tuple[Expression, ...]
    at: int


class MapLiteral(NamedTuple):
    """`{key: value}`; keys are expressions."""

    entries: tuple[tuple[Expression, Expression], ...]
    at: int


class Interpolation(NamedTuple):
    """A double-quoted text with `#{...}` in it; literal parts are `Literal` nodes."""

    parts: tuple[Expression, ...]
    at: int


class Arguments(NamedTuple):
    """What stands between the parentheses of a call."""

    positional: tuple[Expression, ...]
    named: tuple[tuple[str, Expression], ...]


class Call(NamedTuple):
    """`name(arguments)`: a built-in function or a macro."""

    name: str
    arguments: Arguments
    at: int


class Filter(NamedTuple):
    """`subject | name(arguments)`."""

    subject: Expression
    name: str
    arguments: Arguments
    at: int


class Test(NamedTuple):
    """`subject is name(arguments)`, or `is not`."""

    subject: Expression
    name: str
    arguments: Arguments
    negated: bool
    at: int


class Text(NamedTuple):
    """Text between the tags. Raw blocks keep their wrapper until the very end (expression spec §2)."""

    text: str
    at: int


class Print(NamedTuple):
    """`{{ expression }}`."""

    expression: Expression
    at: int


class If(NamedTuple):
    """`branches` are pairs of condition and body, tried in order."""

    branches: tuple[tuple[Expression, Body], ...]
    otherwise: Body | None
    at: int


class For(NamedTuple):
    """`{% for name in iterable %}`."""

    name: str
    iterable: Expression
    body: Body
    otherwise: Body | None
    at: int


class Set(NamedTuple):
    """`{% set name = value %}`."""

    name: str
    value: Expression
    at: int


class Macro(NamedTuple):
    """`parameters` are pairs of name and default, None for no default."""

    name: str
    parameters: tuple[tuple[str, Expression | None], ...]
    body: Body
    at: int


class Block(NamedTuple):
    """`{% block name %}`."""

    name: str
    body: Body
    at: int


class FilterTag(NamedTuple):
    """`{% filter f1 | f2 %}`; `filters` in the order in which they apply."""

    filters: tuple[tuple[str, Arguments, int], ...]
    body: Body
    at: int


Expression: TypeAlias = (
    Literal
    | TooBig
    | Name
    | Attribute
    | Unary
    | Binary
    | Ternary
    | ListLiteral
    | MapLiteral
    | Interpolation
    | Call
    | Filter
    | Test
)
Statement: TypeAlias = Text | Print | If | For | Set | Macro | Block | FilterTag
Body: TypeAlias = tuple[Any, ...]
"""Statements in order. Not spelled out: the type checker does not come to an end over recursive tuples."""
