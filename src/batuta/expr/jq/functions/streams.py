"""Functions of streams and paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batuta.expr.errors import LimitError
from batuta.expr.jq import assignments
from batuta.expr.jq.data import JqError, iterate, truth
from batuta.expr.jq.functions.registering import Arguments, Functions, combinations
from batuta.expr.jq.machine import Environment, NoPath, Path, Stream, evaluate, values
from batuta.expr.kinds import is_number
from batuta.expr.run import Run

FUNCTIONS = Functions()


@FUNCTIONS.stream("empty", 0)
def _empty(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    return iter(())


@FUNCTIONS.stream("recurse", 0)
def _recurse(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    pending = [(value, path)]
    while pending:
        run.tick()
        item, place = pending.pop()
        yield item, place
        if isinstance(item, (list, dict)):
            steps = [(inner, None if place is None else (*place, key)) for key, inner in iterate(item)]
            pending.extend(reversed(steps))


@FUNCTIONS.stream("recurse", 1)
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


@FUNCTIONS.stream("select", 1)
def _select(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for condition in values(run, arguments[0], env, value):
        if truth(condition):
            yield value, path


@FUNCTIONS.stream("path", 1)
def _path(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for found in assignments.paths_of(run, arguments[0], env, value):
        yield list(found), None if path is None else (NoPath,)


@FUNCTIONS.stream("getpath", 1)
def _getpath(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for wanted in values(run, arguments[0], env, value):
        if not isinstance(wanted, list):
            raise JqError("Path must be specified as an array")
        yield assignments.get_path(value, wanted), None if path is None else (*path, *wanted)


@FUNCTIONS.stream("range", 1)
def _range_to(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for end in values(run, arguments[0], env, value):
        yield from _counted(run, 0, end, 1)


@FUNCTIONS.stream("range", 2)
def _range_from(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for start in values(run, arguments[0], env, value):
        for end in values(run, arguments[1], env, value):
            yield from _counted(run, start, end, 1)


@FUNCTIONS.stream("range", 3)
def _range_by(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for start, end, step in combinations(run, env, arguments, value):
        yield from _counted(run, start, end, step)


def _counted(run: Run, start: Any, end: Any, step: Any) -> Stream:
    if not (is_number(start) and is_number(end) and is_number(step)):
        raise JqError("Range bounds must be numeric")
    while (step > 0 and start < end) or (step < 0 and start > end) or (step == 0 and start < end):
        run.tick()
        yield start, None
        start = start + step


@FUNCTIONS.stream("limit", 2)
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


@FUNCTIONS.stream("first", 1)
def _first(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for result in evaluate(run, arguments[0], env, value, path):
        yield result
        return


@FUNCTIONS.stream("last", 1)
def _last(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    found = list(_ending(evaluate(run, arguments[0], env, value, path)))
    yield from found


def _ending(stream: Stream) -> Stream:
    last = None
    for last in stream:  # noqa: B007
        pass
    if last is not None:
        yield last


@FUNCTIONS.stream("nth", 2)
def _nth(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for place in values(run, arguments[0], env, value):
        if not is_number(place) or place < 0:
            raise JqError("Out of bounds negative array index")
        for at, result in enumerate(evaluate(run, arguments[1], env, value, path)):
            if at == place:
                yield result
                break


@FUNCTIONS.stream("isempty", 1)
def _isempty(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    yield next(values(run, arguments[0], env, value), run) is run, None


@FUNCTIONS.stream("while", 2)
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


@FUNCTIONS.stream("until", 2)
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


@FUNCTIONS.stream("repeat", 1)
def _repeat(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    while True:
        run.tick()
        yield value, None
        for following in values(run, arguments[0], env, value):
            value = following
            break
        else:
            return


@FUNCTIONS.stream("error", 0)
def _error(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    raise JqError(value)


@FUNCTIONS.stream("error", 1)
def _error_with(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    for message in values(run, arguments[0], env, value):
        raise JqError(message)
    return iter(())


@FUNCTIONS.stream("any", 2)
def _any(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    found = any(
        truth(result)
        for item in values(run, arguments[0], env, value)
        for result in values(run, arguments[1], env, item)
    )
    yield found, None


@FUNCTIONS.stream("all", 2)
def _all(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
    found = all(
        truth(result)
        for item in values(run, arguments[0], env, value)
        for result in values(run, arguments[1], env, item)
    )
    yield found, None
