"""jq text to a tree of tuples: the first item of a node names it.

Precedence, loosest first: `|`, `,`, `//`, assignments, `or`, `and`, comparisons, `+ -`, `* / %`.
"""

from __future__ import annotations

import re
from typing import Any

from batuta.expr.errors import EvaluationError

Node = tuple[Any, ...]
_MOST_NESTING = 100
_MOST_CHARACTERS = 20_000
_TOKEN = re.compile(
    r"""
      (?P<skip>\s+|\#[^\n]*)
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<format>@\w+)
    | (?P<variable>\$\s*(?:\w+::)*[A-Za-z_]\w*)
    | (?P<field>\.(?=[A-Za-z_])[A-Za-z_]\w*)
    | (?P<name>(?:[A-Za-z_]\w*::)*[A-Za-z_]\w*)
    | (?P<mark>\?//|//=|\|=|\+=|-=|\*=|/=|%=|==|!=|<=|>=|//|\.\.|[-+*/%=<>|,.:;()\[\]{}?])
    """,
    re.VERBOSE | re.ASCII,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"'}
_KEYWORDS = frozenset(
    "def if then elif else end as reduce foreach try catch label import include and or".split()  # noqa: SIM905
)
_ASSIGNMENTS = frozenset({"=", "|=", "+=", "-=", "*=", "/=", "%=", "//="})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


def parse(program: str) -> Node:
    """The tree of a program.

    Raises:
        EvaluationError: it does not parse.
    """
    if len(program) > _MOST_CHARACTERS:
        raise EvaluationError(f"A jq program of more than {_MOST_CHARACTERS} characters")
    parser = Parser(program)
    tree = parser.program()
    parser.finish()
    return tree


class Parser:
    """Reads one program; tokens are pairs of kind and value, texts are tokens with their parts."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._tokens: list[tuple[str, Any]] = []
        self._index = 0
        self._depth = 0
        end = self._scan(0, "")
        if end != len(program):
            raise self._failure("an unexpected `)`")
        self._tokens.append(("end", ""))

    # Tokens

    def _scan(self, at: int, close: str) -> int:
        """Tokens from `at` to the end, or to the bracket that closes an interpolation."""
        depth = 0
        text = self._program
        while at < len(text):
            if text[at] == '"':
                parts, at = self._text(at + 1)
                self._tokens.append(("text", parts))
                continue
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._failure(f"an unexpected `{text[at]}`")
            at = match.end()
            kind = match.lastgroup or ""
            if kind == "skip":
                continue
            if close and match[0] == "(":
                depth += 1
            elif close and match[0] == ")":
                if depth == 0:
                    return at
                depth -= 1
            self._tokens.append((kind, match[0]))
        if close:
            raise self._failure("a text that is not closed")
        return at

    def _text(self, at: int) -> tuple[list[Any], int]:
        """Parts of a text: literal text, or the tree of an interpolation."""
        parts: list[Any] = []
        literal = ""
        text = self._program
        while at < len(text):
            char = text[at]
            if char == '"':
                parts.append(literal)
                return parts, at + 1
            if char != "\\":
                literal += char
                at += 1
                continue
            escaped = text[at + 1 : at + 2]
            if escaped == "(":
                parts.append(literal)
                literal = ""
                inner = Parser.__new__(Parser)
                inner._program, inner._tokens, inner._index, inner._depth = text, [], 0, self._depth
                at = inner._scan(at + 2, ")")
                inner._tokens.append(("end", ""))
                parts.append(inner._pipe())
                inner.finish()
            elif escaped == "u":
                digits = text[at + 2 : at + 6]
                if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
                    raise self._failure("a wrong `\\u` in a text")
                literal += chr(int(digits, 16))
                at += 6
            elif escaped in _ESCAPES:
                literal += _ESCAPES[escaped]
                at += 2
            else:
                raise self._failure("a wrong escape in a text")
        raise self._failure("a text that is not closed")

    def _failure(self, what: str) -> EvaluationError:
        return EvaluationError(f"The jq program has {what}", seen=[self._program])

    def _peek(self) -> tuple[str, Any]:
        return self._tokens[self._index]

    def _next(self) -> tuple[str, Any]:
        token = self._tokens[self._index]
        if token[0] != "end":
            self._index += 1
        return token

    def _take(self, *values: str) -> str | None:
        kind, value = self._peek()
        if kind in ("mark", "name") and value in values:
            self._index += 1
            return str(value)
        return None

    def _expect(self, value: str) -> None:
        if self._take(value) is None:
            found = self._peek()[1]
            raise self._failure(f"{f'`{found}`' if found else 'its end'} where `{value}` is expected")

    def finish(self) -> None:
        """Refuse what is left over."""
        if self._peek()[0] != "end":
            raise self._failure(f"an unexpected `{self._peek()[1]}`")

    # Expressions

    def program(self) -> Node:
        """The whole program."""
        return self._pipe()

    def _pipe(self) -> Node:
        self._depth += 1
        if self._depth > _MOST_NESTING:
            raise self._failure("too many brackets inside each other")
        try:
            return self._pipe_inside()
        finally:
            self._depth -= 1

    def _pipe_inside(self) -> Node:
        if self._take("def"):
            name = self._next()
            parameters = []
            if self._take("("):
                while True:
                    parameters.append(self._next()[1].replace(" ", ""))
                    if not self._take(";"):
                        break
                self._expect(")")
            self._expect(":")
            body = self._pipe()
            self._expect(";")
            if name[0] != "name":
                raise self._failure("a `def` without a name")
            rest = ("identity",) if self._peek()[0] == "end" else self._pipe()
            return ("def", name[1], tuple(parameters), body, rest)
        if self._take("label"):
            name = self._next()
            self._expect("|")
            return ("label", name[1], self._pipe())
        left = self._comma()
        if self._take("as"):
            patterns = [self._pattern()]
            while self._take("?//"):
                patterns.append(self._pattern())
            self._expect("|")
            return ("as", left, tuple(patterns), self._pipe())
        if self._take("|"):
            return ("pipe", left, self._pipe())
        return left

    def _comma(self) -> Node:
        left = self._alternative()
        while self._take(","):
            left = ("comma", left, self._alternative())
        return left

    def _alternative(self) -> Node:
        left = self._assignment()
        return ("alternative", left, self._alternative()) if self._take("//") else left

    def _assignment(self) -> Node:
        left = self._or()
        kind, value = self._peek()
        if kind == "mark" and value in _ASSIGNMENTS:
            self._index += 1
            return ("assign", value, left, self._alternative())
        return left

    def _or(self) -> Node:
        left = self._and()
        while self._take("or"):
            left = ("or", left, self._and())
        return left

    def _and(self) -> Node:
        left = self._comparison()
        while self._take("and"):
            left = ("and", left, self._comparison())
        return left

    def _comparison(self) -> Node:
        left = self._sum()
        sign = self._take(*_COMPARISONS)
        return ("binary", sign, left, self._sum()) if sign else left

    def _sum(self) -> Node:
        left = self._product()
        while sign := self._take("+", "-"):
            left = ("binary", sign, left, self._product())
        return left

    def _product(self) -> Node:
        left = self._postfix()
        while sign := self._take("*", "/", "%"):
            left = ("binary", sign, left, self._postfix())
        return left

    def _postfix(self) -> Node:
        if self._take("-"):
            return ("negate", self._postfix())
        if self._take("reduce"):
            source, pattern = self._source()
            self._expect("(")
            first = self._pipe()
            self._expect(";")
            update = self._pipe()
            self._expect(")")
            return self._suffixes(("reduce", source, pattern, first, update))
        if self._take("foreach"):
            source, pattern = self._source()
            self._expect("(")
            first = self._pipe()
            self._expect(";")
            update = self._pipe()
            extract = self._pipe() if self._take(";") else ("identity",)
            self._expect(")")
            return self._suffixes(("foreach", source, pattern, first, update, extract))
        if self._take("try"):
            body = self._postfix()
            return ("try", body, self._postfix() if self._take("catch") else None)
        return self._suffixes(self._term())

    def _source(self) -> tuple[Node, Node]:
        source = self._postfix()
        self._expect("as")
        return source, self._pattern()

    def _suffixes(self, node: Node) -> Node:
        while True:
            kind, value = self._peek()
            if kind == "field":
                self._index += 1
                node = ("index", node, ("literal", value[1:]))
            elif kind == "mark" and value == "." and self._tokens[self._index + 1][0] == "text":
                self._index += 1
                node = ("index", node, self._format(None))
            elif kind == "mark" and value == "." and self._tokens[self._index + 1][1] == "[":
                self._index += 1
            elif kind == "mark" and value == "[":
                self._index += 1
                node = self._bracket(node)
            elif kind == "mark" and value == "?":
                self._index += 1
                node = ("try", node, None)
            else:
                return node

    def _bracket(self, node: Node) -> Node:
        if self._take("]"):
            return ("iterate", node)
        if self._take(":"):
            end = self._pipe()
            self._expect("]")
            return ("slice", node, None, end)
        start = self._pipe()
        if self._take(":"):
            last = None if self._peek()[1] == "]" else self._pipe()
            self._expect("]")
            return ("slice", node, start, last)
        self._expect("]")
        return ("index", node, start)

    def _format(self, name: str | None) -> Node:
        return ("text", name, tuple(self._next()[1]))

    def _term(self) -> Node:
        kind, value = self._next()
        if kind == "number":
            number = float(value)
            return ("literal", int(number) if number.is_integer() and abs(number) < 2**53 else number)
        if kind == "text":
            self._index -= 1
            return self._format(None)
        if kind == "format":
            return self._format(value) if self._peek()[0] == "text" else ("format", value)
        if kind == "field":
            return ("index", ("identity",), ("literal", value[1:]))
        if kind == "variable":
            return ("variable", value.replace(" ", ""))
        if kind == "mark":
            return self._marked(value)
        if kind == "name" and value == "if":
            return self._if()
        if kind == "name" and value == "break":
            return ("break", self._next()[1])
        if kind == "name" and value not in _KEYWORDS:
            return self._call(value)
        raise self._failure(f"an unexpected `{value}`" if value else "no value where one is expected")

    def _marked(self, value: str) -> Node:
        if value == "(":
            inner = self._pipe()
            self._expect(")")
            return inner
        if value == "[":
            if self._take("]"):
                return ("literal list",)
            inner = self._pipe()
            self._expect("]")
            return ("list", inner)
        if value == "{":
            return self._object()
        if value == "..":
            return ("call", "recurse", ())
        if value == ".":
            if self._peek()[0] == "text":
                return ("index", ("identity",), self._format(None))
            return ("identity",)
        raise self._failure(f"an unexpected `{value}`")

    def _call(self, name: str) -> Node:
        arguments = []
        if self._take("("):
            while True:
                arguments.append(self._pipe())
                if not self._take(";"):
                    break
            self._expect(")")
        return ("call", name, tuple(arguments))

    def _if(self) -> Node:
        condition = self._pipe()
        self._expect("then")
        then = self._pipe()
        if self._take("elif"):
            return ("if", condition, then, self._if())
        otherwise = self._pipe() if self._take("else") else ("identity",)
        self._expect("end")
        return ("if", condition, then, otherwise)

    def _object(self) -> Node:
        entries: list[tuple[Node, Node]] = []
        while not self._take("}"):
            if entries:
                self._expect(",")
            kind, value = self._next()
            key: Node
            default: Node | None = None
            if kind == "name":
                key = ("literal", value)
                default = ("index", ("identity",), key)
            elif kind == "variable":
                key, default = ("literal", value[1:]), ("variable", value)
            elif kind in ("text", "format"):
                name = value if kind == "format" else None
                if kind == "text":
                    self._index -= 1
                key = self._format(name)
                default = ("index", ("identity",), key)
            elif kind == "number":
                raise self._failure("a number as the key of an object")
            elif kind == "mark" and value == "(":
                key = self._pipe()
                self._expect(")")
            else:
                raise self._failure(f"an unexpected `{value}`")
            if self._take(":"):
                entries.append((key, self._object_value()))
            elif default is not None:
                entries.append((key, default))
            else:
                self._expect(":")
        return ("object", tuple(entries))

    def _object_value(self) -> Node:
        value = self._postfix()
        while self._take("|"):
            value = ("pipe", value, self._postfix())
        return value

    def _pattern(self) -> Node:
        kind, value = self._next()
        if kind == "variable":
            return ("variable", value.replace(" ", ""))
        if (kind, value) == ("mark", "["):
            items = [self._pattern()]
            while self._take(","):
                items.append(self._pattern())
            self._expect("]")
            return ("list", tuple(items))
        if (kind, value) == ("mark", "{"):
            entries = [self._pattern_entry()]
            while self._take(","):
                entries.append(self._pattern_entry())
            self._expect("}")
            return ("object", tuple(entries))
        raise self._failure(f"an unexpected `{value}`")

    def _pattern_entry(self) -> tuple[Node, str | None, Node | None]:
        kind, value = self._next()
        variable = None
        if kind == "variable":
            key: Node = ("literal", value[1:])
            variable = value
        elif kind == "name":
            key = ("literal", value)
        elif kind == "text":
            self._index -= 1
            key = self._format(None)
        elif (kind, value) == ("mark", "("):
            key = self._pipe()
            self._expect(")")
        else:
            raise self._failure(f"an unexpected `{value}`")
        inner = self._pattern() if self._take(":") else None
        return key, variable, inner
