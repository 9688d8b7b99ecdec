"""Labels as a flow declares them, in both forms (flow spec §1.2)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from batuta.flows.document import Path
from batuta.flows.section import Section, illegal, scalar_text, shown
from batuta.model.labels import READ_ONLY, SYSTEM_PREFIX, Label, Labels

_MAY_BE_SET = frozenset({READ_ONLY})


def labels(
    section: Section, name: str = "labels", *, system_allowed: Collection[str] = _MAY_BE_SET
) -> Labels:
    """The labels under `name`: a map, or a list of `{key, value}`. Pairs with an empty part are dropped."""
    raw = section.data.get(name)
    found: list[Label] = []
    if isinstance(raw, dict):
        for key, value in raw.items():
            _add(section, (*section.at(name), key), key, value, found)
    elif isinstance(raw, list):
        for place, item in enumerate(raw):
            path = (*section.at(name), place)
            if not isinstance(item, dict):
                section.found.wrong(path, illegal(f"a label must be `{{key, value}}`, but is {shown(item)}"))
                continue
            Section(section.found, path, item).refuse_unknown({"key", "value"}, "io.kestra.core.models.Label")
            key = item.get("key")
            if isinstance(key, (dict, list)):
                section.found.wrong(
                    (*path, "key"), illegal(f"the key of a label must be text, but is {shown(key)}")
                )
            elif key is not None:
                _add(section, (*path, "value"), scalar_text(key), item.get("value"), found)
    elif raw is not None:
        hint = "write `labels:` with a map or a list of `{key, value}` below it"
        section.wrong(name, illegal(f"labels must be a map or a list, but are {shown(raw)}"), hint=hint)
    for label in found:
        if label.key.startswith(SYSTEM_PREFIX) and label.key not in system_allowed:
            message = (
                f"System labels can only be set by Kestra itself, offending label: {label.key}={label.value}"
            )
            section.wrong(name, message, hint=f"choose a key that does not begin with `{SYSTEM_PREFIX}`")
    return tuple({label.key: label for label in found}.values())


def _add(section: Section, path: Path, key: str, value: Any, found: list[Label]) -> None:
    if isinstance(value, (dict, list)):
        section.found.wrong(
            path, f"Unsupported type for key: {key}, value: {value}", hint="a label's value is text"
        )
    elif key and value is not None and (text := scalar_text(value)):
        found.append(Label(key, text))
