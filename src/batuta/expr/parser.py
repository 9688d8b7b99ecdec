"""Tokens to a tree: the second of the three steps from a template to a value.

Theory of operation: expressions are read by precedence climbing. `_binary(least)` reads an operand, then
takes operators of the table below as long as they bind at least as tightly as `least`; the right operand of a
level is read one level higher, which makes everything associate to the left. Tags are read by one method
each, found by name in `_TAGS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from batuta.expr import lexer, tree
from batuta.expr.errors import LimitError, TemplateSyntaxError
from batuta.expr.kinds import Long
from batuta.expr.lexer import Token
from batuta.nearness import nearest

UNARY = 500
FILTER = 100
PRECEDENCE = {
    "..": 120,
    "~": 110,
    "|": FILTER,
    "*": 60,
    "/": 60,
    "%": 60,
    "+": 40,
    "-": 40,
    "==": 30,
    "equals": 30,
    "!=": 30,
    "<": 30,
    ">": 30,
    "<=": 30,
    ">=": 30,
    "??": 30,
    "???": 30,
    "isIn": 30,
    "is": 20,
    "is not": 20,
    "contains": 20,
    "and": 15,
    "or": 10,
}
"""How tightly each binary operator binds (expression spec §3, the levels of 2.0)."""

CONSTANTS = {
    "true": True,
    "TRUE": True,
    "false": False,
    "FALSE": False,
    "null": None,
    "NULL": None,
    "none": None,
    "NONE": None,
}
RESERVED = frozenset({"true", "false", "null", "none"})
_MOST_NESTING = 100
_LONG_MAX = 2**63 - 1
_NO_ARGUMENTS = tree.Arguments((), ())


def parse(template: str) -> tree.Body:
    """The tree of `template`.

    Raises:
        TemplateSyntaxError: it does not parse.
        LimitError: brackets or tags are nested too deeply.
    """
    return _Parser(lexer.tokens(template)).template()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0

    def template(self) -> tree.Body:
        body = self._body(())
        if self._peek().kind != lexer.END:
            raise self._unexpected(self._peek())
        return body

    # Statements

    def _body(self, ends: tuple[str, ...]) -> tree.Body:
        """Statements up to a tag named in `ends` (left for the caller) or to the end of the template."""
        self._enter()
        statements: list[tree.Statement] = []
        while True:
            token = self._peek()
            if token.kind == lexer.TEXT:
                self._index += 1
                statements.append(tree.Text(token.value, token.at))
            elif token.kind == lexer.PRINT:
                self._index += 1
                expression = self._expression()
                self._expect(lexer.PRINT_END, "`}}`")
                statements.append(tree.Print(expression, token.at))
            elif token.kind == lexer.TAG:
                name = self._tokens[self._index + 1]
                if name.kind == lexer.NAME and name.value in ends:
                    break
                self._index += 1
                statements.append(self._tag(token))
            else:
                break
        self._depth -= 1
        return tuple(statements)

    def _tag(self, opening: Token) -> tree.Statement:
        name = self._next()
        reader = self._TAGS.get(name.value) if name.kind == lexer.NAME else None
        if reader is None:
            raise TemplateSyntaxError(
                f"Unexpected tag `{name.value}`",
                offset=name.at,
                expected=", ".join(f"`{tag}`" for tag in sorted(self._TAGS)),
                near=nearest(name.value, self._TAGS) if name.kind == lexer.NAME else None,
            )
        return reader(self, opening.at)

    def _close_tag(self) -> None:
        self._expect(lexer.TAG_END, "`%}`")

    def _end(self, name: str, opened_at: int) -> str:
        """Read `{% name`; the caller reads what follows. A tag that is still open is reported here."""
        token = self._peek()
        if token.kind != lexer.TAG:
            raise TemplateSyntaxError("Unclosed tag", offset=opened_at, expected=f"`{{% {name} %}}`")
        self._index += 1
        return self._next().value

    def _if(self, at: int) -> tree.Statement:
        branches: list[tuple[tree.Expression, tree.Body]] = []
        otherwise: tree.Body | None = None
        condition = self._expression()
        self._close_tag()
        body = self._body(("elseif", "else", "endif"))
        while True:
            end = self._end("endif", at)
            branches.append((condition, body))
            if end == "elseif":
                condition = self._expression()
                self._close_tag()
                body = self._body(("elseif", "else", "endif"))
                continue
            if end == "else":
                self._close_tag()
                otherwise = self._body(("endif",))
                self._end("endif", at)
            self._close_tag()
            return tree.If(tuple(branches), otherwise, at)

    def _for(self, at: int) -> tree.Statement:
        name = self._variable_name()
        word = self._next()
        if word.value != "in":
            raise TemplateSyntaxError(f"Unexpected `{word.value}`", offset=word.at, expected="`in`")
        iterable = self._expression()
        self._close_tag()
        body = self._body(("else", "endfor"))
        otherwise = None
        if self._end("endfor", at) == "else":
            self._close_tag()
            otherwise = self._body(("endfor",))
            self._end("endfor", at)
        self._close_tag()
        return tree.For(name, iterable, body, otherwise, at)

    def _set(self, at: int) -> tree.Statement:
        name = self._variable_name()
        self._expect_mark("=")
        value = self._expression()
        self._close_tag()
        return tree.Set(name, value, at)

    def _macro(self, at: int) -> tree.Statement:
        name = self._expect(lexer.NAME, "a name").value
        self._expect_mark("(")
        parameters: list[tuple[str, tree.Expression | None]] = []
        while not self._take_mark(")"):
            if parameters:
                self._expect_mark(",")
            parameter = self._variable_name()
            default = self._expression() if self._take_mark("=") else None
            parameters.append((parameter, default))
        self._close_tag()
        body = self._body(("endmacro",))
        self._end("endmacro", at)
        self._close_tag()
        return tree.Macro(name, tuple(parameters), body, at)

    def _block(self, at: int) -> tree.Statement:
        token = self._next()
        if token.kind not in (lexer.NAME, lexer.STRING):
            raise self._unexpected(token, "the name of the block")
        self._close_tag()
        body = self._body(("endblock",))
        self._end("endblock", at)
        if self._peek().kind in (lexer.NAME, lexer.STRING):
            self._index += 1
        self._close_tag()
        return tree.Block(token.value, body, at)

    def _filter_tag(self, at: int) -> tree.Statement:
        filters = []
        while True:
            name = self._expect(lexer.NAME, "the name of a filter")
            filters.append((name.value, self._optional_arguments(), name.at))
            if not self._take(lexer.OPERATOR, "|"):
                break
        self._close_tag()
        body = self._body(("endfilter",))
        self._end("endfilter", at)
        self._close_tag()
        return tree.FilterTag(tuple(filters), body, at)

    _TAGS: ClassVar[dict[str, Callable[[_Parser, int], tree.Statement]]] = {
        "if": _if,
        "for": _for,
        "set": _set,
        "macro": _macro,
        "block": _block,
        "filter": _filter_tag,
    }

    # Expressions

    def _expression(self) -> tree.Expression:
        """An expression with its ternary."""
        condition = self._binary(0)
        token = self._peek()
        if token.kind != lexer.MARK or token.value != "?":
            return condition
        self._enter()
        self._index += 1
        then = self._expression()
        self._expect_mark(":")
        otherwise = self._expression()
        self._depth -= 1
        return tree.Ternary(condition, then, otherwise, token.at)

    def _binary(self, least: int) -> tree.Expression:
        self._enter()
        left = self._operand()
        while True:
            token = self._peek()
            if token.kind != lexer.OPERATOR:
                break
            level = PRECEDENCE.get(token.value)
            if level is None or level < least:
                break
            self._index += 1
            if level == FILTER:
                name = self._expect(lexer.NAME, "the name of a filter")
                left = tree.Filter(left, name.value, self._optional_arguments(), name.at)
            elif token.value in ("is", "is not"):
                name = self._expect(lexer.NAME, "the name of a test")
                arguments = self._optional_arguments()
                left = tree.Test(left, name.value, arguments, token.value == "is not", name.at)
            else:
                left = tree.Binary(token.value, left, self._binary(level + 1), token.at)
        self._depth -= 1
        return left

    def _operand(self) -> tree.Expression:
        token = self._next()
        if token.kind == lexer.OPERATOR and token.value in ("not", "-", "+"):
            return tree.Unary(token.value, self._binary(UNARY), token.at)
        if token.kind == lexer.MARK:
            if token.value == "(":
                inner = self._expression()
                self._expect_mark(")")
                return self._postfix(inner)
            # Nothing may follow these two directly: `[1, 2][0]` is refused (expression spec §2).
            if token.value == "[":
                return tree.ListLiteral(tuple(self._items("]")), token.at)
            if token.value == "{":
                return self._map(token.at)
        if token.kind == lexer.NAME:
            return self._postfix(self._name(token))
        if token.kind == lexer.NUMBER:
            return self._postfix(_number(token))
        if token.kind == lexer.STRING:
            return self._postfix(tree.Literal(token.value, token.at))
        if token.kind == lexer.INTERPOLATION:
            return self._postfix(self._interpolation(token.at))
        raise self._unexpected(token, "a value")

    def _name(self, token: Token) -> tree.Expression:
        if token.value in CONSTANTS:
            return tree.Literal(CONSTANTS[token.value], token.at)
        if self._take_mark("("):
            return tree.Call(token.value, self._arguments(), token.at)
        return tree.Name(token.value, token.at)

    def _postfix(self, node: tree.Expression) -> tree.Expression:
        links = 0
        while True:
            token = self._peek()
            if token.kind != lexer.MARK:
                return node
            links += 1
            if links > 3 * _MOST_NESTING:
                raise LimitError("Too many accesses in a row", offset=token.at)
            if token.value == ".":
                self._index += 1
                name = self._next()
                if not (
                    name.kind == lexer.NAME or (name.kind == lexer.OPERATOR and name.value.isidentifier())
                ):
                    raise self._unexpected(name, "a name")
                node = tree.Attribute(node, tree.Literal(name.value, name.at), name.at, dotted=True)
                if self._take_mark("("):
                    # A method call: no value has methods, so only the key itself counts.
                    self._arguments()
            elif token.value == "[":
                self._index += 1
                key = self._expression()
                self._expect_mark("]")
                node = tree.Attribute(node, key, key.at, dotted=False)
            else:
                return node

    def _items(self, close: str) -> list[tree.Expression]:
        items: list[tree.Expression] = []
        while not self._take_mark(close):
            if items:
                self._expect_mark(",", also=f"`{close}`")
            items.append(self._expression())
        return items

    def _map(self, at: int) -> tree.Expression:
        entries: list[tuple[tree.Expression, tree.Expression]] = []
        while not self._take_mark("}"):
            if entries:
                self._expect_mark(",", also="`}`")
            key = self._expression()
            self._expect_mark(":")
            entries.append((key, self._expression()))
        return tree.MapLiteral(tuple(entries), at)

    def _interpolation(self, at: int) -> tree.Expression:
        parts: list[tree.Expression] = []
        while True:
            token = self._next()
            if token.kind == lexer.STRING:
                parts.append(tree.Literal(token.value, token.at))
            elif token.kind == lexer.MARK and token.value == "#{":
                parts.append(self._expression())
                self._expect_mark("}")
            elif token.kind == lexer.INTERPOLATION_END:
                return tree.Interpolation(tuple(parts), at)
            else:
                raise self._unexpected(token)

    def _optional_arguments(self) -> tree.Arguments:
        return self._arguments() if self._take_mark("(") else _NO_ARGUMENTS

    def _arguments(self) -> tree.Arguments:
        """Positional arguments, then named ones; the opening bracket has been read."""
        positional: list[tree.Expression] = []
        named: list[tuple[str, tree.Expression]] = []
        while not self._take_mark(")"):
            if positional or named:
                self._expect_mark(",", also="`)`")
            token, following = self._peek(), self._tokens[min(self._index + 1, len(self._tokens) - 1)]
            if token.kind == lexer.NAME and following.kind == lexer.MARK and following.value == "=":
                if token.value in RESERVED:
                    raise TemplateSyntaxError(
                        f"`{token.value}` cannot be the name of an argument", offset=token.at
                    )
                self._index += 2
                named.append((token.value, self._expression()))
            elif named:
                raise TemplateSyntaxError(
                    "A positional argument follows a named one", offset=token.at, expected="`name=value`"
                )
            else:
                positional.append(self._expression())
        return tree.Arguments(tuple(positional), tuple(named))

    # Tokens

    def _peek(self) -> Token:
        return self._tokens[self._index]

    def _next(self) -> Token:
        token = self._tokens[self._index]
        if token.kind != lexer.END:
            self._index += 1
        return token

    def _take(self, kind: str, value: str) -> bool:
        token = self._tokens[self._index]
        if token.kind == kind and token.value == value:
            self._index += 1
            return True
        return False

    def _take_mark(self, value: str) -> bool:
        return self._take(lexer.MARK, value)

    def _expect(self, kind: str, expected: str) -> Token:
        token = self._next()
        if token.kind != kind:
            raise self._unexpected(token, expected)
        return token

    def _expect_mark(self, value: str, *, also: str = "") -> None:
        token = self._next()
        if token.kind != lexer.MARK or token.value != value:
            raise self._unexpected(token, f"`{value}` or {also}" if also else f"`{value}`")

    def _variable_name(self) -> str:
        token = self._expect(lexer.NAME, "a name")
        if token.value in RESERVED:
            raise TemplateSyntaxError(f"`{token.value}` is reserved and cannot be assigned", offset=token.at)
        return token.value

    def _unexpected(self, token: Token, expected: str | None = None) -> TemplateSyntaxError:
        if token.kind == lexer.END:
            return TemplateSyntaxError("The template ends too early", offset=token.at, expected=expected)
        shown = token.value or {lexer.PRINT: "{{", lexer.TAG: "{%"}.get(token.kind, token.kind)
        return TemplateSyntaxError(f"Unexpected `{shown}`", offset=token.at, expected=expected)

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _MOST_NESTING:
            raise LimitError("The template is nested too deeply", offset=self._peek().at)


def _number(token: Token) -> tree.Expression:
    digits = token.value.rstrip("L")
    if "." in digits:
        return tree.Literal(float(digits), token.at)
    if len(digits.lstrip("0")) > 19 or int(digits) > _LONG_MAX:
        return tree.TooBig(digits[:80], token.at)
    return tree.Literal(Long(digits), token.at)
