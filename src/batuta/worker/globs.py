"""Globs over relative paths, anchored at the working directory (plugins spec B2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from batuta.errors import TaskError

Matches = Callable[[str], bool]


@lru_cache(maxsize=1024)
def glob_regex(pattern: str) -> re.Pattern[str]:
    """The regular expression of a glob: `*` and `?` stay within a folder, `**` crosses folders.

    Raises:
        TaskError: a brace or bracket is not closed.
    """
    text, place, depth = "", 0, 0
    while place < len(pattern):
        character = pattern[place]
        place += 1
        if character == "*":
            if pattern[place : place + 1] == "*":
                while pattern[place : place + 1] == "*":
                    place += 1
                text += ".*"
            else:
                text += "[^/]*"
        elif character == "?":
            text += "[^/]"
        elif character == "[":
            end = pattern.find("]", place + 1)
            if end < 0:
                raise TaskError(f"`{pattern}`: `[` is not closed", mend="write `\\[` for a bracket in a name")
            members = pattern[place:end].replace("\\", "\\\\").replace("[", "\\[")
            negated = members[:1] in ("!", "^")
            text += "(?!/)[" + ("^" + members[1:] if negated else members) + "]"
            place = end + 1
        elif character == "{":
            text += "(?:"
            depth += 1
        elif character == "}" and depth:
            text += ")"
            depth -= 1
        elif character == "," and depth:
            text += "|"
        elif character == "\\" and place < len(pattern):
            text += re.escape(pattern[place])
            place += 1
        else:
            text += re.escape(character)
    if depth:
        raise TaskError(f"`{pattern}`: `{{` is not closed", mend="write `\\{` for a brace in a name")
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise TaskError(f"`{pattern}` is not a glob: {error}") from None


def matcher(pattern: str, folder: str) -> Matches:
    """A test of paths relative to `folder`.

    `regex:` and `glob:` patterns see the absolute path, as does a pattern that begins with the folder itself.
    """
    if pattern.startswith("regex:"):
        import re2

        try:
            regex = re2.compile(pattern.removeprefix("regex:"))
        except re2.error as error:
            raise TaskError(f"`{pattern}` is not a regular expression: {error}") from None
        return lambda path: regex.fullmatch(f"{folder}/{path}") is not None
    absolute = pattern.startswith("glob:") or pattern.startswith(folder + "/")
    glob = glob_regex(pattern.removeprefix("glob:") if absolute else pattern.removeprefix("./"))
    if absolute:
        return lambda path: glob.fullmatch(f"{folder}/{path}") is not None
    return lambda path: glob.fullmatch(path) is not None


def namespace_matcher(pattern: str) -> Matches:
    """A test of the paths of namespace files; the root of the namespace is `/`.

    A pattern that begins with a word is looked for in every folder (triggers-and-stores spec A16.2).
    """
    if pattern.startswith("regex:"):
        return matcher(pattern, "")
    pattern = pattern.removeprefix("glob:")
    if pattern[:1].isalnum() or pattern[:1] == "_":
        pattern = f"**/{pattern}"
    elif not pattern.startswith("/"):
        plain = glob_regex(pattern)
        return lambda path: any(plain.fullmatch(form) for form in (path, f"/{path}"))
    rooted = glob_regex(pattern)
    return lambda path: rooted.fullmatch(f"/{path}") is not None


def is_glob(pattern: str) -> bool:
    """The text stands for more than one name."""
    return pattern.startswith(("regex:", "glob:")) or any(sign in pattern for sign in "*?[{")
