"""A tree to closures: the third of the three steps from a template to a value.

Theory of operation: every node becomes one small Python function that takes the `Run`; a statement's function
also takes `write`. What can be decided when the template is compiled (constant keys, which names are ever
assigned, how arguments fit parameters) is decided then, so that rendering is a chain of plain calls. A
function that fails adds the offset of its node to the error; nothing is caught on the way that succeeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from batuta.expr import operators, tree
from batuta.expr.access import attribute, missing_variable, subscript
from batuta.expr.calls import compile_arguments, compile_call, compile_filter
from batuta.expr.errors import (
    EvaluationError,
    ExpressionError,
    UndefinedError,
    UndefinedOperandError,
    unknown_test,
)
from batuta.expr.kinds import Long
from batuta.expr.operators import TESTS
from batuta.expr.printing import plain_text
from batuta.expr.run import MISSING, Run
from batuta.expr.values import as_boolean, equal

Evaluate: TypeAlias = Callable[[Run], Any]


class Names:
    """What compiling one template must know of it: the names that `set`, `for` and macros assign anywhere."""

    def __init__(self, assigned: frozenset[str]) -> None:
        self.assigned = assigned


def compile_expression(node: tree.Expression, names: Names) -> Evaluate:
    """The function that evaluates `node`."""
    return _COMPILERS[type(node)](node, names)


def _literal(node: tree.Literal, names: Names) -> Evaluate:
    value = node.value
    return lambda run: value


def _too_big(node: tree.TooBig, names: Names) -> Evaluate:
    def fail(run: Run) -> Any:
        raise EvaluationError(f"`{node.digits}` needs more than 64 bits", offset=node.at)

    return fail


def _name(node: tree.Name, names: Names) -> Evaluate:
    return _whole(_owner(node, names))


def _attribute(node: tree.Attribute, names: Names) -> Evaluate:
    return _whole(_owner(node, names))


def _whole(access: Evaluate) -> Evaluate:
    """The value itself is used, not only a member of it: nothing inside may be in storage still."""

    def settle(run: Run) -> Any:
        value = access(run)
        return value if run.is_plain else run.settled(value)

    return settle


def _owner(node: tree.Expression, names: Names) -> Evaluate:
    """A value of which a member is used: what else is in it may stay in storage."""
    if isinstance(node, tree.Name):
        return _variable(node, names)
    if isinstance(node, tree.Attribute):
        return _member(node, names)
    return compile_expression(node, names)


def _variable(node: tree.Name, names: Names) -> Evaluate:
    name, at = node.name, node.at
    if name not in names.assigned:

        def from_context(run: Run) -> Any:
            try:
                value = run.names[name]
            except KeyError:
                raise missing_variable(run, name, at) from None
            return value if run.is_plain else run.current(value)

        return from_context

    def from_scope(run: Run) -> Any:
        value = run.locals.get(name, MISSING)
        if value is MISSING:
            try:
                value = run.names[name]
            except KeyError:
                raise missing_variable(run, name, at) from None
        return value if run.is_plain else run.current(value)

    return from_scope


def _member(node: tree.Attribute, names: Names) -> Evaluate:
    keys: list[tuple[str, int]] = []
    owner: tree.Expression = node
    # A run of constant keys becomes one function: `outputs.extract.uri`.
    while (
        isinstance(owner, tree.Attribute)
        and isinstance(owner.key, tree.Literal)
        and type(owner.key.value) is str
    ):
        keys.append((owner.key.value, owner.at))
        owner = owner.owner
    if not keys:
        return _subscript(node, names)
    keys.reverse()
    root = _owner(owner, names)
    path = tuple(key for key, _ in keys)
    places = tuple(at for _, at in keys)
    root_name = owner.name if isinstance(owner, tree.Name) else None

    def follow(run: Run) -> Any:
        value = root(run)
        for key in path:
            if type(value) is dict and key in value and run.is_plain:
                value = value[key]
            else:
                break
        else:
            return value
        return slowly(run, root(run))

    def slowly(run: Run, value: Any) -> Any:
        for index, key in enumerate(path):
            value = attribute(run, value, key, places[index], root_name, path[:index])
        return value

    return follow


def _subscript(node: tree.Attribute, names: Names) -> Evaluate:
    owner = _owner(node.owner, names)
    key = compile_expression(node.key, names)
    at = node.at
    owner_name = node.owner.name if isinstance(node.owner, tree.Name) else None

    def access(run: Run) -> Any:
        value = owner(run)
        wanted = key(run)
        if type(wanted) is str:
            return attribute(run, value, wanted, at, owner_name, ())
        try:
            return subscript(run, value, wanted, at, owner_name)
        except ExpressionError as error:
            raise error.locate(at) from None

    return access


def _unary(node: tree.Unary, names: Names) -> Evaluate:
    operand, at = compile_expression(node.operand, names), node.at
    if node.operator == "not":

        def not_(run: Run) -> Any:
            try:
                return not as_boolean(operand(run))
            except ExpressionError as error:
                raise error.locate(at) from None

        return not_
    apply = operators.negate if node.operator == "-" else operators.positive

    def signed(run: Run) -> Any:
        try:
            return apply(operand(run))
        except ExpressionError as error:
            raise error.locate(at) from None

    return signed


def _binary(node: tree.Binary, names: Names) -> Evaluate:
    left, right = compile_expression(node.left, names), compile_expression(node.right, names)
    sign, at = node.operator, node.at
    if sign in _COALESCING:
        return _COALESCING[sign](left, right)
    if sign in _LOGIC:
        return _LOGIC[sign](left, right, at)
    if sign in _ARITHMETIC:
        return _strict(_ARITHMETIC[sign], left, right, at)
    return _tolerant(_BINARY[sign], left, right, at)


def _strict(apply: Callable[[Run, Any, Any], Any], left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    """Operators that turn an undefined operand into a plain failure (expression spec §3, coalescing)."""

    def operate(run: Run) -> Any:
        try:
            return apply(run, left(run), right(run))
        except UndefinedError as error:
            raise error.becoming(UndefinedOperandError) from None
        except ExpressionError as error:
            raise error.locate(at) from None

    return operate


def _tolerant(apply: Callable[[Run, Any, Any], Any], left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    def operate(run: Run) -> Any:
        try:
            return apply(run, left(run), right(run))
        except ExpressionError as error:
            raise error.locate(at) from None

    return operate


def _add(run: Run, left: Any, right: Any) -> Any:
    if (type(left) is Long and type(right) is Long) or (type(left) is int and type(right) is Long):
        total = int(left) + int(right)
        if -(2**63) <= total < 2**63:
            return Long(total)
    return operators.add(run, left, right)


def _and(left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    def and_(run: Run) -> Any:
        try:
            return as_boolean(left(run)) and as_boolean(right(run))
        except ExpressionError as error:
            raise error.locate(at) from None

    return and_


def _or(left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    def or_(run: Run) -> Any:
        try:
            return as_boolean(left(run)) or as_boolean(right(run))
        except ExpressionError as error:
            raise error.locate(at) from None

    return or_


def _if_null(left: Evaluate, right: Evaluate) -> Evaluate:
    def coalesce(run: Run) -> Any:
        try:
            value = left(run)
        except UndefinedError:
            value = None
        return right(run) if value is None else value

    return coalesce


def _if_undefined(left: Evaluate, right: Evaluate) -> Evaluate:
    def coalesce(run: Run) -> Any:
        try:
            return left(run)
        except UndefinedError:
            return right(run)

    return coalesce


_COALESCING = {"??": _if_null, "???": _if_undefined}
_LOGIC = {"and": _and, "or": _or}
_ARITHMETIC: dict[str, Callable[[Run, Any, Any], Any]] = {
    "+": _add,
    "-": operators.subtract,
    "*": operators.multiply,
    "/": operators.divide,
    "%": operators.remainder,
    "==": lambda run, left, right: equal(left, right),
    "equals": lambda run, left, right: equal(left, right),
    "!=": lambda run, left, right: not equal(left, right),
}
_BINARY: dict[str, Callable[[Run, Any, Any], Any]] = {
    "<": lambda run, left, right: operators.less(left, right),
    ">": lambda run, left, right: operators.greater(left, right),
    "<=": lambda run, left, right: operators.at_most(left, right),
    ">=": lambda run, left, right: operators.at_least(left, right),
    "~": operators.concatenate,
    "..": operators.range_,
    "contains": lambda run, left, right: _searched(run, left) and operators.contains(left, right),
    "isIn": lambda run, left, right: _searched(run, right) and operators.is_in(left, right),
}


def _searched(run: Run, collection: Any) -> bool:
    """Count a search through a long collection as the work that it is. Always true."""
    if isinstance(collection, (list, dict)) and len(collection) > 1000:
        run.steps -= len(collection) // 64 * 64
        run.check()
    return True


def _ternary(node: tree.Ternary, names: Names) -> Evaluate:
    condition = compile_expression(node.condition, names)
    then, otherwise = compile_expression(node.then, names), compile_expression(node.otherwise, names)
    at = node.at

    def choose(run: Run) -> Any:
        value = condition(run)
        if value is True:
            return then(run)
        try:
            chosen = value is not None and as_boolean(value)
        except ExpressionError as error:
            raise error.locate(at) from None
        return then(run) if chosen else otherwise(run)

    return choose


def _list_literal(node: tree.ListLiteral, names: Names) -> Evaluate:
    items = [compile_expression(item, names) for item in node.items]
    return lambda run: [item(run) for item in items]


def _map_literal(node: tree.MapLiteral, names: Names) -> Evaluate:
    entries = [(compile_expression(k, names), compile_expression(v, names)) for k, v in node.entries]
    at = node.at

    def build(run: Run) -> Any:
        try:
            return {key(run): value(run) for key, value in entries}
        except TypeError as error:
            if "unhashable" not in str(error):
                raise
            raise EvaluationError("A list or a map cannot be a key", offset=at) from None

    return build


def _interpolation(node: tree.Interpolation, names: Names) -> Evaluate:
    parts = [compile_expression(part, names) for part in node.parts]
    if len(parts) == 1:
        return parts[0]

    def interpolate(run: Run) -> Any:
        return run.join([plain_text(part(run)) for part in parts])

    return interpolate


def _test(node: tree.Test, names: Names) -> Evaluate:
    subject, name, at, negated = compile_expression(node.subject, names), node.name, node.at, node.negated
    if name == "defined":

        def defined(run: Run) -> Any:
            try:
                found = subject(run) is not None
            except UndefinedError:
                found = False
            return found is not negated

        return defined
    test = TESTS.get(name)
    if test is None:

        def fail(run: Run) -> Any:
            raise unknown_test(name, [*TESTS, "defined"], at)

        return fail

    def ask(run: Run) -> Any:
        try:
            return test(subject(run)) is not negated
        except ExpressionError as error:
            raise error.locate(at) from None

    return ask


def _call(node: tree.Call, names: Names) -> Evaluate:
    arguments = compile_arguments(node.arguments, lambda item: compile_expression(item, names))
    return compile_call(node.name, arguments, node.at)


def _filter(node: tree.Filter, names: Names) -> Evaluate:
    arguments = compile_arguments(node.arguments, lambda item: compile_expression(item, names))
    return compile_filter(compile_expression(node.subject, names), node.name, arguments, node.at)


_COMPILERS: dict[type, Callable[[Any, Names], Evaluate]] = {
    tree.Literal: _literal,
    tree.TooBig: _too_big,
    tree.Name: _name,
    tree.Attribute: _attribute,
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.Ternary: _ternary,
    tree.ListLiteral: _list_literal,
    tree.MapLiteral: _map_literal,
    tree.Interpolation: _interpolation,
    tree.Test: _test,
    tree.Call: _call,
    tree.Filter: _filter,
}
