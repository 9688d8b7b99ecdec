"""The one way from a name that somebody gave us to a place in a tree.

Every path that comes from a flow, a request, an archive or a URI goes through `inside`; nothing else joins
such names to a folder. A name is refused rather than repaired: a repaired name is one that somebody else
can spell differently.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

from batuta.errors import InvalidRequest

MOST_BYTES = 4_096
"""Longest name as a whole, in UTF-8."""
MOST_NAMESPACE = 255
"""Longest namespace."""

_RESERVED = frozenset({"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}) | frozenset(
    f"{device}{digit}" for device in ("COM", "LPT") for digit in "0123456789¹²³"
)
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEPT_SEGMENTS = frozenset({"_files", "_file_versions", "_file_folders", "_kv", "_messages"})
"""Folders in which a namespace keeps what is its own: no namespace may lie in those of its parent."""


def inside(root: Path, name: str, *, flat: bool = False) -> Path:
    """The place of `name` below `root`.

    `name` is relative, with `/` between its parts; with `flat` it has one part. The place need not exist.
    Symbolic links on the way may lead to other places below `root`, never outside.

    Raises:
        InvalidRequest: the name is no such name, or leads outside.
    """
    parts = checked_parts(name)
    if flat and len(parts) != 1:
        raise _refused(name, "it may not name folders")
    place = root.joinpath(*parts)
    _check_links(root, place, name)
    return place


def is_inside(root: Path, place: Path) -> bool:
    """A place is below `root`, or `root` itself, once links are followed.

    For names that a file system has given, which may be odd; one that a person gives goes through `inside`.
    """
    real_root = os.path.realpath(root)
    return os.path.commonpath((real_root, os.path.realpath(place))) == real_root


def checked_parts(name: str) -> list[str]:
    """The parts of a relative name, none of them dangerous on any system.

    Raises:
        InvalidRequest: the name is empty or absolute, or one of its parts is.
    """
    if not name:
        raise InvalidRequest("A file name is empty", mend="give a relative path such as `folder/file.txt`")
    if len(name.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise _refused(name[:60] + "…", f"it is longer than {MOST_BYTES} bytes")
    if name.startswith("/"):
        raise _refused(name, "it is absolute")
    parts = name.split("/")
    for part in parts:
        _check_part(name, part)
    return parts


def checked_namespace(name: str) -> str:
    """A namespace whose files are in a place of its own: words joined by dots.

    Raises:
        InvalidRequest: it is none, or leads into what another namespace keeps.
    """
    segments = name.split(".")
    if not _NAMESPACE.fullmatch(name) or len(name) > MOST_NAMESPACE or not all(segments):
        raise InvalidRequest(
            f"`{name[:60]}` is not a namespace",
            mend="give words of letters, digits, `-` and `_`, joined by single dots, such as `company.team`",
        )
    if not _KEPT_SEGMENTS.isdisjoint(segments):
        raise InvalidRequest(f"`{name}` is not a namespace: a part of it is kept for the files of another")
    return name


def slugify(text: str) -> str:
    """A flow or task id as a part of a path: `04_postgres_taxi` becomes `04-postgres-taxi`."""
    plain = unicodedata.normalize("NFD", re.sub(r"[\s_]", "-", text))
    return re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9-]", "", plain)).strip("-").lower()


def _check_part(name: str, part: str) -> None:
    if part in ("", ".", ".."):
        raise _refused(
            name, f"`{part}` is not the name of a file or folder" if part else "a part of it is empty"
        )
    if "\\" in part:
        raise _refused(name, "it contains a backslash")
    if _CONTROL.search(part):
        raise _refused(name, "it contains a control character")
    if any("\ud800" <= character <= "\udfff" for character in part):
        raise _refused(name, "it is not proper Unicode text")
    if _DRIVE.match(part):
        raise _refused(name, "it names a drive")
    if part.endswith((" ", ".")):
        raise _refused(name, "a part of it ends with a blank or a dot, which some systems drop")
    if part.split(".")[0].rstrip(" ").upper() in _RESERVED:
        raise _refused(name, f"`{part}` is the name of a device on some systems")
    # A name that turns into a dangerous one when somebody decodes it once too often.
    decoded = part
    while "%" in decoded and (again := unquote(decoded)) != decoded:
        decoded = again
    if decoded != part and (decoded in ("", ".", "..") or re.search(r"[/\\\x00]", decoded)):
        raise _refused(name, "it hides a path in percent signs")
    # Some systems store a name in another Unicode form than the one that was checked.
    plain = unicodedata.normalize("NFKC", decoded)
    if plain != decoded and (plain.strip(" ") in ("", ".", "..") or re.search(r"[/\\]", plain)):
        raise _refused(name, "it hides a path in characters that look like others")


def _check_links(root: Path, place: Path, name: str) -> None:
    """Refuse a place that symbolic links put outside. `realpath` follows those that exist."""
    if not is_inside(root, place):
        raise _refused(name, "a symbolic link leads outside")


def _refused(name: str, reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"`{name!r}` is not an acceptable path: {reason}".replace("`'", "`").replace("'`", "`"),
        mend="give a relative path with `/` between its parts, such as `folder/file.txt`",
    )
