"""Type name to class: every task, trigger and runner type, found without importing what is not used.

Each family of types declares an *index*, a module with two dictionaries of text: `TYPES` (type name to
`module:Class`) and `ALIASES` (older name to type name). Indexes cost nothing to read; the module of a type is
imported when the type is first used. Our own indexes are named below; those of other distributions are found
through the entry-point group `batuta.plugins` when a name is not ours.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

OWN_INDEXES = ("batuta.engine.index", "batuta.plugins.index")
ENTRY_POINT_GROUP = "batuta.plugins"

_MOVED_PREFIXES = (
    ("io.kestra.core.tasks.flows.", "io.kestra.plugin.core.flow."),
    ("io.kestra.core.tasks.log.", "io.kestra.plugin.core.log."),
    ("io.kestra.core.tasks.debugs.", "io.kestra.plugin.core.debug."),
    ("io.kestra.core.tasks.executions.", "io.kestra.plugin.core.execution."),
    ("io.kestra.core.tasks.storages.", "io.kestra.plugin.core.storage."),
    ("io.kestra.core.tasks.states.", "io.kestra.plugin.core.state."),
    ("io.kestra.core.tasks.trigger.", "io.kestra.plugin.core.trigger."),
    ("io.kestra.plugin.fs.http.", "io.kestra.plugin.core.http."),
    ("io.kestra.core.models.triggers.types.", "io.kestra.plugin.core.trigger."),
    ("io.kestra.core.models.conditions.types.", "io.kestra.plugin.core.condition."),
)
"""Families that were renamed as a whole (flow spec §1.4); single renames are aliases of an index."""

T = TypeVar("T", bound=type)


def plugin(name: str, *, aliases: tuple[str, ...] = ()) -> Callable[[T], T]:
    """Give a class its type name; the index of its family must list it."""

    def mark(cls: T) -> T:
        cls.type_name = name  # type: ignore[attr-defined]
        cls.type_aliases = aliases  # type: ignore[attr-defined]
        return cls

    return mark


@cache
def _own() -> tuple[dict[str, str], dict[str, str]]:
    return _read(importlib.import_module(name) for name in OWN_INDEXES)


@cache
def _foreign() -> tuple[dict[str, str], dict[str, str]]:
    return _read(point.load() for point in entry_points(group=ENTRY_POINT_GROUP))


def _read(indexes: Iterator[Any]) -> tuple[dict[str, str], dict[str, str]]:
    types: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for index in indexes:
        types.update(index.TYPES)
        aliases.update(index.ALIASES)
    return types, aliases


def canonical(name: str) -> str | None:
    """The present name of a type, whatever age of name is given; None when there is no such type."""
    for types, aliases in (_own(), _foreign()):
        if name in types:
            return name
        if name in aliases:
            return aliases[name]
        for old, new in _MOVED_PREFIXES:
            if name.startswith(old):
                moved = new + name.removeprefix(old)
                if moved in types:
                    return moved
                if moved in aliases:
                    return aliases[moved]
    return None


@cache
def load(name: str) -> type[Any]:
    """The class of a canonical type name; a stand-in where its module cannot be imported (see `problem`).

    Raises:
        KeyError: there is no such type.
    """
    place = _own()[0].get(name) or _foreign()[0][name]
    module, _, attribute = place.partition(":")
    try:
        cls: type[Any] = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # a border: the module may be anybody's
        return _stand_in(name, f"{type(error).__name__}: {error}")
    return cls


def problem(cls: type[Any]) -> str | None:
    """Why the class of a type cannot be had; None for a class that is the type's own."""
    found: str | None = getattr(cls, "cannot_be_loaded", None)
    return found


def _stand_in(name: str, why: str) -> type[Any]:
    """A task without properties, so that flows with such a type can be read, kept and looked at."""
    import msgspec

    from batuta.plugin.task import RunnableTask

    about = {"type_name": name, "cannot_be_loaded": why, "__doc__": f"Cannot be loaded: {why}"}
    return msgspec.defstruct(
        name.rpartition(".")[2], [], bases=(RunnableTask,), namespace=about, kw_only=True
    )


def names() -> list[str]:
    """Every canonical type name, sorted."""
    return sorted({*_own()[0], *_foreign()[0]})


def nearest(name: str) -> str | None:
    """The type name that looks most like `name`, for "did you mean"; last parts count before whole names."""
    every = names()
    by_last: dict[str, list[str]] = {}
    for each in every:
        by_last.setdefault(each.rpartition(".")[2].lower(), []).append(each)
    last = get_close_matches(name.rpartition(".")[2].lower(), list(by_last), n=1, cutoff=0.75)
    candidates = by_last[last[0]] if last else every
    found = get_close_matches(name, candidates, n=1, cutoff=0.3 if last else 0.6)
    return found[0] if found else None
