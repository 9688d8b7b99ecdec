"""Which names a template uses, and where: for completion, checks and dependency views; and which of its calls
can never succeed.

Nothing is evaluated. Only literal keys are seen: `outputs[x]` is a use of `outputs` as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from batuta.expr import errors, tree
from batuta.expr.calls import bind, compile_arguments
from batuta.expr.catalogue import FILTERS, FUNCTIONS, Builtin
from batuta.expr.errors import ExpressionError
from batuta.expr.operators import TESTS
from batuta.expr.run import Run
from batuta.expr.statements import nodes
from batuta.expr.template import compile, is_template


class Reference(NamedTuple):
    """One use of a name.

    `kind` is `input`, `output`, `variable`, `secret`, `kv`, `file`, `task`, `label`, `trigger`, `flow`,
    `execution`, `env`, `subflow` or `context` (any other variable). `name` is what belongs to the kind: the
    input, the task whose outputs are read, the key. `path` is everything after the variable, as far as it is
    literal. Offset, line and column are those of `name` in the template; line and column count from 1.
    """

    kind: str
    name: str
    path: tuple[str, ...]
    offset: int
    line: int
    column: int
    variable: str = ""
    """The variable or function by which it is used, such as `outputs` or `secret`."""
    guarded: bool = False
    """Whether the template copes when it is missing: by `??`, `???`, `default` or `is defined`."""


_KINDS = {
    "inputs": "input",
    "outputs": "output",
    "vars": "variable",
    "tasks": "task",
    "labels": "label",
    "trigger": "trigger",
    "flow": "flow",
    "execution": "execution",
    "envs": "env",
    "secrets": "secret",
    "kv": "kv",
}
_CALLS = {
    "secret": ("secret", "key"),
    "kv": ("kv", "key"),
    "read": ("file", "path"),
    "fileURI": ("file", "path"),
    "fileSize": ("file", "path"),
    "fileExists": ("file", "path"),
    "isFileEmpty": ("file", "path"),
    "env": ("env", "name"),
    "subflow": ("subflow", "id"),
}


def analyse(text: str) -> list[Reference]:
    """Every name that `text` uses and does not define itself, in the order of the text.

    Raises:
        TemplateSyntaxError: the text does not parse.
    """
    if not is_template(text):
        return []
    finder = _Finder(text)
    finder.visit(compile(text).tree, guarded=False)
    return sorted(finder.found, key=lambda reference: reference.offset)


def mistakes(text: str) -> list[ExpressionError]:
    """Calls that fail whatever the values are, in the order of the text: of filters, functions and tests that
    do not exist, and with arguments that do not fit.

    Raises:
        TemplateSyntaxError: the text does not parse.
    """
    if not is_template(text):
        return []
    body = compile(text).tree
    macros = {node.name: node for node in nodes(body) if isinstance(node, tree.Macro)}
    found = [error for node in nodes(body) for error in _mistakes_of(node, macros)]
    return sorted((error.attach(text) for error in found), key=lambda error: error.offset or 0)


def _mistakes_of(node: Any, macros: dict[str, tree.Macro]) -> Iterator[ExpressionError]:
    match node:
        case tree.Filter():
            yield from _misused_filter(node.name, node.arguments, node.at)
        case tree.FilterTag():
            for name, arguments, at in node.filters:
                yield from _misused_filter(name, arguments, at)
        case tree.Test() if node.name not in TESTS and node.name != "defined":
            yield errors.unknown_test(node.name, [*TESTS, "defined"], node.at)
        case tree.Call() if node.name in FUNCTIONS:
            yield from _misfit(FUNCTIONS[node.name], node.arguments, node.at)
        case tree.Call() if node.name not in macros:
            yield errors.unknown_call(node.name, [*FUNCTIONS, *macros], node.at)


def _misused_filter(name: str, arguments: tree.Arguments, at: int) -> Iterator[ExpressionError]:
    if name in FILTERS:
        yield from _misfit(FILTERS[name], arguments, at)
    else:
        yield errors.unknown_filter(name, FILTERS, at)


def _misfit(builtin: Builtin, arguments: tree.Arguments, at: int) -> Iterator[ExpressionError]:
    bound = bind(builtin, compile_arguments(arguments, lambda _: _not_evaluated), at)
    if not isinstance(bound, list):
        yield bound.error()


def _not_evaluated(run: Run) -> NoReturn:
    raise AssertionError("an argument is counted here, not evaluated")


class _Finder:
    def __init__(self, text: str) -> None:
        self._text = text
        self.found: list[Reference] = []
        self._defined = {
            name
            for node in nodes(compile(text).tree)
            for name in (
                [node.name]
                if isinstance(node, (tree.Set, tree.For))
                else [parameter for parameter, _ in node.parameters]
                if isinstance(node, tree.Macro)
                else []
            )
        } | {"loop"}

    def visit(self, node: Any, *, guarded: bool) -> None:
        """Look at `node` and everything below it."""
        if isinstance(node, tree.Binary) and node.operator in ("??", "???"):
            self.visit(node.left, guarded=True)
            self.visit(node.right, guarded=guarded)
        elif isinstance(node, tree.Filter) and node.name == "default":
            self.visit(node.subject, guarded=True)
            self.visit(node.arguments, guarded=guarded)
        elif isinstance(node, tree.Test) and node.name == "defined":
            self.visit(node.subject, guarded=True)
        elif isinstance(node, (tree.Attribute, tree.Name)):
            self._access(node, guarded)
        elif isinstance(node, tree.Call):
            self._call(node, guarded)
            self.visit(node.arguments, guarded=guarded)
        elif isinstance(node, tuple):
            for child in node:
                self.visit(child, guarded=guarded)

    def _access(self, node: Any, guarded: bool) -> None:
        keys: list[tuple[Any, int]] = []
        while isinstance(node, tree.Attribute):
            literal = isinstance(node.key, tree.Literal)
            keys.append((node.key.value if isinstance(node.key, tree.Literal) else None, node.at))
            if not literal:
                self.visit(node.key, guarded=guarded)
            node = node.owner
        if not isinstance(node, tree.Name):
            self.visit(node, guarded=guarded)
            return
        if node.name in self._defined:
            return
        path: list[str] = []
        for key, _ in reversed(keys):
            if not isinstance(key, (str, int)) or isinstance(key, bool):
                break
            path.append(str(key))
        kind = _KINDS.get(node.name)
        if kind and path:
            self._add(kind, path[0], tuple(path[1:]), self._start(keys[-1][1]), node.name, guarded)
        else:
            self._add(
                "context" if kind is None else kind,
                node.name if kind is None else "",
                tuple(path),
                node.at,
                node.name,
                guarded,
            )

    def _start(self, at: int) -> int:
        # A key in quotes begins after its quote.
        return at + 1 if self._text[at : at + 1] in ("'", '"') else at

    def _call(self, node: tree.Call, guarded: bool) -> None:
        if node.name not in _CALLS:
            return
        kind, parameter = _CALLS[node.name]
        position = 1 if node.name == "subflow" else 0
        named = dict(node.arguments.named)
        positional = node.arguments.positional
        argument = positional[position] if len(positional) > position else named.get(parameter)
        if isinstance(argument, tree.Literal) and isinstance(argument.value, str):
            self._add(kind, argument.value, (), self._start(argument.at), node.name, guarded)
        else:
            self._add(kind, "", (), node.at, node.name, guarded)

    def _add(
        self, kind: str, name: str, path: tuple[str, ...], offset: int, variable: str, guarded: bool
    ) -> None:
        line = self._text.count("\n", 0, offset) + 1
        column = offset - self._text.rfind("\n", 0, offset)
        self.found.append(Reference(kind, name, path, offset, line, column, variable, guarded))
