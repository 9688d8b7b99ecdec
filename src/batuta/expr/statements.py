"""Tags to closures: what `if`, `for`, `set`, `macro`, `block` and `filter` do (expression spec §6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from batuta.expr import tree
from batuta.expr.calls import compile_arguments, filter_application
from batuta.expr.errors import (
    ArgumentError,
    EvaluationError,
    ExpressionError,
    UndefinedError,
    UndefinedOperandError,
)
from batuta.expr.evaluate import Evaluate, Names, compile_expression
from batuta.expr.kinds import Entry
from batuta.expr.printing import text
from batuta.expr.run import MISSING, Run
from batuta.expr.values import as_boolean
from batuta.nearness import nearest

Write: TypeAlias = Callable[[str], Any]
Execute: TypeAlias = Callable[[Run, Write], None]
CallMacro: TypeAlias = Callable[[Run, list[Any], dict[str, Any]], str]


class CompiledBody:
    """A template as functions: its statements, and the macros and blocks that it defines anywhere."""

    def __init__(self, body: tree.Body) -> None:
        self.macros: dict[str, CallMacro] = {}
        self.blocks: dict[str, Execute] = {}
        self.names = Names(frozenset(_assigned(body)))
        self.execute = self.compile_body(body)

    def compile_body(self, body: tree.Body) -> Execute:
        """The function that executes the statements in order."""
        steps = [step for step in (self._compile(statement) for statement in body) if step is not None]
        if not steps:
            return lambda run, write: None
        if len(steps) == 1:
            return steps[0]
        if len(steps) == 2:
            first, second = steps

            def both(run: Run, write: Write) -> None:
                first(run, write)
                second(run, write)

            return both

        def all_(run: Run, write: Write) -> None:
            for step in steps:
                step(run, write)

        return all_

    def _compile(self, node: tree.Statement) -> Execute | None:
        if isinstance(node, tree.Text):
            content = node.text
            return lambda run, write: write(content)
        if isinstance(node, tree.Print):
            return _print(compile_expression(node.expression, self.names), node.at)
        if isinstance(node, tree.If):
            return self._if(node)
        if isinstance(node, tree.For):
            return self._for(node)
        if isinstance(node, tree.Set):
            return _set(node.name, compile_expression(node.value, self.names))
        if isinstance(node, tree.FilterTag):
            return self._filter_tag(node)
        if isinstance(node, tree.Macro):
            # Two of one name: calling either fails.
            self.macros[node.name] = MISSING if node.name in self.macros else self._macro(node)
            return None
        block = self.blocks[node.name] = self.compile_body(node.body)
        return block

    def _if(self, node: tree.If) -> Execute:
        branches = [
            (compile_expression(condition, self.names), self.compile_body(body), node.at)
            for condition, body in node.branches
        ]
        otherwise = self.compile_body(node.otherwise) if node.otherwise is not None else None

        def if_(run: Run, write: Write) -> None:
            for condition, body, at in branches:
                try:
                    value = condition(run)
                    chosen = value if value is True or value is False else as_boolean(value)
                except UndefinedError as error:
                    raise error.becoming(UndefinedOperandError) from None
                except ExpressionError as error:
                    raise error.locate(at) from None
                if chosen:
                    body(run, write)
                    return
            if otherwise is not None:
                otherwise(run, write)

        return if_

    def _for(self, node: tree.For) -> Execute:
        name, at = node.name, node.at
        iterable = compile_expression(node.iterable, self.names)
        body = self.compile_body(node.body)
        otherwise = self.compile_body(node.otherwise) if node.otherwise is not None else None
        with_loop = _uses_loop(node.body)

        def for_(run: Run, write: Write) -> None:
            value = iterable(run)
            if value is None:
                return
            items = _items(value, at)
            if not items:
                if otherwise is not None:
                    otherwise(run, write)
                return
            scope = run.locals
            hidden, hidden_loop, outer = scope.get(name, MISSING), scope.get("loop", MISSING), run.fresh
            fresh = run.fresh = set()
            try:
                _rounds(run, write, items, scope)
            finally:
                for gone in fresh:
                    scope.pop(gone, None)
                _restore(scope, name, hidden)
                _restore(scope, "loop", hidden_loop)
                run.fresh = outer

        def _rounds(run: Run, write: Write, items: list[Any], scope: dict[str, Any]) -> None:
            run.tick()
            last = len(items) - 1
            for index, item in enumerate(items):
                run.steps -= 1
                if not run.steps & 63:
                    run.check()
                scope[name] = item
                if with_loop:
                    scope["loop"] = {
                        "index": index,
                        "length": last + 1,
                        "revindex": last - index,
                        "first": index == 0,
                        "last": index == last,
                    }
                body(run, write)

        return for_

    def _macro(self, node: tree.Macro) -> CallMacro:
        names = [name for name, _ in node.parameters]
        defaults = {
            name: compile_expression(default, self.names)
            for name, default in node.parameters
            if default is not None
        }
        body = self.compile_body(node.body)
        title = node.name

        def call(run: Run, positional: list[Any], named: dict[str, Any]) -> str:
            arguments = _macro_arguments(title, names, positional, named)
            saved = run.names, run.locals, run.fresh
            run.names, run.locals, run.fresh = {}, arguments, None
            try:
                for name in names:
                    if name not in arguments:
                        arguments[name] = defaults[name](run) if name in defaults else None
                return run.capture(body)
            finally:
                run.names, run.locals, run.fresh = saved

        return call

    def _filter_tag(self, node: tree.FilterTag) -> Execute:
        body = self.compile_body(node.body)
        applications = [
            filter_application(
                name, compile_arguments(arguments, lambda item: compile_expression(item, self.names)), at
            )
            for name, arguments, at in node.filters
        ]

        def filter_tag(run: Run, write: Write) -> None:
            value: Any = run.capture(body)
            for apply in applications:
                value = apply(run, lambda _, subject=value: subject)  # type: ignore[misc]
            write(text(value))

        return filter_tag


def _print(expression: Evaluate, at: int) -> Execute:
    def print_(run: Run, write: Write) -> None:
        value = expression(run)
        if type(value) is str:
            write(value)
        elif value is not None:
            if run.native is not None:
                # Typed rendering keeps the value; its text is made only when there are other parts.
                run.native.append((len(run.out), value))
                write("")
                return
            if run.swaps:
                value = run.resolve(value)
            try:
                write(text(value, run.options.limits.output_characters))
            except ExpressionError as error:
                raise error.locate(at) from None

    return print_


def _set(name: str, value: Evaluate) -> Execute:
    def set_(run: Run, write: Write) -> None:
        result = value(run)
        scope = run.locals
        if run.fresh is not None and name not in scope and name not in run.names:
            run.fresh.add(name)
        scope[name] = result

    return set_


def _items(value: Any, at: int) -> list[Any]:
    """What a loop goes through; a copy, because the body may change the list."""
    if isinstance(value, list):
        return list(value)
    if isinstance(value, dict):
        return [Entry(key, item) for key, item in value.items()]
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    raise EvaluationError("`for` cannot go through this", offset=at, expected="a list or a map", seen=[value])


def _restore(scope: dict[str, Any], name: str, hidden: Any) -> None:
    if hidden is MISSING:
        scope.pop(name, None)
    else:
        scope[name] = hidden


def _macro_arguments(
    title: str, names: list[str], positional: list[Any], named: dict[str, Any]
) -> dict[str, Any]:
    if not names:
        return {}
    expected = ", ".join(f"`{name}`" for name in names)
    if len(positional) > len(names):
        raise ArgumentError(f"The macro `{title}` takes at most {len(names)} arguments", expected=expected)
    for name in named:
        if name not in names:
            raise ArgumentError(
                f"The macro `{title}` has no argument `{name}`", expected=expected, near=nearest(name, names)
            )
    return dict(zip(names, positional, strict=False)) | named


# What a template assigns and uses


def nodes(body: Any) -> Iterator[Any]:
    """Every node below `body`, in the order of the text."""
    pending = [body]
    while pending:
        node = pending.pop()
        if isinstance(node, tuple):
            if type(node) is not tuple:
                yield node
            pending.extend(reversed(node))


def _assigned(body: tree.Body) -> Iterator[str]:
    for node in nodes(body):
        if isinstance(node, (tree.Set, tree.For)):
            yield node.name
            if isinstance(node, tree.For):
                yield "loop"
        elif isinstance(node, tree.Macro):
            yield from (name for name, _ in node.parameters)


def _uses_loop(body: tree.Body) -> bool:
    """Whether the body can see `loop`: by name, or by a function that renders text or calls a block."""
    return any(
        (isinstance(node, tree.Name) and node.name == "loop")
        or (
            isinstance(node, tree.Call)
            and node.name in ("render", "renderOnce", "block", "fetchContext", "printContext")
        )
        for node in nodes(body)
    )
