"""What lies in a folder of this machine."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext

MOST_FILES = 25

From = Annotated[str, Meta(min_length=1, description="Folder; an absolute path of the machine.")]
RegExp = Annotated[str | None, Meta(description="Pattern that the whole path must fit.")]
Recursive = Annotated[bool, Meta(description="Folders inside it, too.")]
MaxFiles = Annotated[int, Meta(ge=1, description="Most files at once.")]
Action = Annotated[
    Literal["NONE", "MOVE", "DELETE"], Meta(description="What becomes of the files afterwards.")
]
MoveDirectory = Annotated[str | None, Meta(description="Folder that they are moved to, with MOVE.")]


class File(task.Output, frozen=True):
    """A file, as flows see it."""

    local_path: Annotated[str, Meta(description="Path on the machine.")]
    name: Annotated[str, Meta(description="Its last part.")]
    size: Annotated[int, Meta(description="Bytes.")]
    file_type: Annotated[str, Meta(description="FILE or DIRECTORY.")]
    created_date: Annotated[datetime, Meta(description="When its entry was changed last.")]
    updated_date: Annotated[datetime, Meta(description="When its content was changed last.")]
    uri: Annotated[str, Meta(description="The path as `file://`.")]
    parent: Annotated[str, Meta(description="Folder that it lies in.")]


class Entry(msgspec.Struct, frozen=True):
    """A file that was found, and what its content is known by."""

    path: Path
    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    is_folder: bool

    def version(self, *, strict: bool) -> str:
        """Another text for another content; with `strict` for another file of the same content, too."""
        text = f"{self.mtime_ns}:{self.size}"
        return f"{text}:{self.inode}:{self.ctime_ns}" if strict else text

    def shown(self) -> File:
        """As flows see it."""
        return File(
            local_path=str(self.path),
            name=self.path.name,
            size=self.size,
            file_type="DIRECTORY" if self.is_folder else "FILE",
            created_date=datetime.fromtimestamp(self.ctime_ns / 1e9, UTC),
            updated_date=datetime.fromtimestamp(self.mtime_ns / 1e9, UTC),
            uri=f"file://{self.path}",
            parent=str(self.path.parent),
        )


def listed(
    ctx: RunContext, folder: Path, regexp: str | None, *, recursive: bool, folders: bool = False
) -> list[Entry]:
    """Regular files of a folder that fit, oldest first; links that lead out of what is open are left out.

    Raises:
        TaskError: the folder does not exist, or the pattern is none.
    """
    if not folder.is_dir():
        raise TaskError(f"there is no folder `{folder}`", mend="make it, or correct `from`")
    fits = _fitting(regexp)
    found = []
    for path in _walk(folder, recursive=recursive):
        entry = entry_of(path)
        if entry is None or (entry.is_folder and not folders) or not fits(str(path)):
            continue
        try:
            ctx.files.on_machine(str(path))
        except TaskError:
            continue
        found.append(entry)
    return sorted(found, key=lambda each: (each.mtime_ns, each.path))


def entry_of(path: Path) -> Entry | None:
    """A regular file or a folder; None for anything else, and for what is gone meanwhile."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        return None
    is_folder = stat.S_ISDIR(found.st_mode)
    return Entry(path, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, is_folder)


def _walk(folder: Path, *, recursive: bool) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if recursive and path.is_dir() and not path.is_symlink():
            yield from _walk(path, recursive=True)


def _fitting(pattern: str | None) -> Any:
    if pattern is None:
        return lambda text: True
    import re2  # linear time, whatever the pattern

    try:
        compiled = re2.compile(pattern)
    except (re2.error, re.error) as error:
        raise TaskError(f"`regExp` is no pattern: {error}") from None
    return lambda text: compiled.fullmatch(text) is not None


def moved(entry: Path, folder: Path) -> Path:
    """Move a file into a folder, over one of the same name; where it is now."""
    import shutil

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / entry.name
    shutil.move(entry, target)
    return target
