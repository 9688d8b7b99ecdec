"""What is wrong with a document: violations with their places, collected while it is read."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import msgspec

from batuta.flows.document import Document, Mark, Path
from batuta.nearness import did_you_mean


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or worth saying, about a document."""

    message: str
    path: str = ""
    """Where, with list items by their id: `tasks[load].message`; empty for the document as a whole."""
    index_path: str = ""
    """The same with list items by their position: `tasks[0].message`."""
    pointer: str = ""
    """The same as a JSON pointer (RFC 6901): `/tasks/0/message`."""
    line: int = 1
    column: int = 1
    width: int = 1
    """Characters to underline."""
    hint: str | None = None
    code: str = "flow.invalid"

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

    def as_constraint(self) -> str:
        """The violation within the answer of a validation: tasks by their position."""
        where = self.path if self.path.startswith("inputs") else self.index_path or self.path
        return f"{where}: {self.message}" if where else self.message


def frame(source: str, violation: Violation, *, first_line: int = 1) -> str:
    """The offending line with one line before it, numbered, and a caret below the place.

    `first_line` is the number of the source's first line in its file.
    """
    lines = source.splitlines()
    if not lines:
        return ""
    line = min(violation.line, len(lines))
    shown = range(max(line - 1, 1), line + 1)
    digits = len(str(line + first_line - 1))
    rows = [f"{number + first_line - 1:>{digits}} | {_flat(lines[number - 1])}" for number in shown]
    text = _flat(lines[line - 1])
    column = min(violation.column, len(text) + 1) if line == violation.line else len(text) + 1
    width = max(min(violation.width, len(text) - column + 1), 1)
    rows.append(f"{'':>{digits}} | {'':>{column - 1}}{'^' * width}")
    return "\n".join(rows)


def _flat(line: str) -> str:
    """Every character as wide as one column, and none that moves the cursor."""
    return "".join(char if char.isprintable() else " " for char in line)


class Findings:
    """Collects what is found in one document, and knows where its parts stand."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.violations: list[Violation] = []
        self.warnings: list[Violation] = []
        self.deprecated: list[Violation] = []
        self.infos: list[str] = []

    def wrong(
        self,
        path: Path,
        message: str,
        *,
        hint: str | None = None,
        key: bool = False,
        code: str = "flow.invalid",
    ) -> None:
        """Note a violation. `key` points at the entry's name instead of its value."""
        self.violations.append(self._made(path, message, hint, key, code))

    def wrong_at(
        self, mark: Mark, message: str, *, hint: str | None = None, code: str = "flow.unreadable"
    ) -> None:
        """Note a violation of the text rather than of a part of the document."""
        self.violations.append(
            Violation(
                message=message,
                path="yaml",
                line=mark.line,
                column=mark.column,
                width=mark.width,
                hint=hint,
                code=code,
            )
        )

    def warn(
        self, path: Path, message: str, *, hint: str | None = None, key: bool = False, code: str
    ) -> None:
        """Note something that does not keep the flow from running."""
        self.warnings.append(self._made(path, message, hint, key, code))

    def old(self, path: Path, message: str) -> None:
        """Note an old spelling."""
        self.deprecated.append(self._made(path, message, None, True, "flow.deprecated"))

    def inform(self, message: str) -> None:
        """Note something good to know, once."""
        if message not in self.infos:
            self.infos.append(message)

    def _made(self, path: Path, message: str, hint: str | None, key: bool, code: str) -> Violation:
        document = self.document
        mark = document.key_at(path) if key else document.value_at(path)
        return Violation(
            message=message,
            path=named_path(document.data, path),
            index_path=index_path(path),
            pointer=pointer(path),
            line=mark.line,
            column=mark.column,
            width=mark.width,
            hint=hint,
            code=code,
        )


def named_path(data: Any, path: Path) -> str:
    """`tasks[load].message`: items of lists by their id, where they have one."""
    text = ""
    for part in path:
        data = _child(data, part)
        if isinstance(part, int):
            name = data.get("id") if isinstance(data, dict) else None
            text += f"[{name if isinstance(name, str) and name else part}]"
        else:
            text += f".{part}" if text else part
    return text


def _child(data: Any, part: str | int) -> Any:
    if isinstance(data, dict):
        return data.get(str(part))
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def index_path(path: Path) -> str:
    """`tasks[0].message`: items of lists by their position."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def pointer(path: Path) -> str:
    """`/tasks/0/message`, as RFC 6901 has it."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


_MOST_LISTED = 8
"""Known names that a message repeats."""


def _nearest_few(name: str, names: list[str]) -> list[str]:
    """All names, or of many those that look most like `name`; in the order of the alphabet."""
    if len(names) <= _MOST_LISTED:
        return names
    return sorted(get_close_matches(name, names, n=_MOST_LISTED, cutoff=0.0))


def unrecognized(name: str, owner: str, known: Iterable[str]) -> tuple[str, str | None]:
    """Message and hint for a property that its owner does not have (flow spec §17.2)."""
    names = sorted(known)
    listed = ", ".join(f'"{each}"' for each in _nearest_few(name, names))
    more = ", ..." if len(names) > _MOST_LISTED else ""
    complaint = f'Unrecognized field "{name}" (class {owner}), not marked as ignorable'
    message = f"{complaint} ({len(names)} known properties: {listed}{more})"
    return message, did_you_mean(name, names)
