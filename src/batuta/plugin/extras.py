"""Optional libraries: which extra of ours brings what, and whether it is here."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+).*;.*\bextra\s*==\s*[\"'](?P<extra>[\w.-]+)[\"']")


def is_missing(extra: str) -> bool:
    """A library that the extra brings is not installed; False for an extra that nobody declares."""
    return any(not _is_installed(name) for name in _libraries().get(extra, ()))


def command(extra: str) -> str:
    """What to run to get it."""
    return f"pip install 'batuta[{extra}]'"


@cache
def _libraries() -> dict[str, tuple[str, ...]]:
    """Names of distributions by extra, as our own distribution declares them."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        requirements = metadata.requires("batuta") or ()
    except metadata.PackageNotFoundError:  # run from a folder that was never installed
        return found
    for requirement in requirements:
        if match := _REQUIREMENT.match(requirement):
            found[match["extra"]] = (*found.get(match["extra"], ()), match["name"])
    return found


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
