"""YAML text to plain data, and where each piece of it stands.

Nothing is ever constructed from a tag: a document is maps with text keys, lists, text, numbers, booleans and
null. Scalars follow the rules that flows were written for: `on`, `yes` and dates stay text, `0o17` is text
and `017` is octal. The parser's events are consumed one by one, so that nothing in a text (depth, aliases
that double themselves, sheer size) can cost more than `ReadLimits` allows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import yaml

Path = tuple[str | int, ...]
"""From the root of a document to a place in it: names and list positions."""


class ReadLimits(msgspec.Struct, frozen=True):
    """What one document may cost."""

    most_bytes: int = 2 * 1024 * 1024
    """Size of the text in UTF-8."""
    most_depth: int = 100
    """Maps and lists inside each other."""
    most_nodes: int = 100_000
    """Maps, lists and scalars, counted after aliases are replaced by what they stand for."""
    most_characters: int = 8 * 1024 * 1024
    """Characters of all scalars, counted likewise."""


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


def load(source: str, limits: ReadLimits) -> Document:
    """Read the first document of a text.

    Raises:
        Unreadable: the text is not YAML, or exceeds a limit.
    """
    document = Document(source)
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise Unreadable("the text holds half of a surrogate pair", _place_of(source, error.start)) from None
    if size > limits.most_bytes:
        raise Unreadable(
            f"the document has {size} bytes, which is more than {limits.most_bytes}",
            Mark(1, 1),
            "keep long scripts and data in files, and name them in the flow",
        )
    try:
        root = _Composer(limits, document).compose(yaml.parse(source, Loader=yaml.CLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
        problem = error.problem or "this is not YAML"
        raise Unreadable(_sentence(error, problem), place, _hint_for(problem)) from None
    except yaml.reader.ReaderError as error:
        place = _place_of(source, error.position if isinstance(error.position, int) else 0)
        raise Unreadable("the text holds a character that YAML does not allow", place) from None
    if root is not None:
        document.data = _Expander(limits, document).expand(root, ())
    return document


def _sentence(error: yaml.MarkedYAMLError, problem: str) -> str:
    """What the parser was doing and what came between, with the place where that began."""
    begun = error.context_mark
    if not error.context:
        return problem
    since = f" begun on line {begun.line + 1}, column {begun.column + 1}" if begun else ""
    return f"{error.context}{since}: {problem}"


def _place_of(source: str, offset: int) -> Mark:
    before = source[:offset]
    return Mark(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def _hint_for(problem: str) -> str | None:
    if "mapping values are not allowed" in problem:
        return "put text that holds `: ` in quotes, and check that the line is not indented too far"
    if "cannot start any token" in problem:
        return "indent with spaces, not tabs, and put text that starts with `@`, `%` or a backtick in quotes"
    if "expected <block end>" in problem or "did not find expected" in problem:
        return "check the indentation, close every quote and bracket, and quote text that starts with `{{`"
    return None


# The tree that the events describe. Aliases still point to what they stand for.


class _Scalar(NamedTuple):
    text: str
    tag: str | None
    mark: Mark


class _List(NamedTuple):
    items: list[Any]
    mark: Mark


class _Map(NamedTuple):
    pairs: list[tuple[Any, Any]]
    mark: Mark


_Node = _Scalar | _List | _Map


class _Composer:
    """Events to nodes, without recursion."""

    def __init__(self, limits: ReadLimits, document: Document) -> None:
        self._limits = limits
        self._document = document
        self._anchors: dict[str, _Node | None] = {}

    def compose(self, events: Iterator[Any]) -> _Node | None:
        root: _Node | None = None
        stack: list[tuple[_List | _Map, str | None]] = []
        waiting: list[_Node | None] = []  # one key per open map, or None while a key is expected
        documents = count = 0
        for event in events:
            kind = type(event)
            if kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self._document.more = _mark(event)
                    break
                continue
            if kind is yaml.SequenceEndEvent or kind is yaml.MappingEndEvent:
                done, anchor = stack.pop()
                waiting.pop()
                if anchor:
                    self._anchors[anchor] = done
                continue
            node = self._node(event)
            if node is None:
                continue
            count += 1
            if count > self._limits.most_nodes:
                raise Unreadable(f"the document has more than {self._limits.most_nodes} parts", _mark(event))
            if not stack:
                root = node
            elif isinstance(parent := stack[-1][0], _List):
                parent.items.append(node)
            elif (key := waiting[-1]) is None:
                waiting[-1] = node
            else:
                parent.pairs.append((key, node))
                waiting[-1] = None
            if kind is yaml.SequenceStartEvent or kind is yaml.MappingStartEvent:
                assert not isinstance(node, _Scalar)
                if len(stack) >= self._limits.most_depth:
                    raise Unreadable(f"nested deeper than {self._limits.most_depth} levels", _mark(event))
                stack.append((node, event.anchor))
                waiting.append(None)
            elif event.anchor and kind is not yaml.AliasEvent:
                self._anchors[event.anchor] = node
        return root

    def _node(self, event: Any) -> _Node | None:
        match event:
            case yaml.ScalarEvent():
                style = event.style or ""
                tag = event.tag if event.tag in _TAGS else (_TEXT if style else None)
                return _Scalar(event.value, tag, _mark(event, style))
            case yaml.SequenceStartEvent():
                self._open(event.anchor)
                return _List([], _mark(event))
            case yaml.MappingStartEvent():
                self._open(event.anchor)
                return _Map([], _mark(event))
            case yaml.AliasEvent():
                if event.anchor not in self._anchors:
                    raise Unreadable(
                        f"`*{event.anchor}` refers to no anchor",
                        _mark(event),
                        "put text that starts with `*` in quotes",
                    )
                target = self._anchors[event.anchor]
                if target is None:
                    raise Unreadable(f"`*{event.anchor}` contains itself", _mark(event))
                return target
        return None

    def _open(self, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = None


def _mark(event: Any, style: str = "") -> Mark:
    start, end = event.start_mark, event.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Mark(start.line + 1, start.column + 1, max(width, 1), style)


class _Expander:
    """Nodes to plain data, each alias replaced by its own copy of what it stands for."""

    def __init__(self, limits: ReadLimits, document: Document) -> None:
        self._limits = limits
        self._document = document
        self._nodes = 0
        self._characters = 0

    def expand(self, node: _Node, path: Path) -> Any:
        self._count(node, path)
        if path not in self._document.values:
            self._document.values[path] = node.mark
        match node:
            case _Scalar():
                return scalar(node.text, node.tag)
            case _List():
                return [self.expand(item, (*path, place)) for place, item in enumerate(node.items)]
            case _Map():
                return self._map(node, path)

    def _count(self, node: _Node, path: Path) -> None:
        self._nodes += 1
        if isinstance(node, _Scalar):
            self._characters += len(node.text)
        if self._nodes > self._limits.most_nodes or self._characters > self._limits.most_characters:
            raise Unreadable(
                "the document is too large once its aliases are replaced by what they stand for", node.mark
            )
        if len(path) > self._limits.most_depth:
            raise Unreadable(f"nested deeper than {self._limits.most_depth} levels", node.mark)

    def _map(self, node: _Map, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: list[tuple[_Scalar, _Node]] = []
        for key, value in node.pairs:
            if not isinstance(key, _Scalar):
                raise Unreadable(
                    "a key must be text", key.mark, "put text that starts with `{` or `[` in quotes"
                )
            if key.text == "<<" and key.tag is None and not isinstance(value, _Scalar):
                merged.extend(_pairs_of(value))
                continue
            place = (*path, key.text)
            if key.text in result:
                self._document.repeated.append(Repeated(place, key.mark, self._document.keys[place]))
                continue
            self._document.keys[place] = key.mark
            result[key.text] = self.expand(value, place)
        for key, value in merged:
            if key.text not in result:
                self._document.keys[*path, key.text] = key.mark
                result[key.text] = self.expand(value, (*path, key.text))
        return result


def _pairs_of(merged: _Node) -> Iterator[tuple[_Scalar, _Node]]:
    """What `<<` takes over: the entries of one map, or of a list of maps."""
    for each in merged.items if isinstance(merged, _List) else [merged]:
        if not isinstance(each, _Map):
            raise Unreadable("`<<` takes a map or a list of maps", each.mark)
        for key, value in each.pairs:
            if not isinstance(key, _Scalar):
                raise Unreadable("a key must be text", key.mark)
            yield key, value


_TEXT = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_TAGS = frozenset({_TEXT, _NULL, *(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool"))})
"""Tags that say something about a scalar; others change nothing."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_HEXADECIMAL = re.compile(r"[-+]?0x[0-9a-fA-F_]+")
_BINARY = re.compile(r"[-+]?0b[01_]+")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?)"
)
_MOST_DIGITS = 1000
"""A longer number stays text: reading it would cost time that grows with the square of its length."""


def scalar(text: str, tag: str | None = None) -> Any:
    """The value of a scalar. Quoted ones carry the tag of text; an unknown tag changes nothing."""
    if tag == _TEXT:
        return text
    if tag == _NULL or text in _NULLS:
        return None
    first = text[0]
    if first in "tTfF":
        return _BOOLEANS.get(text, text)
    if first not in "0123456789+-." or len(text) > _MOST_DIGITS:
        return text
    return _number(text)


def _number(text: str) -> Any:
    digits = text.replace("_", "")
    try:
        if _DECIMAL.fullmatch(text):
            return int(digits)
        if _OCTAL.fullmatch(text):
            return int(digits, 8)
        if _HEXADECIMAL.fullmatch(text):
            return int(digits, 16)
        if _BINARY.fullmatch(text):
            return int(digits, 2)
    except ValueError:
        return text
    if _FLOAT.fullmatch(text):
        value = float(digits)
        return value if math.isfinite(value) else text
    return text
