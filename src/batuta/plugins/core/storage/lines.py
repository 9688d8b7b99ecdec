"""Stored files as streams of lines: local copies in, new files out, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from batuta import ids
from batuta.errors import InvalidRequest, TaskError
from batuta.paths import inside
from batuta.plugin.context import RunContext

_CHUNK_BYTES = 1_048_576


async def local_copy(ctx: RunContext, uri: str) -> Path:
    """A copy in the working directory with the file's extension, under a name that nothing else has."""
    path = new_file(ctx, extension_of(uri))
    await ctx.files.fetch(uri, path)
    return path


def new_file(ctx: RunContext, extension: str) -> Path:
    """A path in the working directory that does not exist.

    Raises:
        TaskError: with the extension it would be no name of a file.
    """
    try:
        return inside(ctx.files.working_dir, ids.random_id() + extension, flat=True)
    except InvalidRequest as error:
        raise TaskError(f"extension: {error.what}", mend="give an extension such as `.csv`") from None


def extension_of(uri: str) -> str:
    """`.csv` for a URI that ends so; empty when there is none."""
    return PurePosixPath(uri).suffix


def pieces(path: Path, separator: bytes) -> Iterator[bytes]:
    """The file's pieces without their separators; a separator at the very end begins no further piece."""
    with path.open("rb") as file:
        if separator == b"\n":
            for line in file:
                yield line[:-1] if line.endswith(b"\n") else line
            return
        waiting = b""
        while chunk := file.read(_CHUNK_BYTES):
            *whole, waiting = (waiting + chunk).split(separator)
            yield from whole
        if waiting:
            yield waiting


def pieces_backwards(path: Path, separator: bytes) -> Iterator[bytes]:
    """The file's pieces, last one first."""
    with path.open("rb") as file:
        place = file.seek(0, 2)
        waiting = b""
        first = True
        while place > 0:
            size = min(_CHUNK_BYTES, place)
            place -= size
            file.seek(place)
            waiting = file.read(size) + waiting
            if first and len(waiting) >= len(separator):
                waiting = waiting.removesuffix(separator)
                first = False
            waiting, *whole = waiting.split(separator)
            yield from reversed(whole)
        if waiting or not first:
            yield waiting
