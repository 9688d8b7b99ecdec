"""The evaluator of jq: a tree, a value and perhaps its path, to a stream of values and paths.

Everything is a generator of pairs `(value, path)`; the path is None unless somebody asked for paths (`path`,
`del`, assignments). A step is counted for every node, so that endless programs end with the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from batuta.expr.jq.data import (
    JqError,
    cut,
    describe,
    index,
    iterate,
    truth,
    type_of,
)
from batuta.expr.jq.parser import Node
from batuta.expr.kinds import is_number
from batuta.expr.run import Run

Path = tuple[Any, ...] | None
Stream = Iterator[tuple[Any, Path]]


class BreakError(Exception):
    """`break` on its way to its label."""

    def __init__(self, label: object) -> None:
        super().__init__()
        self.label = label


class Environment:
    """Variables and functions in sight. A function is `(parameters, body, environment)`, an argument
    `(None, node, environment)`, a built-in a Python function."""

    __slots__ = ("functions", "variables")

    def __init__(self, variables: dict[str, Any], functions: dict[tuple[str, int], Any]) -> None:
        self.variables = variables
        self.functions = functions

    def with_variables(self, more: dict[str, Any]) -> Environment:
        """This environment and some variables."""
        return Environment({**self.variables, **more}, self.functions)


def evaluate(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    """What `node` gives for `value`."""
    run.steps -= 1
    if not run.steps & 63:
        run.check()
    return _NODES[node[0]](run, node, env, value, path)


def values(run: Run, node: Node, env: Environment, value: Any) -> Iterator[Any]:
    """What `node` gives for `value`, without paths."""
    for result, _ in evaluate(run, node, env, value, None):
        yield result


def _identity(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    yield value, path


def _literal(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    yield node[1], _no_path(path)


def _no_path(path: Path) -> Path:
    # A value that is not part of the input has no path; using it as one fails later.
    return None if path is None else (NoPath,)


class NoPath:
    """Marks a value that did not come from the input."""


def _literal_list(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    yield [], _no_path(path)


def _pipe(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for middle, place in evaluate(run, node[1], env, value, path):
        yield from evaluate(run, node[2], env, middle, place)


def _comma(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    yield from evaluate(run, node[1], env, value, path)
    yield from evaluate(run, node[2], env, value, path)


def _index(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for owner, place in evaluate(run, node[1], env, value, path):
        for key in values(run, node[2], env, value):
            yield index(owner, key), _step(place, key)


def _step(path: Path, key: Any) -> Path:
    if path is None:
        return None
    if path and path[0] is NoPath:
        raise JqError("Invalid path expression")
    return (*path, key)


def _slice(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for owner, place in evaluate(run, node[1], env, value, path):
        for end in values(run, node[3], env, value) if node[3] else [None]:
            for start in values(run, node[2], env, value) if node[2] else [None]:
                yield cut(owner, start, end), _step(place, {"start": start, "end": end})


def _iterate(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for owner, place in evaluate(run, node[1], env, value, path):
        for key, item in iterate(owner):
            run.steps -= 1
            yield item, _step(place, key)


def _list(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    items = []
    for item in values(run, node[1], env, value):
        run.grow(1)
        items.append(item)
    yield items, _no_path(path)


def _object(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for result in _objects(run, node[1], env, value, len(node[1])):
        yield result, _no_path(path)


def _objects(run: Run, entries: Any, env: Environment, value: Any, count: int) -> Iterator[dict[str, Any]]:
    # The first entry varies fastest.
    if count == 0:
        yield {}
        return
    key_node, value_node = entries[count - 1]
    for key in values(run, key_node, env, value):
        if not isinstance(key, str):
            raise JqError(f"Object keys must be strings, not {describe(key)}")
        for item in values(run, value_node, env, value):
            for rest in _objects(run, entries, env, value, count - 1):
                run.grow(1)
                yield {**rest, key: item}


def _negate(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for operand in values(run, node[1], env, value):
        if not is_number(operand):
            raise JqError(f"{describe(operand)} cannot be negated")
        yield -operand, _no_path(path)


def _binary(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    from batuta.expr.jq.operators import BINARY

    apply = BINARY[node[1]]
    for right in values(run, node[3], env, value):
        for left in values(run, node[2], env, value):
            yield apply(run, left, right), _no_path(path)


def _and(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for left in values(run, node[1], env, value):
        if not truth(left):
            yield False, _no_path(path)
        else:
            for right in values(run, node[2], env, value):
                yield truth(right), _no_path(path)


def _or(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for left in values(run, node[1], env, value):
        if truth(left):
            yield True, _no_path(path)
        else:
            for right in values(run, node[2], env, value):
                yield truth(right), _no_path(path)


def _alternative(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    found = False
    for result, place in evaluate(run, node[1], env, value, path):
        if truth(result):
            found = True
            yield result, place
    if not found:
        yield from evaluate(run, node[2], env, value, path)


def _if(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for condition in values(run, node[1], env, value):
        yield from evaluate(run, node[2] if truth(condition) else node[3], env, value, path)


def _try(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    try:
        yield from evaluate(run, node[1], env, value, path)
    except JqError as error:
        if isinstance(error.value, dict) and error.value.get("__jq") is not None:
            return
        if node[2] is not None:
            yield from evaluate(run, node[2], env, error.value, _no_path(path))


def _variable(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    name = node[1]
    if name not in env.variables:
        if name == "$__loc__":
            yield {"file": "<top-level>", "line": 1}, _no_path(path)
            return
        raise JqError(f"{name} is not defined")
    yield env.variables[name], _no_path(path)


def _as(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    patterns = node[2]
    every: dict[str, Any] = {name: None for pattern in patterns for name in _pattern_names(pattern)}
    for source in values(run, node[1], env, value):
        for number_, pattern in enumerate(patterns):
            try:
                for bound in bind(run, pattern, env, source):
                    yield from evaluate(run, node[3], env.with_variables({**every, **bound}), value, path)
                break
            except JqError:
                if number_ == len(patterns) - 1:
                    raise


def _pattern_names(pattern: Any) -> Iterator[str]:
    if pattern[0] == "variable":
        yield pattern[1]
    elif pattern[0] == "list":
        for item in pattern[1]:
            yield from _pattern_names(item)
    else:
        for _, variable, inner in pattern[1]:
            if variable:
                yield variable
            if inner:
                yield from _pattern_names(inner)


def bind(run: Run, pattern: Any, env: Environment, value: Any) -> Iterator[dict[str, Any]]:
    """The variables that a pattern takes out of a value."""
    if pattern[0] == "variable":
        yield {pattern[1]: value}
        return
    pieces: list[Callable[[], Iterator[dict[str, Any]]]] = []
    if pattern[0] == "list":
        if value is not None and not isinstance(value, list):
            raise JqError(f"Cannot index {type_of(value)} with number")
        for at, inner in enumerate(pattern[1]):
            pieces.append(lambda inner=inner, at=at: bind(run, inner, env, index(value, at)))  # type: ignore[misc]
    else:
        for entry in pattern[1]:
            pieces.append(lambda entry=entry: _bind_entry(run, entry, env, value))  # type: ignore[misc]
    yield from _product(pieces, 0)


def _bind_entry(run: Run, entry: Any, env: Environment, value: Any) -> Iterator[dict[str, Any]]:
    key_node, variable, inner = entry
    for key in values(run, key_node, env, value):
        found = index(value, key)
        first = {variable: found} if variable else {}
        for rest in bind(run, inner, env, found) if inner else [{}]:
            yield {**first, **rest}


def _product(pieces: list[Callable[[], Iterator[dict[str, Any]]]], at: int) -> Iterator[dict[str, Any]]:
    if at == len(pieces):
        yield {}
        return
    for first in pieces[at]():
        for rest in _product(pieces, at + 1):
            yield {**first, **rest}


def _reduce(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for state in values(run, node[3], env, value):
        for source in values(run, node[1], env, value):
            for bound in bind(run, node[2], env, source):
                last = None
                for last in values(run, node[4], env.with_variables(bound), state):  # noqa: B007
                    pass
                state = last
        yield state, _no_path(path)


def _foreach(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for state in values(run, node[3], env, value):
        for source in values(run, node[1], env, value):
            for bound in bind(run, node[2], env, source):
                inner = env.with_variables(bound)
                for update in values(run, node[4], inner, state):
                    state = update
                    for result in values(run, node[5], inner, update):
                        yield result, _no_path(path)


def _def(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    inner = Environment(env.variables, dict(env.functions))
    inner.functions[(node[1], len(node[2]))] = (node[2], node[3], inner)
    yield from evaluate(run, node[4], inner, value, path)


def _label(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    label = object()
    try:
        yield from evaluate(run, node[2], env.with_variables({"*" + node[1]: label}), value, path)
    except BreakError as error:
        if error.label is not label:
            raise


def _break(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    label = env.variables.get("*" + node[1])
    if label is None:
        raise JqError(f"*label-{node[1][1:]} is not defined")
    raise BreakError(label)


def _call(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    name, arguments = node[1], node[2]
    found = env.functions.get((name, len(arguments)))
    if found is None:
        raise JqError(f"{name}/{len(arguments)} is not defined")
    if callable(found):
        yield from found(run, env, arguments, value, path)
        return
    parameters, body, home = found
    if parameters is None:
        yield from evaluate(run, body, home, value, path)
        return
    if not arguments:
        yield from evaluate(run, body, home, value, path)
        return
    functions = dict(home.functions)
    plain = []
    for parameter, argument in zip(parameters, arguments, strict=True):
        closure = (None, argument, env)
        functions[(parameter.lstrip("$"), 0)] = closure
        if parameter.startswith("$"):
            plain.append((parameter, argument))
    yield from _with_arguments(run, body, Environment(home.variables, functions), env, plain, value, path)


def _with_arguments(
    run: Run, body: Node, inner: Environment, env: Environment, plain: Any, value: Any, path: Path
) -> Stream:
    if not plain:
        yield from evaluate(run, body, inner, value, path)
        return
    (name, argument), *rest = plain
    for given in values(run, argument, env, value):
        yield from _with_arguments(run, body, inner.with_variables({name: given}), env, rest, value, path)


def _text(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    for result in _texts(run, node[1], node[2], env, value, len(node[2])):
        yield result, _no_path(path)


def _texts(run: Run, name: str | None, parts: Any, env: Environment, value: Any, count: int) -> Iterator[str]:
    from batuta.expr.jq.formats import apply_format

    if count == 0:
        yield ""
        return
    part = parts[count - 1]
    for piece in [part] if isinstance(part, str) else values(run, part, env, value):
        shown = piece if isinstance(part, str) else apply_format(name or "@text", piece)
        for before in _texts(run, name, parts, env, value, count - 1):
            run.fits(len(before) + len(shown))
            yield before + shown


def _format(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    from batuta.expr.jq.formats import apply_format

    yield apply_format(node[1], value), _no_path(path)


def _assign(run: Run, node: Node, env: Environment, value: Any, path: Path) -> Stream:
    from batuta.expr.jq.assignments import assign

    for result in assign(run, node, env, value):
        yield result, _no_path(path)


_NODES: dict[str, Callable[[Run, Node, Environment, Any, Path], Stream]] = {
    "identity": _identity,
    "literal": _literal,
    "literal list": _literal_list,
    "pipe": _pipe,
    "comma": _comma,
    "index": _index,
    "slice": _slice,
    "iterate": _iterate,
    "list": _list,
    "object": _object,
    "negate": _negate,
    "binary": _binary,
    "and": _and,
    "or": _or,
    "alternative": _alternative,
    "if": _if,
    "try": _try,
    "variable": _variable,
    "as": _as,
    "reduce": _reduce,
    "foreach": _foreach,
    "def": _def,
    "label": _label,
    "break": _break,
    "call": _call,
    "text": _text,
    "format": _format,
    "assign": _assign,
}


def real_path(path: Path) -> tuple[Any, ...]:
    """A path that was asked for; refuses one of a value that is not part of the input."""
    if path is None or (path and path[0] is NoPath):
        raise JqError("Invalid path expression")
    return path
