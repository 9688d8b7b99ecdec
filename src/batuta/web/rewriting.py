"""Replacing a text in the sources of many flows at once: first shown, then done (API spec §7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec

from batuta.errors import InvalidRequest
from batuta.flows.document import Unreadable
from batuta.flows.reader import ReadLimits, load

MOST_HITS = 1000
"""Most changed lines that are shown of one flow."""


class Scope(StrEnum):
    """In which part of a flow a text is looked for."""

    ALL = "ALL"
    TASKS = "TASKS"
    TRIGGERS = "TRIGGERS"
    INPUTS = "INPUTS"


_PARTS = {
    Scope.TASKS: ("tasks", "errors", "finally", "afterExecution", "listeners"),
    Scope.TRIGGERS: ("triggers",),
    Scope.INPUTS: ("inputs",),
}


class Pattern(msgspec.Struct, kw_only=True, rename="camel"):
    """What is looked for, and how."""

    query: str
    case_sensitive: bool = False
    whole_word: bool = False
    regex: bool = False

    def compiled(self) -> Any:
        """The pattern. Those of users run on a library whose time is linear.

        Raises:
            InvalidRequest: it is none.
        """
        import re2

        if not self.query:
            raise InvalidRequest("there is nothing to look for", where="query", mend="name a text")
        pattern = self.query if self.regex else re.escape(self.query)
        if self.whole_word:
            pattern = rf"\b(?:{pattern})\b"
        options = re2.Options()
        options.log_errors = False
        try:
            return re2.compile(pattern if self.case_sensitive else f"(?i){pattern}", options)
        except re2.error as error:
            raise InvalidRequest(f"`{self.query}` is not a pattern: {error}", where="query") from None


class Rewrite(Pattern, kw_only=True, rename="camel"):
    """A replacement, and where."""

    replacement: str
    namespace: str | None = None
    scope: Scope = Scope.ALL

    def template(self) -> str:
        """The replacement for the library: `$1` names a group of a regular expression, nothing else is
        special."""
        text = self.replacement.replace("\\", "\\\\")
        return re.sub(r"\$(\d)", r"\\\1", text) if self.regex else text


class Changed(msgspec.Struct, frozen=True):
    """One line, before and after."""

    line: int
    before: str
    after: str


def rewritten(source: str, rewrite: Rewrite) -> tuple[str, list[Changed]]:
    """The text with every hit replaced, and the lines that changed."""
    matching, template = rewrite.compiled(), rewrite.template()
    lines = source.splitlines(keepends=True)
    changed = []
    for at in _lines_of(source, rewrite.scope, len(lines)):
        after = _sub(matching, template, lines[at])
        if after != lines[at]:
            changed.append(Changed(at + 1, lines[at].rstrip("\r\n"), after.rstrip("\r\n")))
            lines[at] = after
    return "".join(lines), changed


def rewritten_once(source: str, rewrite: Rewrite, line: int, column: int | None) -> str:
    """The text with one hit replaced: the first one of a line, or the first one from a column on.

    Raises:
        InvalidRequest: there is none.
    """
    matching, template = rewrite.compiled(), rewrite.template()
    lines = source.splitlines(keepends=True)
    begin = max((column or 1) - 1, 0)
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    found = matching.search(text[begin:])
    if found is None:
        raise InvalidRequest(f"line {line} does not have `{rewrite.query}` any more", where="line")
    start, stop = begin + found.start(), begin + found.end()
    lines[line - 1] = text[:start] + _sub(matching, template, text[start:stop]) + text[stop:]
    return "".join(lines)


def _sub(matching: Any, template: str, text: str) -> str:
    try:
        result: str = matching.sub(template, text)
    except Exception as error:  # the library's own error for a group that does not exist
        raise InvalidRequest(f"the replacement cannot be made: {error}", where="replacement") from None
    return result


def _lines_of(source: str, scope: Scope, count: int) -> Iterator[int]:
    """The indexes of the lines that belong to a part of the flow."""
    if scope is Scope.ALL:
        yield from range(count)
        return
    try:
        keys = load(source, ReadLimits()).keys
    except Unreadable:
        return
    starts = sorted((mark.line - 1, str(path[0])) for path, mark in keys.items() if len(path) == 1)
    for place, (start, name) in enumerate(starts):
        stop = starts[place + 1][0] if place + 1 < len(starts) else count
        if name in _PARTS[scope]:
            yield from range(start, stop)
