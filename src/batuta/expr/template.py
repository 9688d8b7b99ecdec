"""The doors of the package: compile a text once, then render or evaluate it, alone or in a document."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from batuta.expr.errors import EvaluationError, ExpressionError, LimitError
from batuta.expr.facts import Facts
from batuta.expr.lexer import strip_raw
from batuta.expr.limits import Options
from batuta.expr.parser import parse
from batuta.expr.parsing import leading_json
from batuta.expr.printing import plain, text
from batuta.expr.run import DEFAULT_OPTIONS, Run
from batuta.expr.statements import CompiledBody

_CACHED = 1000
"""Compiled templates kept, least recently used out first."""
_MOST_LEVELS = 100


class Template:
    """A compiled text. Holds nothing of a rendering, so one may be used by many."""

    __slots__ = ("_execute", "blocks", "macros", "source", "tree")

    def __init__(self, source: str) -> None:
        self.source = source
        try:
            if len(source) > DEFAULT_OPTIONS.limits.template_characters:
                raise LimitError("The template is too long")
            self.tree = parse(source)
            body = CompiledBody(self.tree)
        except ExpressionError as error:
            raise error.attach(source) from None
        except RecursionError:
            raise LimitError("The template is nested too deeply").attach(source) from None
        self._execute = body.execute
        self.macros = body.macros
        self.blocks = body.blocks

    def render(
        self, names: Mapping[str, Any], facts: Facts | None = None, options: Options = DEFAULT_OPTIONS
    ) -> str:
        """The text of the template, raw blocks unwrapped.

        Raises:
            ExpressionError: with the template and the place in it.
            MissingFact: an outside value is needed; fetch it and render again.
        """
        run = Run(self, names, facts, options)
        rendered = self.render_in(run)
        if options.recursive:
            rendered = self._until_stable(run, rendered)
        return strip_raw(rendered) if "{%" in rendered else rendered

    def render_in(self, run: Run) -> str:
        """The text within a rendering that is under way; raw blocks keep their wrapper."""
        out = run.out
        try:
            self._execute(run, out.append)
            return run.join(out) if out else ""
        except ExpressionError as error:
            raise error.attach(self.source).hide(run.facts.secrets()) from None
        except RecursionError:
            raise LimitError("The rendering is nested too deeply").attach(self.source) from None
        except (ArithmeticError, ValueError, TypeError, LookupError) as error:
            # What a library thinks of an author's odd value is the author's failure, not a crash.
            raise EvaluationError(f"The value cannot be computed: {error}").attach(self.source) from error

    def evaluate(
        self, names: Mapping[str, Any], facts: Facts | None = None, options: Options = DEFAULT_OPTIONS
    ) -> Any:
        """The value of the template: of its only part, or its parts joined as expression spec §12 says.

        No output at all gives None.
        """
        if options.recursive:
            return self.render(names, facts, options) or None
        run = Run(self, names, facts, options)
        parts: list[tuple[int, Any]] = []
        run.native = parts
        self.render_in(run)
        out = run.out
        if not out:
            return None
        try:
            values = [(index, run.resolve(value) if run.swaps else value) for index, value in parts]
            if len(out) == 1 and values:
                return plain(values[0][1])
            for index, value in values:
                out[index] = text(value, options.limits.output_characters)
            rendered = strip_raw(run.join(out))
            joined = all(value is None or isinstance(value, (int, float, Decimal)) for _, value in values)
            return rendered if joined else leading_json(rendered)
        except ExpressionError as error:
            raise error.attach(self.source).hide(run.facts.secrets()) from None

    def _until_stable(self, run: Run, rendered: str) -> str:
        for _ in range(run.options.limits.render_passes):
            if not is_template(rendered):
                return rendered
            before, rendered = rendered, run.nested(compile(rendered))
            if rendered == before:
                return rendered
        raise LimitError("Too many rendering attempts").attach(self.source)


@lru_cache(maxsize=_CACHED)
def compile(text: str) -> Template:
    """The compiled template of `text`; the last thousand texts are kept.

    Raises:
        TemplateSyntaxError: the text does not parse.
    """
    return Template(text)


def is_template(text: str) -> bool:
    """Whether `text` holds template syntax: a substring search."""
    return "{{" in text or "{%" in text or "{#" in text


def render(
    text: str | None, names: Mapping[str, Any], facts: Facts | None = None, options: Options = DEFAULT_OPTIONS
) -> str | None:
    """The text of a template; None for None.

    Values of `names` are printed, never rendered themselves, unless the template calls `render()`.

    Raises:
        ExpressionError: the author's fault; it says where and why.
        MissingFact: an outside value is needed; fetch it and render again.
    """
    if text is None or not is_template(text):
        return text
    return compile(text).render(names, facts, options)


def evaluate(
    text: str | None, names: Mapping[str, Any], facts: Facts | None = None, options: Options = DEFAULT_OPTIONS
) -> Any:
    """The typed value of a template: `{{ inputs.rows }}` gives the list itself (expression spec §12)."""
    if text is None or not is_template(text):
        return text or None
    return compile(text).evaluate(names, facts, options)


def render_deep(
    value: Any, names: Mapping[str, Any], facts: Facts | None = None, options: Options = DEFAULT_OPTIONS
) -> Any:
    """`value` with every text in its lists and maps rendered, keys too; the same object when there is none.

    When two keys of a map become alike the first one wins.
    """
    return _deep(value, names, facts, options, 0)


def _deep(value: Any, names: Mapping[str, Any], facts: Facts | None, options: Options, level: int) -> Any:
    if isinstance(value, str):
        return render(value, names, facts, options)
    if level > _MOST_LEVELS:
        raise LimitError("A value is nested too deeply to be rendered")
    if isinstance(value, dict):
        rendered: dict[Any, Any] = {}
        changed = False
        for key, item in value.items():
            new_key = _deep(key, names, facts, options, level + 1)
            new_item = _deep(item, names, facts, options, level + 1)
            changed = changed or new_key is not key or new_item is not item
            rendered.setdefault(new_key, new_item)
        return rendered if changed else value
    if isinstance(value, list):
        items = [_deep(item, names, facts, options, level + 1) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value


def is_truthy_text(text: str | None) -> bool:
    """Whether a rendered condition holds: false exactly for `false`, `0`, `-0`, nothing and null."""
    return text is not None and text not in ("", "false", "0", "-0")
