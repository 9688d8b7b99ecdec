"""Which known name was meant by one that is not known: the one place where suggestions are made."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

MOST_COMPARED = 2000
"""Known names that are looked at; comparing costs time for each."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like `name`, or None if none does. Case, `_` and `-` do not count."""
    from difflib import get_close_matches

    by_folded: dict[str, str] = {}
    for each in islice(known, MOST_COMPARED):
        by_folded.setdefault(_folded(each), each)
    exact = by_folded.get(_folded(name))
    if exact is not None:
        return exact
    near = get_close_matches(_folded(name), by_folded, n=1)
    return by_folded[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The question that suggests the nearest name, if there is one."""
    near = nearest(name, known)
    return f"did you mean `{near}`?" if near else None


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
