"""jq functions with regular expressions, on RE2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batuta.expr.errors import EvaluationError
from batuta.expr.filters.patterns import compiled
from batuta.expr.jq.data import JqError, describe
from batuta.expr.jq.functions.registering import Functions
from batuta.expr.jq.machine import Environment, Path, Stream, values
from batuta.expr.jq.parser import Node
from batuta.expr.run import Run

FUNCTIONS = Functions()
_FLAGS = {"i": "i", "x": "", "s": "s", "n": "", "l": "", "p": "s", "g": ""}


def _pattern(regex: Any, flags: Any) -> tuple[Any, bool]:
    """The compiled pattern, and whether all matches are wanted."""
    if isinstance(regex, list):
        regex, flags = regex[0] if regex else None, regex[1] if len(regex) > 1 else flags
    flags = flags or ""
    if not isinstance(regex, str) or not isinstance(flags, str):
        raise JqError(f"{describe(regex)} cannot be matched, as it is not a string")
    unknown = [flag for flag in flags if flag not in _FLAGS]
    if unknown:
        raise JqError(f"{flags} is not a valid modifier string")
    letters = "".join(sorted({_FLAGS[flag] for flag in flags} - {""}))
    try:
        return compiled(f"(?{letters}){regex}" if letters else regex), "g" in flags
    except EvaluationError as error:
        raise JqError(error.message) from None


def _matches(run: Run, text: Any, regex: Any, flags: Any) -> Iterator[Any]:
    if not isinstance(text, str):
        raise JqError(f"{describe(text)} cannot be matched, as it is not a string")
    pattern, every = _pattern(regex, flags)
    for match in pattern.finditer(text):
        run.tick()
        yield match
        if not every:
            return


def _described(match: Any) -> dict[str, Any]:
    names = {number: name for name, number in match.re.groupindex.items()}
    captures = []
    for number in range(1, match.re.groups + 1):
        text = match.group(number)
        captures.append(
            {
                "offset": match.start(number),
                "length": 0 if text is None else len(text),
                "string": text,
                "name": names.get(number),
            }
        )
    text = match.group(0)
    return {"offset": match.start(), "length": len(text), "string": text, "captures": captures}


def _test(run: Run, env: Environment, arguments: tuple[Node, ...], value: Any, path: Path) -> Stream:
    for flags in values(run, arguments[1], env, value):
        for regex in values(run, arguments[0], env, value):
            yield next(_matches(run, value, regex, flags), None) is not None, None


def _match(run: Run, env: Environment, arguments: tuple[Node, ...], value: Any, path: Path) -> Stream:
    for flags in values(run, arguments[1], env, value):
        for regex in values(run, arguments[0], env, value):
            for match in _matches(run, value, regex, flags):
                yield _described(match), None


def _split(run: Run, env: Environment, arguments: tuple[Node, ...], value: Any, path: Path) -> Stream:
    for flags in values(run, arguments[1], env, value):
        for regex in values(run, arguments[0], env, value):
            parts, end = [], 0
            for match in _matches(run, value, regex, (flags or "") + "g"):
                parts.append(value[end : match.start()])
                end = match.end()
            yield [*parts, value[end:]], None


def _sub(run: Run, env: Environment, arguments: tuple[Node, ...], value: Any, path: Path) -> Stream:
    for flags in values(run, arguments[2], env, value):
        for regex in values(run, arguments[0], env, value):
            pieces, end = [], 0
            for match in _matches(run, value, regex, flags):
                captures = {capture["name"]: capture["string"] for capture in _described(match)["captures"]}
                captures.pop(None, None)
                text = next(values(run, arguments[1], env, captures), "")
                if not isinstance(text, str):
                    raise JqError(f"{describe(text)} cannot be added to a string")
                pieces += [value[end : match.start()], text]
                end = match.end()
                run.fits(sum(map(len, pieces[-2:])) + end)
            pieces.append(value[end:])
            yield run.join(pieces), None


FUNCTIONS[("test", 2)] = _test
FUNCTIONS[("match", 2)] = _match
FUNCTIONS[("split", 2)] = _split
FUNCTIONS[("sub", 3)] = _sub
