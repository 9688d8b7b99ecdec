"""A text that was read: its data, and where each piece of it stands."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

Path = tuple[str | int, ...]
"""From the root of a document to a place in it: names and list positions."""


class Mark(NamedTuple):
    """A place in a text. Lines and columns count from 1."""

    line: int
    column: int
    width: int = 1
    """Characters to underline."""
    style: str = ""
    """How a scalar was written: nothing for a plain one, a quote, `|` or `>`."""


class Unreadable(Exception):
    """A text is not a YAML document that may be read."""

    def __init__(self, message: str, mark: Mark, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mark = mark
        self.hint = hint


class Repeated(msgspec.Struct, frozen=True):
    """A key that a map has twice."""

    path: Path
    mark: Mark
    first: Mark


class Document:
    """A text that was read. The data may be changed by whoever read it; `move` keeps the places right.

    Attributes:
        data: the root, as plain data.
        keys, values: where the key and the value of each entry stand.
        repeated: keys given twice in one map; the first one counts.
        more: the text holds further documents, which were not read.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.data: Any = None
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}
        self.repeated: list[Repeated] = []
        self.more: Mark | None = None

    def key_at(self, path: Path) -> Mark:
        """Where the key of an entry stands; for what has no key, where its value does."""
        return self.keys.get(path) or self.value_at(path)

    def value_at(self, path: Path) -> Mark:
        """Where a value stands; for one that is not there, the key or value of the nearest thing around
        it."""
        mark = self.values.get(path)
        while mark is None and path:
            path = path[:-1]
            mark = self.keys.get(path) or self.values.get(path)
        return mark or Mark(1, 1)

    def move(self, old: Path, new: Path) -> None:
        """Follow a change of the data: what stood at `old`, and all below it, is at `new` now."""
        for marks in (self.keys, self.values):
            moved = {path: mark for path, mark in marks.items() if path[: len(old)] == old}
            for path in moved:
                del marks[path]
            marks.update({new + path[len(old) :]: mark for path, mark in moved.items()})

    def shift(self, path: Path, by: int) -> None:
        """Follow a change of the data: the list at `path` got `by` items before its own."""
        depth = len(path)
        for marks in (self.keys, self.values):
            below = {
                place: mark for place, mark in marks.items() if len(place) > depth and place[:depth] == path
            }
            for place in below:
                del marks[place]
            for place, mark in below.items():
                index = place[depth]
                assert isinstance(index, int)
                marks[*path, index + by, *place[depth + 1 :]] = mark
