"""Server-sent events, from text as it comes (WHATWG HTML §9.2.6).

A stream is cut into lines, lines into events by empty ones. What comes in pieces is kept until it is whole;
what is not whole at the end is dropped, as the standard has it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

import msgspec

_END_OF_LINE = re.compile(r"\r\n|\n|\r")


class ServerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event."""

    data: str | None = None
    name: str | None = None
    id: str | None = None
    comment: str | None = None
    retry: int | None = None
    """After how many milliseconds the server wants to be asked again."""


class EventStream:
    """Takes bytes and gives events."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._data: list[str] = []
        self._comments: list[str] = []
        self._name: str | None = None
        self._id: str | None = None
        self._retry: int | None = None

    def feed(self, content: bytes) -> Iterator[ServerEvent]:
        """The events that are whole with these bytes."""
        self._rest += self._decoder.decode(content)
        while match := _END_OF_LINE.search(self._rest):
            if match[0] == "\r" and match.end() == len(self._rest):
                return  # a \n may follow
            line, self._rest = self._rest[: match.start()], self._rest[match.end() :]
            if line:
                self._take(line)
            elif event := self._whole():
                yield event

    def _take(self, line: str) -> None:
        if line.startswith(":"):
            self._comments.append(line[1:].removeprefix(" "))
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._name = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self._retry = int(value)

    def _whole(self) -> ServerEvent | None:
        """The event that an empty line ends; None for a line that ends nothing."""
        event = ServerEvent(
            data="\n".join(self._data) if self._data else None,
            name=self._name,
            id=self._id,
            comment="\n".join(self._comments) if self._comments else None,
            retry=self._retry,
        )
        is_empty = not (self._data or self._comments) and self._retry is None
        # The id holds for the events that follow as well.
        self._data, self._comments, self._name, self._retry = [], [], None, None
        return None if is_empty else event
