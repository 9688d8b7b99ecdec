"""Zip archives that somebody gave us: no member leads outside, none is a link, none unpacks without end.

What a member says of its own size is not believed: bytes are counted as they come out.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from batuta.errors import InvalidRequest
from batuta.paths import checked_parts

MOST_MEMBERS = 10_000
MOST_UNPACKED_BYTES = 10 * 1024**3
MOST_RATIO = 200
"""How many times its packed size a member may have; small ones may have more."""
FREE_BYTES = 10 * 1024**2
"""Up to this size a member's ratio does not matter."""
CHUNK_BYTES = 256 * 1024

_DAMAGES = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError)


class Member(msgspec.Struct, frozen=True):
    """A file of an archive, or a folder."""

    name: str
    """Checked: relative, with `/` between its parts."""
    is_folder: bool
    mode: int
    """Permissions as Unix has them; 0 where the archive does not say."""
    copy_to: Callable[[IO[bytes]], int]
    """Writes the content into a file that is open, and gives the number of bytes."""


def members(
    archive: Path | IO[bytes],
    *,
    most_members: int = MOST_MEMBERS,
    most_bytes: int = MOST_UNPACKED_BYTES,
) -> Iterator[Member]:
    """The members of a zip archive, one after the other; every name is checked before the first one comes.

    Raises:
        InvalidRequest: it is no zip archive, or one of its members is not to be trusted.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except _DAMAGES as error:
        raise InvalidRequest(f"The archive cannot be read: {error}", mend="give a zip archive") from None
    with opened as source:
        entries = source.infolist()
        if len(entries) > most_members:
            raise InvalidRequest(f"The archive has {len(entries)} members; at most {most_members} are read")
        named = [(entry, _checked_name(entry)) for entry in entries]
        left = [most_bytes]
        for entry, name in named:
            if name:
                yield Member(name, entry.is_dir(), entry.external_attr >> 16, _copier(source, entry, left))


def _checked_name(entry: zipfile.ZipInfo) -> str:
    """The name of a member; empty for the archive's own root."""
    # `filename` was cut at a NUL and given slashes; what the archive really says is in `orig_filename`.
    name = entry.orig_filename
    if entry.is_dir():
        name = name.removesuffix("/")
        if name in ("", "."):
            return ""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InvalidRequest(
            f"The archive's member `{name[:200]}` is a link or a device",
            mend="pack the files themselves: `zip -r` follows links",
        )
    if entry.flag_bits & 0x1:
        raise InvalidRequest(
            f"The archive's member `{name[:200]}` is encrypted", mend="pack it without a password"
        )
    try:
        checked_parts(name)
    except InvalidRequest as error:
        raise InvalidRequest(f"The archive cannot be unpacked: {error.what}", mend=error.mend) from None
    return name


def _copier(source: zipfile.ZipFile, entry: zipfile.ZipInfo, left: list[int]) -> Callable[[IO[bytes]], int]:
    most = max(FREE_BYTES, entry.compress_size * MOST_RATIO)

    def copy(target: IO[bytes]) -> int:
        size = 0
        try:
            with source.open(entry) as content:
                while chunk := content.read(CHUNK_BYTES):
                    size += len(chunk)
                    left[0] -= len(chunk)
                    if size > most or left[0] < 0:
                        raise InvalidRequest(
                            f"The archive's member `{entry.filename}` unpacks to more than is read here",
                            mend="send large files by themselves",
                        )
                    target.write(chunk)
        except RuntimeError as error:
            raise InvalidRequest(f"The archive cannot be read: {error}") from None
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
            raise InvalidRequest(f"The archive is damaged at `{entry.filename}`: {error}") from None
        return size

    return copy
