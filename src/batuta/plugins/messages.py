"""What tasks and triggers of message brokers have in common (plugins spec C10)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import IO, Annotated, Any, TypeVar
from uuid import uuid4

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.trigger import SourceDown
from batuta.plugins.rows import RowWriter, read_rows

ROWS_AT_ONCE = 500
CONNECT_SECONDS = 10.0
"""How long a broker may take to answer before it counts as down."""

T = TypeVar("T")

Data = Annotated[
    Any,
    Meta(description="A message as a map, a list of them, JSON text, or the URI of a row file."),
]
MaxRecords = Annotated[int | None, Meta(ge=1, description="Stop after so many messages.")]
MaxDuration = Annotated[timedelta | None, Meta(description="Stop after this time.")]


class Serde(StrEnum):
    """How the content of a message is written."""

    STRING = "STRING"
    JSON = "JSON"
    BYTES = "BYTES"

    def to_bytes(self, value: Any) -> bytes:
        """The bytes of a value.

        Raises:
            TaskError: BYTES, and the value is neither bytes nor base64.
        """
        if isinstance(value, bytes):
            return value
        if self is Serde.JSON:
            return msgspec.json.encode(value)
        if self is Serde.BYTES:
            try:
                return base64.b64decode(str(value), validate=True)
            except ValueError:
                raise TaskError(
                    "with `serdeType: BYTES` a message must be base64", mend="encode it, or use STRING"
                ) from None
        return value.encode() if isinstance(value, str) else msgspec.json.encode(value)

    def of_bytes(self, content: bytes) -> Any:
        """The value of bytes.

        Raises:
            TaskError: JSON, and they are none.
        """
        if self is Serde.BYTES:
            return base64.b64encode(content).decode()
        if self is Serde.STRING:
            return content.decode(errors="replace")
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TaskError(f"a message is not JSON: {error}", mend="set `serdeType: STRING`") from None


async def messages_of(ctx: RunContext, given: Any) -> AsyncIterator[Any]:
    """The messages that a producer was given, one after the other; a row file is read in constant memory.

    Raises:
        TaskError: there are none, or the file does not exist.
    """
    if isinstance(given, str) and given.strip().startswith(("kestra://", "nsfile://", "file://")):
        path = ctx.files.working_dir / f"messages-{uuid4().hex}.ion"
        await ctx.files.fetch(given.strip(), path)
        rows = read_rows(path)
        while some := await asyncio.to_thread(_some, rows):
            for row in some:
                yield row
        return
    if isinstance(given, str):
        try:
            given = msgspec.json.decode(given)
        except msgspec.DecodeError:
            yield given  # a text is a message as well
            return
    if given is None:
        raise TaskError("`from` gives nothing to send", mend="give a map, a list, JSON text or a URI")
    for each in given if isinstance(given, list) else [given]:
        yield each


def _some(rows: Iterator[Any]) -> list[Any]:
    return list(islice(rows, ROWS_AT_ONCE))


class Limits:
    """How long a consumer goes on."""

    def __init__(self, most_records: int | None, most_time: timedelta | None) -> None:
        self._most = most_records
        self._end = None if most_time is None else monotonic() + most_time.total_seconds()

    def room(self, count: int, most: int) -> int:
        """How many more messages may be taken at once."""
        return most if self._most is None else min(most, self._most - count)

    def seconds(self, most: float) -> float:
        """How long to wait for the next one."""
        return most if self._end is None else min(most, max(self._end - monotonic(), 0.0))

    def reached(self, count: int) -> bool:
        """It is enough."""
        return (self._most is not None and count >= self._most) or (
            self._end is not None and monotonic() >= self._end
        )


class RowFile:
    """Messages that were received, as a row file of the attempt."""

    def __init__(self, ctx: RunContext) -> None:
        self._ctx = ctx
        self._path: Path = ctx.files.working_dir / f"messages-{uuid4().hex}.ion"
        self._file: IO[bytes] = self._path.open("wb")
        self._writer = RowWriter(self._file)

    @property
    def count(self) -> int:
        """How many there are."""
        return self._writer.count

    def add(self, row: Any) -> None:
        """Add one."""
        self._writer.write(row)

    async def stored(self) -> str:
        """Store the file; its URI."""
        self._file.close()
        return await self._ctx.files.put(self._path)


def instant(text: str | None, name: str) -> datetime | None:
    """An ISO 8601 instant among the properties.

    Raises:
        TaskError: it is none.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise TaskError(f"`{name}` must be an instant such as 2026-01-01T00:00:00Z, not `{text}`") from None
    return found.astimezone() if found.tzinfo is None else found


@asynccontextmanager
async def reaching(what: str, *errors: type[BaseException]) -> AsyncIterator[None]:
    """Errors of a library that mean: the broker cannot be reached. Triggers then wait for it.

    Raises:
        SourceDown: instead of them.
    """
    try:
        yield
    except TaskError:
        raise
    except Exception as error:
        if not isinstance(error, (OSError, *errors)):
            raise
        why = str(error).strip() or type(error).__name__
        raise SourceDown(f"{what} cannot be reached: {why}", mend="it is tried again by itself") from error


def settling(*steps: Callable[[], Coroutine[Any, Any, Any]]) -> Callable[[], Coroutine[Any, Any, None]]:
    """Several steps as one."""

    async def settle() -> None:
        for step in steps:
            await step()

    return settle
