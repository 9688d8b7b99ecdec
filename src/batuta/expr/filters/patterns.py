"""Filters with regular expressions, all on RE2: linear time, no look-around and no back references."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from batuta.expr.catalogue import filter_
from batuta.expr.errors import EvaluationError
from batuta.expr.filters.text import map_texts, need_text
from batuta.expr.kinds import Array
from batuta.expr.printing import plain_text
from batuta.expr.run import Run

_MOST_PATTERN = 10_000
_MOST_MEMORY = 8 << 20
_REPLACEMENT = re.compile(r"\\(.?)|\$(?:\{([A-Za-z][A-Za-z0-9]*)\}|([0-9]+))|\$", re.DOTALL)


@lru_cache(maxsize=200)
def compiled(pattern: str) -> Any:
    """The compiled pattern.

    Raises:
        EvaluationError: it is not a pattern, or needs more than linear time.
    """
    import re2

    if len(pattern) > _MOST_PATTERN:
        raise EvaluationError(f"A pattern of more than {_MOST_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    try:
        return re2.compile(pattern.replace("\\Z", "\\z"), options)
    except (re2.error, ValueError) as error:
        raise EvaluationError(
            f"The regular expression is not accepted: {error.args[0] if error.args else error}",
            expected="RE2 syntax, without look-around and back references",
            seen=[pattern],
        ) from None


def replace_all(run: Run, text: str, pattern: Any, replacement: str) -> str:
    """Every match replaced; `$1` and `${name}` in the replacement are groups, `\\$` a dollar sign."""
    pieces: list[str] = []
    size = end = 0
    parts = _replacement_parts(replacement)
    for match in pattern.finditer(text):
        run.tick()
        pieces.append(text[end : match.start()])
        pieces.append("".join(part if isinstance(part, str) else part(match) for part in parts))
        size += len(pieces[-1]) + len(pieces[-2])
        run.fits(size)
        end = match.end()
    pieces.append(text[end:])
    return run.join(pieces)


def _replacement_parts(replacement: str) -> list[str | Callable[[Any], str]]:
    parts: list[str | Callable[[Any], str]] = []
    end = 0
    for found in _REPLACEMENT.finditer(replacement):
        parts.append(replacement[end : found.start()])
        end = found.end()
        if found[0][0] == "\\":
            if not found[1]:
                raise EvaluationError("The replacement ends with a backslash", seen=[replacement])
            parts.append(found[1])
        elif found[2]:
            parts.append(_named_group(found[2]))
        elif found[3]:
            parts.append(_numbered_group(found[3]))
        else:
            raise EvaluationError(
                "`$` in a replacement must name a group", expected="`$1` or `\\$`", seen=[replacement]
            )
    parts.append(replacement[end:])
    return [part for part in parts if part != ""]


def _named_group(name: str) -> Callable[[Any], str]:
    def group(match: Any) -> str:
        try:
            return match.group(name) or ""
        except (IndexError, KeyError):
            raise EvaluationError(f"The pattern has no group `{name}`") from None

    return group


def _numbered_group(digits: str) -> Callable[[Any], str]:
    def group(match: Any) -> str:
        # The longest number that is a group; what is left over is text.
        count = match.re.groups
        number, used = int(digits[0]), 1
        if number > count:
            raise EvaluationError(f"The pattern has no group {number}")
        while used < len(digits) and number * 10 + int(digits[used]) <= count:
            number, used = number * 10 + int(digits[used]), used + 1
        return (match.group(number) or "") + digits[used:]

    return group


@filter_("regexMatch", null=True)
def regex_match(value: Any, regex: Any) -> bool:
    """Whether the pattern is found anywhere in the text.

    {{ 'order-12345' | regexMatch('[0-9]+') }} -> true
    """
    return value is not None and compiled(plain_text(regex)).search(plain_text(value)) is not None


@filter_("regexReplace")
def regex_replace(run: Run, value: Any, regex: Any, replacement: Any) -> str:
    """Every match of the pattern replaced; `$1` is the first group.

    {{ 'aa1bb2' | regexReplace('([0-9])', '<$1>') }} -> aa<1>bb<2>
    """
    return replace_all(run, plain_text(value), compiled(plain_text(regex)), plain_text(replacement))


@filter_("regexExtract")
def regex_extract(value: Any, regex: Any, group: Any = 0) -> str | None:
    """The first match of the pattern, or one of its groups; null when there is none.

    {{ '2024-05-06' | regexExtract('([0-9]+)-([0-9]+)', 2) }} -> 05
    """
    pattern = compiled(plain_text(regex))
    if isinstance(group, bool) or not isinstance(group, int):
        raise EvaluationError("`group` of `regexExtract` must be an integer", seen=[group])
    match = pattern.search(plain_text(value))
    if match is None:
        return None
    if not 0 <= group <= pattern.groups:
        raise EvaluationError(f"The pattern has no group {group}")
    found: str | None = match.group(int(group))
    return found


@filter_("replace")
def replace(run: Run, value: Any, replace_pairs: Any, regexp: Any = False) -> Any:
    """Every key of the map replaced by its value, in order; keys are patterns when `regexp` is true.

    {{ 'I like tea' | replace({'tea': 'coffee'}) }} -> I like coffee
    """
    if not isinstance(replace_pairs, dict):
        raise EvaluationError("`replace_pairs` of `replace` must be a map", seen=[replace_pairs])
    pairs = [(plain_text(old), plain_text(new)) for old, new in replace_pairs.items()]

    def change(text: str) -> str:
        for old, new in pairs:
            if regexp is True:
                text = replace_all(run, text, compiled(old), new)
            elif old:
                if len(new) > len(old):
                    run.fits(len(text) + text.count(old) * (len(new) - len(old)))
                text = text.replace(old, new)
        return text

    return map_texts(value, change)


@filter_("split")
def split(run: Run, value: Any, delimiter: Any, limit: Any = 0) -> list[Any]:
    """The parts of the text between matches of `delimiter`, a pattern.

    Empty parts at the end are dropped unless `limit` is negative; a positive `limit` is the most parts.

    {{ 'a,b,c' | split(',') }} -> ["a","b","c"]
    """
    text, mark = need_text(value, "split"), plain_text(delimiter)
    most = 0 if limit is None else limit
    if isinstance(most, bool) or not isinstance(most, int):
        raise EvaluationError("`limit` of `split` must be an integer", seen=[limit])
    parts: list[str] = []
    end = 0
    for start, stop in _matches(text, mark):
        if most > 0 and len(parts) >= most - 1:
            break
        if stop == 0:
            continue
        run.tick()
        run.grow(1)
        parts.append(text[end:start])
        end = stop
    if not parts:
        return Array([text])
    parts.append(text[end:])
    if most == 0:
        while parts and not parts[-1]:
            parts.pop()
    return Array(parts)


def _matches(text: str, mark: str) -> Any:
    if not mark:
        yield from ((place, place) for place in range(len(text)))
        return
    if not re.search(r"[\\^$.|?*+()\[\]{}]", mark):
        start = text.find(mark)
        while start >= 0:
            yield start, start + len(mark)
            start = text.find(mark, start + len(mark))
        return
    for match in compiled(mark).finditer(text):
        # A match of nothing at the very end cuts nothing off.
        if match.end() > match.start() or match.start() < len(text):
            yield match.start(), match.end()
