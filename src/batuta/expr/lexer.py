"""Text to tokens: the first of the three steps from a template to a value.

A template alternates between text and code. In text only `{{`, `{%` and `{#` matter; in code every token is
matched by one pattern, the longest operator first. Trimming, comments, `raw` and `verbatim` are dealt with
here, so the parser sees text, code and nothing else.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from batuta.expr.errors import TemplateSyntaxError

_OPEN = re.compile(r"\{[{%#]")
_RAW = re.compile(r"\{%-*\s*raw\s*-*%\}(.*?)\{%-*\s*endraw\s*-*%\}", re.DOTALL)
_VERBATIM = re.compile(r"\{%(-?)\s*verbatim\s*-?%\}")
_END_VERBATIM = re.compile(r"\{%(-?)\s*endverbatim\s*(-?)%\}")
_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(
    r"""
      (?P<close>-?(?:\}\}|%\}))
    | (?P<number>\d+(?:\.\d+|L)?)
    | (?P<operator>\?\?\?|\?\?|==|!=|<=|>=|\.\.
        |is\s+not(?!\w)|(?:equals|contains|isIn|is|and|or|not)(?!\w)|[-+*/%~|<>])
    | (?P<name>[^\W\d]\w*)
    | (?P<mark>[()\[\]{}.,:?=])
    """,
    re.VERBOSE,
)
_SINGLE = re.compile(r"'(.*?)(?<!\\)'", re.DOTALL)
_DOUBLE_PART = re.compile(r'(.*?)(?:(?<!\\)(")|(\#\{))', re.DOTALL)
_ASCII_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+|L)?")

TEXT, PRINT, PRINT_END, TAG, TAG_END = "text", "print", "print end", "tag", "tag end"
NUMBER, STRING, NAME, OPERATOR, MARK = "number", "string", "name", "operator", "mark"
INTERPOLATION, INTERPOLATION_END, END = "interpolation", "interpolation end", "end"


class Token(NamedTuple):
    """`kind` is one of the constants above; `at` is the offset in the template."""

    kind: str
    value: str
    at: int


def tokens(template: str) -> list[Token]:
    """All tokens of `template`, with an `END` at the end.

    Raises:
        TemplateSyntaxError: a delimiter, comment or text is not closed, or a character belongs to no token.
    """
    return _Lexer(template).run()


def strip_raw(text: str) -> str:
    """Remove the wrappers of raw blocks: the last act of the outermost rendering (expression spec §2)."""
    if "{%" in text and "endraw" in text:
        return _RAW.sub(lambda match: match[1], text)
    return text


class _Lexer:
    def __init__(self, template: str) -> None:
        self._text = template
        self._out: list[Token] = []
        self._at = 0
        self._trims_next = False

    def run(self) -> list[Token]:
        text, size = self._text, len(self._text)
        while self._at < size:
            found = _OPEN.search(text, self._at)
            if found is None:
                self._add_text(size)
                break
            start = found.start()
            self._add_text(start)
            self._at = start
            if text[start + 1] == "#":
                self._comment()
            elif text[start + 1] == "{":
                self._open(PRINT)
                self._code("}}", PRINT_END)
            elif not self._raw() and not self._verbatim():
                self._open(TAG)
                self._code("%}", TAG_END)
        self._out.append(Token(END, "", size))
        return self._out

    def _add_text(self, end: int) -> None:
        text, at = self._text[self._at : end], self._at
        if self._trims_next:
            text = text.lstrip()
            self._trims_next = False
        if text:
            self._out.append(Token(TEXT, text, at))
        self._at = end

    def _trim_previous(self) -> None:
        """Trim the text before the tag, if text it is."""
        if self._out and self._out[-1].kind == TEXT and not _RAW.fullmatch(self._out[-1].value):
            last = self._out.pop()
            text = last.value.rstrip()
            if text:
                self._out.append(last._replace(value=text))

    def _open(self, kind: str) -> None:
        start = self._at
        self._at += 2
        if self._dash_then_space():
            self._trim_previous()
            self._at += 1
        self._out.append(Token(kind, "", start))

    def _dash_then_space(self) -> bool:
        # A dash that touches what follows is a minus sign: `{{-x}}`.
        text, at = self._text, self._at
        return text[at : at + 1] == "-" and text[at + 1 : at + 2].isspace()

    def _comment(self) -> None:
        start = self._at
        end = self._text.find("#}", start + 2)
        if end < 0:
            raise TemplateSyntaxError("Unclosed comment", offset=start, expected="`#}`")
        self._at += 2
        if self._dash_then_space():
            self._trim_previous()
        self._trims_next = end > start + 2 and self._text[end - 1] == "-"
        self._at = end + 2

    def _raw(self) -> bool:
        match = _RAW.match(self._text, self._at)
        if match is None:
            return False
        self._out.append(Token(TEXT, match[0], self._at))
        self._at = match.end()
        return True

    def _verbatim(self) -> bool:
        start = _VERBATIM.match(self._text, self._at)
        if start is None:
            return False
        end = _END_VERBATIM.search(self._text, start.end())
        if end is None:
            raise TemplateSyntaxError(
                "Unclosed verbatim block", offset=self._at, expected="`{% endverbatim %}`"
            )
        if start[1]:
            self._trim_previous()
        content = self._text[start.end() : end.start()].lstrip()
        if end[1]:
            content = content.rstrip()
        if content:
            self._out.append(Token(TEXT, content, start.end()))
        self._trims_next = bool(end[2])
        self._at = end.end()
        return True

    def _code(self, close: str, end_kind: str) -> None:
        """Tokens up to `close`, which is `}}`, `%}` or, inside a text, `}`."""
        text, out = self._text, self._out
        opened = self._out[-1].at
        depth = 0
        while True:
            at = self._at = _SPACE.match(text, self._at).end()  # type: ignore[union-attr]
            char = text[at : at + 1]
            if not char:
                raise TemplateSyntaxError("Unclosed delimiter", offset=opened, expected=f"`{close}`")
            if char == "'" or char == '"':
                self._string(char)
                continue
            if char == "}":
                if depth:
                    depth -= 1
                    out.append(Token(MARK, "}", at))
                    self._at += 1
                    continue
                if close == "}":
                    out.append(Token(end_kind, "}", at))
                    self._at += 1
                    return
            match = _TOKEN.match(text, at)
            if match is None:
                raise TemplateSyntaxError(f"Unexpected character `{char}`", offset=at)
            kind = match.lastgroup or ""
            value = match[0]
            if kind == "close":
                if depth == 0 and value.endswith(close):
                    out.append(Token(end_kind, value, at))
                    self._trims_next = value[0] == "-"
                    self._at = match.end()
                    return
                # The other kind of closing: its first character is an operator, as in `{{ 7 %}`.
                if value[0] == "}":
                    raise TemplateSyntaxError(f"Unexpected `{value}`", offset=at, expected=f"`{close}`")
                kind, value, self._at = OPERATOR, value[0], at + 1
            else:
                self._at = match.end()
            if value == "{":
                depth += 1
            elif kind == NUMBER and not _ASCII_NUMBER.fullmatch(value):
                raise TemplateSyntaxError(f"`{value}` is not a number", offset=at)
            elif kind == OPERATOR and value[0] == "i" and len(value) > 4 and value[-1] == "t":
                value = "is not"
            out.append(Token(kind, value, at))

    def _string(self, quote: str) -> None:
        at = self._at
        if quote == "'":
            match = _SINGLE.match(self._text, at)
            if match is None:
                raise TemplateSyntaxError("Unclosed text", offset=at, expected="`'`")
            self._out.append(Token(STRING, match[1].replace("\\'", "'"), at))
            self._at = match.end()
            return
        self._double_quoted(at)

    def _double_quoted(self, at: int) -> None:
        parts_start = len(self._out)
        position = at + 1
        interpolated = False
        while True:
            match = _DOUBLE_PART.match(self._text, position)
            if match is None:
                raise TemplateSyntaxError("Unclosed text", offset=at, expected='`"`')
            if match[2]:
                if interpolated:
                    if match[1]:
                        self._out.append(Token(STRING, match[1], position))
                    self._out.append(Token(INTERPOLATION_END, "", match.start(2)))
                else:
                    self._out.append(Token(STRING, match[1].replace('\\"', '"'), at))
                self._at = match.end()
                return
            if not interpolated:
                interpolated = True
                self._out.insert(parts_start, Token(INTERPOLATION, "", at))
            if match[1]:
                self._out.append(Token(STRING, match[1], position))
            self._out.append(Token(MARK, "#{", match.start(3)))
            self._at = match.end()
            self._code("}", MARK)
            position = self._at
