"""Changes to a flow's text that leave its comments, its order and everything else alone."""

from __future__ import annotations

import re

from batuta.flows.document import Path, Unreadable
from batuta.flows.reader import ReadLimits, load

_SEPARATOR = re.compile(r"^---[ \t]*(?:#[^\n]*)?$", re.MULTILINE)


class Part:
    """One document of a text. Attributes: `source`, and `first_line`, the number of its first line in the
    text."""

    __slots__ = ("first_line", "source")

    def __init__(self, source: str, first_line: int) -> None:
        self.source = source
        self.first_line = first_line


def parts(text: str) -> list[Part]:
    """The documents of a text, split at lines `---`; what is blank or only comments between them is left out.

    A text without such a line is one document, word for word.
    """
    found: list[Part] = []
    start = 0
    ends = [(match.start(), match.end()) for match in _SEPARATOR.finditer(text.replace("\r\n", " \n"))]
    if not ends:
        return [Part(text, 1)]
    for stop, resume in [*ends, (len(text), len(text))]:
        piece = text[start:stop]
        lead = len(piece) - len(piece.lstrip("\r\n"))
        body = piece.strip("\r\n")
        if any(line.strip() and not line.lstrip().startswith("#") for line in body.splitlines()):
            found.append(Part(body, text.count("\n", 0, start + lead) + 1))
        start = resume
    return found or [Part(text, 1)]


def split_documents(text: str) -> list[str]:
    """The documents of a text, split at lines `---`."""
    return [part.source for part in parts(text)]


def strip_revision(source: str) -> str:
    """The text without its top-level `revision:` line, which the server assigns itself."""
    line = _top_level_line(source, "revision")
    if line is None:
        return source
    lines = source.splitlines(keepends=True)
    del lines[line]
    return "".join(lines)


def set_disabled(source: str, disabled: bool) -> str:
    """The text with its top-level `disabled:` set: an existing line is changed, else one is added at the
    end."""
    value = "true" if disabled else "false"
    line = _top_level_line(source, "disabled")
    if line is None:
        newline = "\r\n" if "\r\n" in source else "\n"
        body = source if not source or source.endswith("\n") else source + newline
        return f"{body}disabled: {value}{newline if source.endswith(chr(10)) else ''}"
    lines = source.splitlines(keepends=True)
    lines[line] = re.sub(r"^([^:]*:[ \t]*)[^\s#]*", rf"\g<1>{value}", lines[line], count=1).replace(
        f":{value}", f": {value}"
    )
    return "".join(lines)


def replace_task(source: str, task_id: str, text: str) -> str | None:
    """The text with a task replaced by the YAML of another; None when the task is not there, or is written in
    a way in which it cannot be exchanged alone, such as within `[...]`."""
    document = load(source, ReadLimits())
    place = next(
        (
            path[:-1]
            for path, mark in document.values.items()
            if path and path[-1] == "id" and _text_at(document.data, path) == task_id and "inputs" not in path
        ),
        None,
    )
    if place is None or not place:
        return None
    start = document.values[place]
    lines = source.splitlines(keepends=True)
    before = lines[start.line - 1][: start.column - 1]
    if before.strip() not in ("-", ""):
        return None
    stop = start.line
    while stop < len(lines) and _belongs(lines[stop], start.column - 1):
        stop += 1
    while stop > start.line and not lines[stop - 1].strip():
        stop -= 1
    indent = " " * (start.column - 1)
    body = [line if not line.strip() else indent + line for line in text.splitlines(keepends=True)]
    return "".join(
        [*lines[: start.line - 1], before + text.splitlines(keepends=True)[0], *body[1:], *lines[stop:]]
    )


def _text_at(data: object, path: Path) -> object:
    for part in path:
        data = data[part]  # type: ignore[index]
    return data


def _belongs(line: str, indent: int) -> bool:
    """The line is part of a block that stands at an indent."""
    return not line.strip() or len(line) - len(line.lstrip(" ")) >= indent


def _top_level_line(source: str, name: str) -> int | None:
    """The index of the line on which a scalar property of the flow itself stands, or None."""
    try:
        document = load(source, ReadLimits())
    except Unreadable:
        pattern = re.compile(rf"{name}[ \t]*:[ \t]*\S+[ \t]*(?:#.*)?")
        return next((at for at, line in enumerate(source.splitlines()) if pattern.fullmatch(line)), None)
    mark = document.keys.get((name,))
    if mark is None or mark.column != 1 or document.values[name,].line != mark.line:
        return None
    return mark.line - 1
