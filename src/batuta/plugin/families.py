"""The types that flows are written with, by family, each with its page: offline what the reference shows."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from textwrap import indent
from typing import Any

import msgspec

from batuta.errors import InvalidRequest
from batuta.plugin import extras, pages, registry, schema
from batuta.plugin.condition import Condition
from batuta.plugin.trigger import Trigger

_PLUGIN = "io.kestra.plugin."
_OWN = "io.batuta."
_OLD_SCRIPTS = "io.kestra.core.tasks.scripts."


class Entry(msgspec.Struct, frozen=True):
    """One type."""

    type: str
    kind: str
    """`task`, `trigger`, `condition` or `task runner`."""
    family: str
    """`core.http`, `scripts` ...: the name of its page."""
    title: str
    """What it does, in a sentence."""
    aliases: tuple[str, ...] = ()
    """Older names that still work."""
    extra: str | None = None
    """The extra that brings the library it needs."""

    @property
    def short(self) -> str:
        """The last two parts of its name."""
        return ".".join(self.type.split(".")[-2:])


def entries() -> list[Entry]:
    """Every type that an author may write, by family and name; parts of other types are left out."""
    found = (_entry(name) for name in registry.names() if "$" not in name)
    return sorted(found, key=lambda each: (each.family, each.type))


def _entry(name: str) -> Entry:
    cls = registry.load(name)
    return Entry(
        type=name,
        kind=_kind(name, cls),
        family=family(name),
        title=schema.page_of(cls).title,
        aliases=getattr(cls, "type_aliases", ()),
        extra=extra if isinstance(extra := getattr(cls, "extra", None), str) else None,
    )


def _kind(name: str, cls: type[Any]) -> str:
    if issubclass(cls, Trigger):
        return "trigger"
    if issubclass(cls, Condition):
        return "condition"
    return "task runner" if ".runner." in name else "task"


def family(name: str) -> str:
    """The family of a type: the package for the core, its first part for what stands beside the core."""
    package = name.rpartition(".")[0]
    if package.startswith(_PLUGIN + "core."):
        return package.removeprefix(_PLUGIN)
    if name.startswith(_OLD_SCRIPTS):
        return "scripts"
    for prefix in (_PLUGIN, _OWN):
        if package.startswith(prefix):
            return package.removeprefix(prefix).partition(".")[0]
    return package


def find(name: str) -> Entry:
    """The type of a name: the whole name of any age, or the end of one as far as that is certain.

    Raises:
        InvalidRequest: there is no such type, or there are several.
    """
    whole = registry.canonical(name)
    if whole is not None:
        return _entry(whole)
    ending = f".{name.lower()}"
    found = [each for each in registry.names() if "$" not in each and each.lower().endswith(ending)]
    if len(found) == 1:
        return _entry(found[0])
    if found:
        raise InvalidRequest(f"`{name}` may be {_listed(found)}", mend="write more of the name")
    near = registry.nearest(name) or _nearest_ending(name)
    mend = f"did you mean `{near}`?" if near else "`batuta plugin list` names all types"
    raise InvalidRequest(f"there is no type `{name}`", mend=mend)


def _nearest_ending(name: str) -> str | None:
    """The type whose last parts, as many as `name` has, look most like it."""
    parts = name.count(".") + 1
    endings = {".".join(each.split(".")[-parts:]).lower(): each for each in registry.names()}
    near = get_close_matches(name.lower(), list(endings), n=1, cutoff=0.6)
    return endings[near[0]] if near else None


def _listed(names: list[str]) -> str:
    *others, last = [f"`{name}`" for name in names]
    return f"{', '.join(others)} or {last}"


def page(entry: Entry, *, level: int = 1) -> str:
    """The page of a type."""
    cls = registry.load(entry.type)
    words = schema.page_of(cls)
    definitions: schema.Json = {}
    own = schema.object_schema(cls, definitions, dynamic=False)
    outputs = schema.outputs_schema(cls, definitions)
    paragraphs = [words.title, words.description, "".join(_older(entry)), "".join(_needed(entry))]
    examples = [_in_place(entry.kind, example) for example in words.examples]
    return pages.page(entry.type, paragraphs, examples, own, outputs, definitions, level=level)


def _older(entry: Entry) -> Iterator[str]:
    if entry.aliases:
        names = ", ".join(f"`{each}`" for each in entry.aliases)
        yield f"Older name{'s' if entry.aliases[1:] else ''}: {names}."


def _needed(entry: Entry) -> Iterator[str]:
    if entry.extra is not None:
        yield f"It needs a library that is an extra: `{extras.command(entry.extra)}`."


def _in_place(kind: str, example: str) -> str:
    """An example as a flow has it: a task as an item of its list, other types below their property."""
    example = example.rstrip("\n")
    item = example if example.startswith("- ") else f"- {indent(example, '  ').lstrip()}"
    match kind:
        case "task":
            return item
        case "trigger" | "condition":
            return f"{kind}s:\n{indent(item, '  ')}"
    return f"taskRunner:\n{indent(example, '  ')}"
