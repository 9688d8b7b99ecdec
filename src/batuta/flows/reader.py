"""YAML text to plain data, and where each piece of it stands.

Nothing is ever constructed from a tag: a document is maps with text keys, lists, text, numbers, booleans and
null. Scalars follow the rules that flows were written for: `on`, `yes` and dates stay text, `0o17` is text
and `017` is octal. The parser's events are consumed one by one, so that nothing in a text (depth, aliases
that double themselves, sheer size) can cost more than `ReadLimits` allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import yaml

from batuta.flows.document import Document, Mark, Path, Repeated, Unreadable
from batuta.flows.scalars import TAGS, TEXT, scalar


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
                tag = event.tag if event.tag in TAGS else (TEXT if style else None)
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
