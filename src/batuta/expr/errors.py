"""What can go wrong in a template: six kinds, each shown with the line and a caret.

The evaluator raises these without a place; the node that was being evaluated adds its offset on the way out,
and `Template` adds the text. The same object serves the command line, the API and the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from batuta.errors import FlowError
from batuta.model.masking import Masker
from batuta.nearness import nearest

_MOST_SHOWN = 60
"""Characters of a value or of a template's line that a message repeats."""


class ExpressionError(FlowError):
    """A template cannot be rendered.

    Attributes:
        kind: `syntax`, `undefined`, `unknown`, `argument`, `limit` or `runtime` (expression spec §13).
        message: one sentence, without the place.
        expected: what would have been accepted, when that can be said.
        seen: the values that were found, as short text.
        template: the text that was rendered; None until the error leaves the evaluator.
        offset: the place in `template`, in characters from its start.
        path: the property of a flow that holds the template, such as `tasks[2].message`.
    """

    kind: ClassVar[str] = "runtime"
    code = "expression.runtime"

    def __init__(
        self,
        message: str,
        *,
        offset: int | None = None,
        expected: str | None = None,
        seen: Iterable[Any] = (),
        near: str | None = None,
    ) -> None:
        mend = f"did you mean `{near}`?" if near else None
        super().__init__(message, mend=mend)
        self.message = message
        self.offset = offset
        self.expected = expected
        self.seen = tuple(describe(value) for value in seen)
        self.template: str | None = None
        self.path: str | None = None

    @property
    def line(self) -> int | None:
        """The line of the place, from 1; None while the place is not known."""
        if self.template is None or self.offset is None:
            return None
        return self.template.count("\n", 0, self.offset) + 1

    @property
    def column(self) -> int | None:
        """The column of the place, from 1; None while the place is not known."""
        if self.template is None or self.offset is None:
            return None
        return self.offset - self.template.rfind("\n", 0, self.offset)

    def locate(self, offset: int) -> ExpressionError:
        """Remember the innermost place: the first one given wins."""
        if self.offset is None and self.template is None:
            self.offset = offset
        return self

    def attach(self, template: str) -> ExpressionError:
        """Remember the text that was rendered: the innermost template wins."""
        if self.template is None:
            self.template = template
            self.where = self._place()
        return self

    def with_path(self, path: str) -> ExpressionError:
        """Say which property of a flow holds the template."""
        self.path = path
        self.where = self._place()
        return self

    def hide(self, secrets: Iterable[str]) -> ExpressionError:
        """Replace every secret in the texts of the error by `******`."""
        if masker := Masker(secrets):
            self.message = self.what = masker.mask(self.message)
            self.seen = tuple(masker.mask(text) for text in self.seen)
            self.template = masker.mask(self.template) if self.template else None
        self.args = (self.message,)
        return self

    def frame(self) -> str:
        """The line of the template with a caret below the place; empty while the place is not known."""
        line, column = self.line, self.column
        if line is None or column is None or self.template is None:
            return ""
        text = self.template.split("\n")[line - 1]
        start = max(0, column - 1 - _MOST_SHOWN)
        shown = text[start : start + 2 * _MOST_SHOWN].expandtabs(1)
        number = str(line)
        return f"  {number} | {shown}\n  {' ' * len(number)} | {' ' * (column - 1 - start)}^"

    def __str__(self) -> str:
        lines = [self.message]
        if self.where:
            lines.append(f"  at {self.where}")
        frame = self.frame()
        if frame:
            lines.append(frame)
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.seen:
            lines.append(f"  seen: {', '.join(self.seen)}")
        if self.mend:
            lines.append(f"  fix: {self.mend}")
        return "\n".join(lines)

    def _place(self) -> str | None:
        parts = [self.path] if self.path else []
        if self.line is not None:
            parts.append(f"line {self.line}, column {self.column}")
        return ", ".join(parts) or None


class TemplateSyntaxError(ExpressionError):
    """The template does not parse."""

    kind = "syntax"
    code = "expression.syntax"


class MissingNameError(ExpressionError):
    """A variable, key or index does not exist.

    The sentence is built when somebody reads it: most of these are caught by `??`, `default` or `is defined`.
    """

    def __init__(
        self, name: str, *, offset: int | None = None, known: Iterable[str] = (), prefix: str = ""
    ) -> None:
        super().__init__(f"Unable to find `{name}`", offset=offset)
        self.name = name
        self._known = known
        self._prefix = prefix

    def attach(self, template: str) -> ExpressionError:
        """Complete the sentence with the template, and look for a name that was meant."""
        if self.template is None:
            super().attach(template)
            line = self.line or 1
            self.message = self.what = (
                f"Unable to find `{self.name}` used in the expression `{template}` at line {line}"
            )
            self.args = (self.message,)
            known = [key for key in self._known if isinstance(key, str)]
            near = nearest(self.name, known)
            if near:
                self.mend = f"did you mean `{self._prefix}{near}`?"
            elif known:
                self.expected = "one of " + ", ".join(f"`{key}`" for key in known[:8])
            self._known = ()
        return self

    def becoming(self, kind: type[MissingNameError]) -> MissingNameError:
        """The same error as another class, for the places that `??` does not look into."""
        other = kind(self.name, offset=self.offset, known=self._known, prefix=self._prefix)
        other.template, other.where, other.mend, other.expected = (
            self.template,
            self.where,
            self.mend,
            self.expected,
        )
        other.message = other.what = self.message
        other.args = (self.message,)
        return other


class UndefinedError(MissingNameError):
    """A variable, key or index does not exist; `??`, `default` and `is defined` catch this."""

    kind = "undefined"
    code = "expression.undefined"


class UndefinedInRenderError(MissingNameError):
    """A name is missing in a template that `render()` was given; nothing outside catches it."""

    kind = "undefined"
    code = "expression.undefined"


class UndefinedOperandError(MissingNameError):
    """A name is missing where arithmetic, equality or a condition wants a value: a plain failure."""

    kind = "runtime"
    code = "expression.runtime"


class UnknownNameError(ExpressionError):
    """A filter, function, macro or test does not exist."""

    kind = "unknown"
    code = "expression.unknown"


class ArgumentError(ExpressionError):
    """A filter, function or macro was given arguments that it does not take."""

    kind = "argument"
    code = "expression.argument"


class LimitError(ExpressionError):
    """A budget of the evaluation is used up."""

    kind = "limit"
    code = "expression.limit"


class EvaluationError(ExpressionError):
    """A value is of the wrong type, or cannot be converted, parsed or computed."""

    kind = "runtime"
    code = "expression.runtime"


def unknown_filter(name: str, known: Iterable[str], at: int) -> UnknownNameError:
    """The error for a filter that does not exist."""
    return UnknownNameError(f"Filter [{name}] does not exist.", offset=at, near=nearest(name, known))


def unknown_call(name: str, known: Iterable[str], at: int) -> UnknownNameError:
    """The error for a function or macro that does not exist."""
    message = f"Function or Macro [{name}] does not exist"
    return UnknownNameError(message, offset=at, near=nearest(name, known))


def unknown_test(name: str, known: Iterable[str], at: int) -> UnknownNameError:
    """The error for a test that does not exist."""
    names = sorted(known)
    return UnknownNameError(
        f"Test [{name}] does not exist.", offset=at, expected=", ".join(names), near=nearest(name, names)
    )


def describe(value: Any) -> str:
    """A value as an error shows it: its type and the beginning of its text."""
    from batuta.expr.kinds import type_name

    if value is None:
        return "null"
    text = repr(value) if isinstance(value, str) else f"{value!s:.200}"
    if len(text) > _MOST_SHOWN:
        text = text[: _MOST_SHOWN - 1] + "…"
    return f"{type_name(value)} {text}"
