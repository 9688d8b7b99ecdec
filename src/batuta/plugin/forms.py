"""Document form to run form: a task's properties as written become an instance of its class.

A `Form` is made once per task of a revision. What is literal is converted then, and what is wrong about it is
collected as `Finding`s for whoever saves the flow; what holds a template waits and is rendered and converted
each time the task runs (expressions spec §12, "typed properties").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from batuta import expr
from batuta.errors import TaskError
from batuta.nearness import did_you_mean
from batuta.plugin.converters import (
    Converter,
    Render,
    Unfit,
    as_written,
    fields_of,
    holds_template,
    path_text,
    type_name,
)

T = TypeVar("T")


class Finding(msgspec.Struct, frozen=True):
    """Something wrong with a property. `path` leads from the task to the place: names and list positions."""

    path: tuple[str | int, ...]
    message: str
    hint: str | None = None


class Form(Generic[T]):
    """How to build one task's run form. Attributes: `findings`, what is wrong with its literal properties."""

    def __init__(self, cls: type[T], properties: Mapping[str, Any]) -> None:
        self._cls = cls
        self._literal: dict[str, Any] = {}
        self._pending: list[tuple[str, str, Converter, Any]] = []
        self.findings: list[Finding] = []
        fields = fields_of(cls)
        for name, raw in properties.items():
            field = fields.get(name)
            if field is None:
                known = ", ".join(sorted(fields)) or "none"
                hint = did_you_mean(name, fields) or f"known properties: {known}"
                self.findings.append(
                    Finding((name,), f"`{name}` is not a property of {type_name(cls)}", hint)
                )
            elif field.holds_tasks or (raw is None and not field.required):
                continue
            elif holds_template(raw):
                self._pending.append((name, field.attribute, field.convert, raw))
            else:
                try:
                    self._literal[field.attribute] = field.convert(raw, as_written)
                except Unfit as unfit:
                    self.findings.append(Finding((name, *unfit.path), unfit.message))
        for name, field in fields.items():
            if field.holds_tasks and field.required:
                # Children are branches of the document form; the run form does not repeat them.
                self._literal[field.attribute] = []
            elif field.required and properties.get(name) is None:
                self.findings.append(Finding((name,), "must not be null", f"add `{name}:` to the task"))

    def build(self, render: Render) -> T:
        """The run form.

        Raises:
            TaskError: a property does not render to what its type wants, or was wrong from the beginning.
            expr.ExpressionError: a template fails.
            expr.MissingFact: a template asks for an outside value that is not known yet.
        """
        if self.findings:
            first = self.findings[0]
            raise TaskError(f"{path_text(first.path)}: {first.message}", mend=first.hint)
        values = dict(self._literal)
        for name, attribute, convert, raw in self._pending:
            try:
                values[attribute] = convert(raw, render)
            except Unfit as unfit:
                raise TaskError(f"{path_text((name, *unfit.path))}: {unfit.message}") from None
            except expr.ExpressionError as error:
                error.with_path(name)
                raise
        try:
            return self._cls(**values)
        except TypeError as error:
            raise TaskError(
                f"a property of {type_name(self._cls)} is missing after rendering: {error}"
            ) from None
