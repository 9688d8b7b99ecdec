"""One file into several."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Annotated

import msgspec
from msgspec import Meta, field

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.task import RunnableTask
from batuta.plugins.core.storage.lines import extension_of, local_copy, pieces

_SIZE = re.compile(r"(\d+)\s*(B|KB|MB|GB|TB)?", re.IGNORECASE)
_UNITS = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_MOST_OPEN_FILES = 200


@plugin("io.kestra.plugin.core.storage.Split")
class Split(RunnableTask):
    """Split a stored file by size, by number of lines, into so many parts, or by a pattern.

    ```yaml
    id: parts
    type: io.kestra.plugin.core.storage.Split
    from: "{{ inputs.file }}"
    rows: 1000
    ```
    """

    from_: Annotated[str, Meta(description="URI of the file.")] = field(name="from")
    bytes: Annotated[
        str | None, Meta(description="Begin a new part once this size is reached, such as 10MB.")
    ] = None
    partitions: Annotated[int | None, Meta(description="Deal the lines out to so many parts.", ge=1)] = None
    rows: Annotated[int | None, Meta(description="Lines per part.", ge=1)] = None
    regex_pattern: Annotated[
        str | None, Meta(description="One part per text of the pattern's first group.")
    ] = None
    separator: Annotated[str, Meta(description="What ends a line.")] = "\n"

    class Output(task.Output, frozen=True):
        """The parts."""

        uris: Annotated[list[str], Meta(description="URIs of the parts in order.")]

    async def run(self, ctx: RunContext) -> Output:
        """Split and store."""
        cut = Cut(
            pattern=self.regex_pattern,
            bytes=self.bytes,
            partitions=self.partitions,
            rows=self.rows,
            separator=self.separator,
        )
        return self.Output(uris=await split_file(ctx, self.from_, cut))


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Where to cut a file; of several rules the first one that is set counts."""

    pattern: str | None = None
    bytes: str | None = None
    partitions: int | None = None
    rows: int | None = None
    separator: str = "\n"

    def apply(self, source: Path, folder: Path, extension: str) -> list[Path]:
        """The parts in order, as new files of a folder."""
        separator = self.separator.encode()
        lines = pieces(source, separator)
        parts = Parts(folder, extension, separator)
        if self.pattern is not None:
            group = grouping(self.pattern)
            for line in lines:
                key = group(line)
                if key is not None:
                    parts.add(key, line)
        elif self.bytes is not None:
            most, number = size(self.bytes), 0
            for line in lines:
                if parts.size(number) >= most:
                    number += 1
                parts.add(number, line)
        elif self.partitions is not None:
            for place, line in enumerate(lines):
                parts.add(place % self.partitions, line)
        elif self.rows is not None:
            for place, line in enumerate(lines):
                parts.add(place // self.rows, line)
        else:
            raise TaskError("one of `bytes`, `rows`, `partitions` or `regexPattern` is needed")
        return parts.close()


async def split_file(ctx: RunContext, uri: str, cut: Cut) -> list[str]:
    """Cut a stored file, and store its parts; their URIs in order."""
    source = await local_copy(ctx, uri)
    folder = source.with_suffix(".parts")
    folder.mkdir()
    parts = await asyncio.to_thread(cut.apply, source, folder, extension_of(uri))
    source.unlink()
    return [await ctx.files.put(part) for part in parts]


class Parts:
    """Files that grow side by side, in the order in which they began."""

    def __init__(self, folder: Path, extension: str, separator: bytes) -> None:
        self._folder = folder
        self._extension = extension
        self._separator = separator
        self._paths: dict[object, Path] = {}
        self._sizes: dict[object, int] = {}
        self._open: dict[object, IO[bytes]] = {}

    def add(self, key: object, line: bytes) -> None:
        """Add a line to a part."""
        file = self._open.get(key)
        if file is None:
            if len(self._open) >= _MOST_OPEN_FILES:
                oldest = next(iter(self._open))
                self._open.pop(oldest).close()
            path = self._paths.setdefault(key, self._folder / f"part-{len(self._paths)}{self._extension}")
            file = self._open[key] = path.open("ab")
        self._sizes[key] = self._sizes.get(key, 0) + file.write(line + self._separator)

    def size(self, key: object) -> int:
        """Bytes of a part so far."""
        return self._sizes.get(key, 0)

    def close(self) -> list[Path]:
        """Finish; the parts in order."""
        for file in self._open.values():
            file.close()
        return list(self._paths.values())


def size(text: str) -> int:
    """Bytes in `10MB`; units are powers of 1024."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise TaskError(f"bytes: `{text}` is not a size; write a number and KB, MB or GB, such as 10MB")
    return int(match[1]) * _UNITS[(match[2] or "B").upper()]


def grouping(pattern: str) -> Callable[[bytes], str | None]:
    """From a line to the text of the pattern's first group; None where it does not match."""
    import re2

    try:
        regex = re2.compile(pattern)
    except re2.error as error:
        raise TaskError(f"regexPattern: `{pattern}` is not a regular expression: {error}") from None
    if regex.groups < 1:
        raise TaskError(
            f"regexPattern: `{pattern}` has no group", mend="put parentheses around what names the part"
        )

    def group(line: bytes) -> str | None:
        match = regex.search(line.decode("utf-8", "replace"))
        return None if match is None else match.group(1)

    return group
