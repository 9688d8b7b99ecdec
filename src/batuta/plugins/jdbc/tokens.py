"""SQL text as tokens: where statements end, where parameters stand (plugins spec C1.2).

Knows as much of each database's lexical rules as it takes to tell code from what is quoted or commented.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from enum import Enum
from typing import NamedTuple

import msgspec


class Kind(Enum):
    """What a token is."""

    END = "end"
    """A semicolon."""
    COMMENT = "comment"
    QUOTED = "quoted"
    WORD = "word"
    PARAMETER = "parameter"
    """`:name`"""
    MARK = "mark"
    """A question mark."""
    OTHER = "other"


class Token(NamedTuple):
    """A piece of the text; all tokens together are the text."""

    kind: Kind
    text: str


class Dialect(msgspec.Struct, frozen=True):
    """Lexical rules of a database."""

    backslashes: bool = False
    """A backslash escapes within quotes."""
    dollars: bool = False
    """`$$ ... $$` and `$tag$ ... $tag$` quote."""
    escape_strings: bool = False
    """`E'...'` has backslash escapes."""
    backticks: bool = False
    brackets: bool = False
    """`[...]` quotes a name; elsewhere it is an index of an array."""
    hash_comments: bool = False
    nested_comments: bool = False


POSTGRESQL = Dialect(dollars=True, escape_strings=True, nested_comments=True)
MYSQL = Dialect(backslashes=True, backticks=True, hash_comments=True)
SQLITE = Dialect(backticks=True, brackets=True)

_ROUTINES = frozenset({"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"})
_LOOPS = frozenset({"IF", "LOOP", "WHILE", "REPEAT", "FOR"})
_HEAD = 8
"""Among the first so many words a CREATE says what it creates."""
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_patterns: dict[Dialect, re.Pattern[str]] = {}


def tokens(sql: str, dialect: Dialect) -> Iterator[Token]:
    """The tokens of a text. What is left open at the end extends to the end."""
    pattern = _patterns.get(dialect) or _patterns.setdefault(dialect, _pattern(dialect))
    at = 0
    while at < len(sql):
        match = pattern.match(sql, at)
        if match is None:
            yield Token(Kind.OTHER, sql[at])
            at += 1
            continue
        name = match.lastgroup or "other"
        end = _comment_end(sql, at, nested=dialect.nested_comments) if name == "block" else match.end()
        yield Token(_KINDS[name], sql[at:end])
        at = end


_KINDS = {
    "block": Kind.COMMENT,
    "comment": Kind.COMMENT,
    "dollar": Kind.QUOTED,
    "quoted": Kind.QUOTED,
    "end": Kind.END,
    "parameter": Kind.PARAMETER,
    "mark": Kind.MARK,
    "word": Kind.WORD,
    "other": Kind.OTHER,
}


def _pattern(dialect: Dialect) -> re.Pattern[str]:
    escaped = r"\\.|" if dialect.backslashes else ""
    plain = r"\\" if dialect.backslashes else ""
    quoted = [
        rf"'(?:[^'{plain}]+|{escaped}'')*(?:'|\Z)",
        rf'"(?:[^"{plain}]+|{escaped}"")*(?:"|\Z)',
    ]
    if dialect.escape_strings:
        quoted.insert(0, r"[eE]'(?:[^'\\]+|\\.|'')*(?:'|\Z)")
    if dialect.backticks:
        quoted.append(r"`(?:[^`]|``)*(?:`|\Z)")
    if dialect.brackets:
        quoted.append(r"\[[^\]]*(?:\]|\Z)")
    line = r"--(?=\s|\Z)[^\n]*|#[^\n]*" if dialect.hash_comments else r"--[^\n]*"
    parts = [
        r"(?P<block>/\*)",
        rf"(?P<comment>{line})",
        rf"(?P<quoted>{'|'.join(quoted)})",
        r"(?P<end>;)",
        r"(?P<cast>::)",
        r"(?P<parameter>:\w+)",
        r"(?P<mark>\?)",
        r"(?P<word>[^\W\d][\w$]*)",
        r"(?P<other>\d[\w.]*|[^\w\s'\"`\[#/;:?$-]+|\s+)",
    ]
    if dialect.dollars:
        parts.insert(2, r"(?P<dollar>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z))")
    joined = "|".join(parts).replace("(?P<cast>::)", "::")
    return re.compile(joined, re.DOTALL)


def _comment_end(sql: str, at: int, *, nested: bool) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, at):
        if edge[0] == "*/":
            depth -= 1
            if depth == 0:
                return edge.end()
        elif nested or depth == 0:
            depth += 1
    return len(sql)


def split(sql: str, dialect: Dialect) -> list[str]:
    """The statements of a text, without the semicolons between them. Comments stay with their statement."""
    found: list[str] = []
    pieces: list[str] = []
    nesting = _Nesting()
    has_code = False
    for token in tokens(sql, dialect):
        if token.kind is Kind.WORD:
            nesting.see(token.text)
        if token.kind is Kind.END and not nesting.depth:
            if has_code:
                found.append("".join(pieces).strip())
            pieces, nesting, has_code = [], _Nesting(), False
            continue
        if token.kind is Kind.END:
            nesting.end_statement()
        pieces.append(token.text)
        has_code = has_code or (token.kind is not Kind.COMMENT and not token.text.isspace())
    if has_code:
        found.append("".join(pieces).strip())
    return found


class _Nesting:
    """How deep within `BEGIN ... END` of a routine the words of a statement are."""

    def __init__(self) -> None:
        self.depth = 0
        self._first = ""
        self._words = 0
        self._is_routine = False
        self._previous = ""

    def see(self, word: str) -> None:
        """Take the next word."""
        word = word.upper()
        self._words += 1
        if self._words == 1:
            self._first = word
        elif self._first in ("CREATE", "ALTER") and self._words <= _HEAD and word in _ROUTINES:
            self._is_routine = True
        if self._first == "BEGIN" and self._words == 2 and word == "NOT":
            # MariaDB's compound statement outside of a routine.
            self._is_routine, self.depth = True, 1
        elif self._is_routine:
            self._nest(word)
        self._previous = word

    def end_statement(self) -> None:
        """A semicolon within a routine."""
        self._previous = ""

    def _nest(self, word: str) -> None:
        if word == "END":
            self.depth = max(0, self.depth - 1)
        elif self._previous == "END" and (word in _LOOPS or word == "CASE"):
            # `END IF` ends no block, and its END has been taken for one; `END CASE` did end a CASE.
            self.depth += word in _LOOPS
        elif word in ("BEGIN", "CASE"):
            self.depth += 1


def with_parameters(
    sql: str, dialect: Dialect, names: Container[str], mark: Callable[[str], str], *, percent: str = "%"
) -> str:
    """The text with the driver's mark in place of each `:name` that has a value.

    `percent` is what a percent sign becomes, for drivers to which it means something.
    """
    return "".join(
        mark(token.text[1:])
        if token.kind is Kind.PARAMETER and token.text[1:] in names
        else token.text.replace("%", percent)
        for token in tokens(sql, dialect)
    )


def with_places(sql: str, dialect: Dialect, mark: Callable[[int], str], *, percent: str = "%") -> str:
    """The text with the driver's mark in place of each question mark; they count from 1."""
    count = 0
    pieces = []
    for token in tokens(sql, dialect):
        if token.kind is Kind.MARK:
            count += 1
            pieces.append(mark(count))
        else:
            pieces.append(token.text.replace("%", percent))
    return "".join(pieces)


_CONTROL = re.compile(r"(?:BEGIN|START\s+TRANSACTION|COMMIT|ROLLBACK|END|ABORT)\b", re.IGNORECASE)


def controls_transaction(statement: str, dialect: Dialect) -> bool:
    """The statement begins or ends a transaction."""
    code = "".join(token.text for token in tokens(statement, dialect) if token.kind is not Kind.COMMENT)
    return _CONTROL.match(code.lstrip()) is not None
