"""The built-in functions of jq that are written in Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from batuta.expr.errors import EvaluationError, LimitError
from batuta.expr.jq import assignments, operators
from batuta.expr.jq.formats import FORMATS, to_text
from batuta.expr.jq.machine import (
    Environment,
    JqError,
    NoPath,
    Path,
    Stream,
    describe,
    evaluate,
    index,
    indices,
    iterate,
    number,
    order,
    prepare,
    same,
    truth,
    type_of,
    values,
)
from batuta.expr.jq.parser import Node, parse
from batuta.expr.jq.prelude import PRELUDE
from batuta.expr.kinds import is_number
from batuta.expr.parsing import parse_json
from batuta.expr.printing import json_text
from batuta.expr.run import Run

Arguments = tuple[Node, ...]
Builtin = Callable[[Run, Environment, Arguments, Any, Path], Stream]
_FUNCTIONS: dict[tuple[str, int], Any] = {}
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


@lru_cache(maxsize=1)
def standard() -> Environment:
    """The environment in which programs begin."""
    from batuta.expr.jq import dates, patterns

    home = Environment({}, {**_FUNCTIONS, **dates.FUNCTIONS, **patterns.FUNCTIONS})
    node = parse(PRELUDE)
    while node[0] == "def":
        home.functions[(node[1], len(node[2]))] = (node[2], node[3], home)
        node = node[4]
    return home


def simple(
    name: str, arity: int, apply: Callable[..., Any], table: dict[tuple[str, int], Any] | None = None
) -> None:
    """Register a function of the input and of every combination of its arguments' values."""

    def call(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
        for given in _combinations(run, env, arguments, value):
            yield apply(run, value, *given), None if path is None else (NoPath,)

    (_FUNCTIONS if table is None else table)[(name, arity)] = call


def _combinations(run: Run, env: Environment, arguments: Arguments, value: Any) -> Iterator[list[Any]]:
    if not arguments:
        yield []
        return
    for rest in _combinations(run, env, arguments[1:], value):
        for first in values(run, arguments[0], env, value):
            yield [first, *rest]


def _stream(name: str, arity: int) -> Callable[[Builtin], Builtin]:
    def register(body: Builtin) -> Builtin:
        _FUNCTIONS[(name, arity)] = body
        return body

    return register


# Streams and paths


@_stream("empty", 0)
def _empty(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    return iter(())


@_stream("recurse", 0)
def _recurse(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    pending = [(value, path)]
    while pending:
        run.tick()
        item, place = pending.pop()
        yield item, place
        if isinstance(item, (list, dict)):
            steps = [(inner, None if place is None else (*place, key)) for key, inner in iterate(item)]
            pending.extend(reversed(steps))


@_stream("recurse", 1)
def _recurse_by(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    pending: list[Stream] = [iter([(value, path)])]
    while pending:
        run.tick()
        try:
            item, place = next(pending[-1])
        except StopIteration:
            pending.pop()
            continue
        yield item, place
        pending.append(evaluate(run, arguments[0], env, item, place))
        if len(pending) > 100_000:
            raise LimitError("The jq program recurses too deeply")


@_stream("select", 1)
def _select(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for condition in values(run, arguments[0], env, value):
        if truth(condition):
            yield value, path


@_stream("path", 1)
def _path(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for found in assignments.paths_of(run, arguments[0], env, value):
        yield list(found), None if path is None else (NoPath,)


@_stream("getpath", 1)
def _getpath(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for wanted in values(run, arguments[0], env, value):
        if not isinstance(wanted, list):
            raise JqError("Path must be specified as an array")
        yield assignments.get_path(value, wanted), None if path is None else (*path, *wanted)


@_stream("range", 1)
def _range_to(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for end in values(run, arguments[0], env, value):
        yield from _counted(run, 0, end, 1)


@_stream("range", 2)
def _range_from(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for start in values(run, arguments[0], env, value):
        for end in values(run, arguments[1], env, value):
            yield from _counted(run, start, end, 1)


@_stream("range", 3)
def _range_by(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for start, end, step in _combinations(run, env, arguments, value):
        yield from _counted(run, start, end, step)


def _counted(run: Run, start: Any, end: Any, step: Any) -> Stream:
    if not (is_number(start) and is_number(end) and is_number(step)):
        raise JqError("Range bounds must be numeric")
    while (step > 0 and start < end) or (step < 0 and start > end) or (step == 0 and start < end):
        run.tick()
        yield start, None
        start = start + step


@_stream("limit", 2)
def _limit(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for most in values(run, arguments[0], env, value):
        left = most
        if not is_number(left) or left <= 0:
            continue
        for result in evaluate(run, arguments[1], env, value, path):
            yield result
            left -= 1
            if left <= 0:
                break


@_stream("first", 1)
def _first(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for result in evaluate(run, arguments[0], env, value, path):
        yield result
        return


@_stream("last", 1)
def _last(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    found = list(_ending(evaluate(run, arguments[0], env, value, path)))
    yield from found


def _ending(stream: Stream) -> Stream:
    last = None
    for last in stream:  # noqa: B007
        pass
    if last is not None:
        yield last


@_stream("nth", 2)
def _nth(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for place in values(run, arguments[0], env, value):
        if not is_number(place) or place < 0:
            raise JqError("Out of bounds negative array index")
        for at, result in enumerate(evaluate(run, arguments[1], env, value, path)):
            if at == place:
                yield result
                break


@_stream("isempty", 1)
def _isempty(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    yield next(values(run, arguments[0], env, value), run) is run, None


@_stream("while", 2)
def _while(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    condition, update = arguments
    pending: list[Iterator[Any]] = [iter([value])]
    while pending:
        run.tick()
        try:
            item = next(pending[-1])
        except StopIteration:
            pending.pop()
            continue
        if any(truth(found) for found in values(run, condition, env, item)):
            yield item, None
            pending.append(values(run, update, env, item))
            if len(pending) > 100_000:
                raise LimitError("The jq program recurses too deeply")


@_stream("until", 2)
def _until(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    condition, update = arguments
    while not any(truth(found) for found in values(run, condition, env, value)):
        run.tick()
        for following in values(run, update, env, value):
            value = following
            break
        else:
            return
    yield value, None


@_stream("repeat", 1)
def _repeat(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    while True:
        run.tick()
        yield value, None
        for following in values(run, arguments[0], env, value):
            value = following
            break
        else:
            return


@_stream("error", 0)
def _error(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    raise JqError(value)


@_stream("error", 1)
def _error_with(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for message in values(run, arguments[0], env, value):
        raise JqError(message)
    return iter(())


@_stream("any", 2)
def _any(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    found = any(
        truth(result)
        for item in values(run, arguments[0], env, value)
        for result in values(run, arguments[1], env, item)
    )
    yield found, None


@_stream("all", 2)
def _all(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    found = all(
        truth(result)
        for item in values(run, arguments[0], env, value)
        for result in values(run, arguments[1], env, item)
    )
    yield found, None


# By a key: every element is judged by the list of what the argument gives for it.


def _keyed(run: Run, env: Environment, node: Node, items: Any, name: str) -> list[tuple[Any, Any]]:
    if not isinstance(items, list):
        raise JqError(f"Cannot {name} {describe(items)}: it is not an array")
    return [(order(list(values(run, node, env, item))), item) for item in items]


def _by(name: str, choose: Callable[[list[tuple[Any, Any]]], Any]) -> None:
    def call(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
        yield choose(_keyed(run, env, arguments[0], value, name)), None

    _FUNCTIONS[(name, 1)] = call
    plain = name.removesuffix("_by")
    if plain != "group":
        identity: Arguments = (("identity",),)
        _FUNCTIONS[(plain, 0)] = lambda run, env, arguments, value, path: call(
            run, env, identity, value, path
        )


def _grouped(pairs: list[tuple[Any, Any]]) -> list[list[Any]]:
    groups: list[list[Any]] = []
    last: Any = None
    for key, item in sorted(pairs, key=lambda pair: pair[0]):
        if groups and key == last:
            groups[-1].append(item)
        else:
            groups.append([item])
            last = key
    return groups


def _extreme(pairs: list[tuple[Any, Any]], *, greatest: bool) -> Any:
    if not pairs:
        return None
    # Of equals, jq takes the last for the greatest and the first for the least.
    best = pairs[0]
    for pair in pairs[1:]:
        if pair[0] >= best[0] if greatest else pair[0] < best[0]:
            best = pair
    return best[1]


_by("sort_by", lambda pairs: [item for _, item in sorted(pairs, key=lambda pair: pair[0])])
_by("group_by", _grouped)
_by("unique_by", lambda pairs: [group[0] for group in _grouped(pairs)])
_by("min_by", lambda pairs: _extreme(pairs, greatest=False))
_by("max_by", lambda pairs: _extreme(pairs, greatest=True))


# Functions of values


def _length(run: Run, value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, bool):
        raise JqError(f"{describe(value)} has no length")
    return abs(value) if is_number(value) else len(value)


def _keys(run: Run, value: Any) -> list[Any]:
    if isinstance(value, dict):
        return sorted(value)
    if isinstance(value, list):
        return list(range(len(value)))
    raise JqError(f"{describe(value)} has no keys")


def _has(run: Run, value: Any, key: Any) -> bool:
    if isinstance(value, dict) and isinstance(key, str):
        return key in value
    if isinstance(value, list) and is_number(key):
        return bool(0 <= key < len(value))
    raise JqError(f"Cannot check whether {type_of(value)} has a {type_of(key)} key")


def _contains(run: Run, left: Any, right: Any) -> bool:
    run.tick()
    if isinstance(left, dict) and isinstance(right, dict):
        return all(key in left and _contains(run, left[key], item) for key, item in right.items())
    if isinstance(left, list) and isinstance(right, list):
        return all(
            any(_contains(run, item, wanted) for item in left if type_of(item) == type_of(wanted))
            for wanted in right
        )
    if isinstance(left, str) and isinstance(right, str):
        return right in left
    if type_of(left) == type_of(right):
        return same(left, right)
    raise JqError(f"{describe(left)} and {describe(right)} cannot have their containment checked")


def _add(run: Run, value: Any) -> Any:
    items = [item for _, item in iterate(value)]
    if items and all(isinstance(item, str) for item in items):
        run.fits(sum(map(len, items)))
        return "".join(items)
    if items and all(isinstance(item, list) for item in items):
        run.grow(sum(map(len, items)))
        return [inner for item in items for inner in item]
    total = None
    for item in items:
        run.tick()
        total = operators.add(run, total, item)
    return total


def _flatten(run: Run, value: Any, depth: Any = 1000) -> list[Any]:
    if not is_number(depth) or depth < 0:
        raise JqError("flatten depth must not be negative")
    result: list[Any] = []
    for _, item in iterate(value):
        run.grow(1)
        if isinstance(item, list) and depth > 0:
            result.extend(_flatten(run, item, depth - 1))
        else:
            result.append(item)
    return result


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise JqError(f"{describe(value)} {what}")
    return value


def _join(run: Run, value: Any, separator: Any) -> str:
    pieces = []
    for _, item in iterate(value):
        if isinstance(item, (list, dict)):
            raise JqError(f"{describe(item)} cannot be added to a string")
        pieces.append("" if item is None else to_text(item))
    mark = _text(separator, "cannot be a separator") if pieces else ""
    run.fits(sum(map(len, pieces)) + len(mark) * len(pieces))
    return mark.join(pieces)


def _tonumber(run: Run, value: Any) -> Any:
    if is_number(value):
        return value
    text = _text(value, "cannot be parsed as a number")
    try:
        found = parse_json(text.strip())
    except ValueError:
        found = None
    if not is_number(found):
        raise JqError(f"{describe(value)} cannot be parsed as a number")
    return found


def _fromjson(run: Run, value: Any) -> Any:
    text = _text(value, "cannot be parsed as JSON")
    try:
        return _with_nulls(parse_json(text))
    except ValueError as error:
        raise JqError(f"{error} (while parsing '{text[:40]}')") from None


def _with_nulls(value: Any) -> Any:
    return value if isinstance(value, (dict, list)) else prepare(value)


def _implode(run: Run, value: Any) -> str:
    codes = [code for _, code in iterate(value)]
    if not all(is_number(code) and 0 <= code < 0x110000 for code in codes):
        raise JqError("Unicode codepoint must be numeric")
    return "".join(chr(int(code)) for code in codes)


def _reverse(run: Run, value: Any) -> Any:
    if value is None:
        return []
    if not isinstance(value, list):
        raise JqError(f"Cannot reverse {describe(value)}")
    return value[::-1]


def _transpose(run: Run, value: Any) -> list[Any]:
    rows = [item for _, item in iterate(value)]
    if not all(isinstance(row, list) for row in rows):
        raise JqError(f"{describe(value)} has rows that are no arrays")
    width = max((len(row) for row in rows), default=0)
    run.grow(width * len(rows))
    return [[index(row, at) for row in rows] for at in range(width)]


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

    simple(name, 0, apply)


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


def _where(run: Run, value: Any, wanted: Any) -> Any:
    return None if value is None else indices(value, wanted)


def _refused(name: str) -> Callable[..., Any]:
    def refuse(run: Run, value: Any) -> Any:
        raise EvaluationError(f"jq: `{name}` is not available here")

    return refuse


def _is_number_that(test: Callable[[float], bool]) -> Callable[[Run, Any], bool]:
    def apply(run: Run, value: Any) -> bool:
        if not is_number(value):
            raise JqError(f"{describe(value)} number required")
        return test(value)

    return apply


simple("not", 0, lambda run, value: not truth(value))
simple("length", 0, _length)
simple(
    "utf8bytelength",
    0,
    lambda run, v: len(_text(v, "only strings have UTF-8 byte length").encode("utf-8", "replace")),
)
simple("keys", 0, _keys)
simple("keys_unsorted", 0, lambda run, value: list(value) if isinstance(value, dict) else _keys(run, value))
simple("has", 1, _has)
simple("contains", 1, _contains)
simple("add", 0, _add)
simple("flatten", 0, _flatten)
simple("flatten", 1, _flatten)
simple("type", 0, lambda run, value: type_of(value))
simple("tostring", 0, lambda run, value: to_text(value))
simple("tojson", 0, lambda run, value: json_text(value, keep_nulls=True))
simple("fromjson", 0, _fromjson)
simple("tonumber", 0, _tonumber)
simple("join", 1, _join)
simple(
    "split",
    1,
    lambda run, value, mark: operators.split_text(
        run, _text(value, "cannot be split"), _text(mark, "cannot split")
    ),
)
simple(
    "startswith",
    1,
    lambda run, v, x: _text(v, "startswith() requires string inputs").startswith(_text(x, "is no string")),
)
simple(
    "endswith",
    1,
    lambda run, v, x: _text(v, "endswith() requires string inputs").endswith(_text(x, "is no string")),
)
simple("explode", 0, lambda run, value: [ord(char) for char in _text(value, "cannot be exploded")])
simple("implode", 0, _implode)
simple("ascii_downcase", 0, lambda run, v: _text(v, "must be a string").translate(_LOWER))
simple("ascii_upcase", 0, lambda run, v: _text(v, "must be a string").translate(_UPPER))
simple("trim", 0, lambda run, v: _text(v, "cannot be trimmed").strip())
simple("ltrim", 0, lambda run, v: _text(v, "cannot be trimmed").lstrip())
simple("rtrim", 0, lambda run, v: _text(v, "cannot be trimmed").rstrip())
simple("reverse", 0, _reverse)
simple("transpose", 0, _transpose)
simple("indices", 1, _where)
simple("index", 1, lambda run, value, wanted: next(iter(_where(run, value, wanted) or []), None))
simple("rindex", 1, lambda run, value, wanted: next(iter((_where(run, value, wanted) or [])[::-1]), None))
simple("setpath", 2, lambda run, value, path, new: assignments.set_path(run, value, path, new))
simple("delpaths", 1, lambda run, value, paths: assignments.delete_paths(run, value, list(paths)))
simple("infinite", 0, lambda run, value: math.inf)
simple("nan", 0, lambda run, value: math.nan)
simple("null", 0, lambda run, value: None)
simple("true", 0, lambda run, value: True)
simple("false", 0, lambda run, value: False)
simple("isinfinite", 0, _is_number_that(lambda value: math.isinf(value)))
simple("isnan", 0, _is_number_that(lambda value: value != value))
simple("isnormal", 0, _is_number_that(lambda value: math.isfinite(value) and value != 0))
simple("pow", 2, _two(math.pow))
simple("atan2", 2, _two(math.atan2))
simple("fmod", 2, _two(math.fmod))
simple("fmin", 2, _two(min))
simple("fmax", 2, _two(max))
simple("format", 1, lambda run, value, name: _formatted(value, name))
simple("builtins", 0, lambda run, value: sorted(f"{name}/{arity}" for name, arity in standard().functions))
for _name in (
    "input",
    "inputs",
    "debug",
    "stderr",
    "halt",
    "halt_error",
    "input_filename",
    "get_search_list",
):
    simple(_name, 0, _refused(_name))
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


def _formatted(value: Any, name: Any) -> str:
    write = FORMATS.get(f"@{name}")
    if write is None:
        raise JqError(f"{name} is not a valid format")
    return write(value)
