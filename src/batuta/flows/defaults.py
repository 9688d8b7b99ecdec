"""Plugin defaults merged into the maps that they are meant for (flow spec §1.3).

Done for running and for checking a flow, never for storing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from batuta.flows import known_types, tasks, triggers, type_check
from batuta.flows.document import Document, Path
from batuta.flows.findings import Findings
from batuta.flows.section import Section, scalar_text
from batuta.plugin import registry


class PluginDefault(msgspec.Struct, frozen=True):
    """Values for every map whose `type` is `type` or begins with it."""

    type: str
    values: dict[str, Any]
    forced: bool = False
    ref: str | None = None
    """Only tasks whose `pluginDefaultsRef` says so take the values; None for all."""

    def fits(self, target: dict[str, Any]) -> bool:
        """The default is meant for this map."""
        written = target["type"]
        if self.ref is not None and target.get("pluginDefaultsRef") != self.ref:
            return False
        return any(
            name.startswith(self._prefix()) for name in (written, _present(written))
        ) or written.startswith(self.type)

    def _prefix(self) -> str:
        return _present(self.type)


def _present(name: str) -> str:
    return registry.canonical(name) or known_types.canonical(name) or name


def declared(section: Section) -> list[PluginDefault]:
    """The defaults that a flow declares itself, checked."""
    found = []
    for each in section.sections("pluginDefaults"):
        each.refuse_unknown(
            {"type", "values", "forced", "ref", "id"}, "io.kestra.core.models.flows.PluginDefault"
        )
        kind = each.data.get("type")
        values = each.data.get("values")
        if not isinstance(kind, str) or not kind:
            _wrong(each, "type", "No 'type' provided")
        if not isinstance(values, dict) or not values:
            _wrong(each, "values", "No 'values' provided")
        if not isinstance(kind, str) or not kind or not isinstance(values, dict):
            continue
        _check_values(each, kind, values)
        ref = each.data.get("ref")
        found.append(
            PluginDefault(
                kind, values, each.flag("forced"), ref=scalar_text(ref) if ref is not None else None
            )
        )
    return found


def _wrong(section: Section, name: str, message: str) -> None:
    section.wrong(name, f"Invalid Plugin Default: {message}")


def _check_values(section: Section, kind: str, values: dict[str, Any]) -> None:
    below = section.section("values")
    assert below is not None
    known = _known_properties(kind)
    for name, value in values.items():
        if value is None:
            _wrong(below, name, f"No value provided for key '{name}'")
        elif known is not None and name not in known:
            _wrong(below, name, f"No property '{name}' exists in plugin '{kind}'")


def _known_properties(kind: str) -> frozenset[str] | None:
    """The properties of a type; None where they are not known, as for a prefix."""
    name = registry.canonical(kind)
    if name is None:
        return None
    cls = registry.load(name)
    if registry.problem(cls) is not None:
        return None  # the lookup of the type reports it
    return frozenset({*type_check.fields(cls), *tasks.COMMON, *triggers.COMMON})


def merge(found: Findings, defaults: Sequence[PluginDefault]) -> None:
    """Merge defaults into the document, most important first. What a type does not declare is dropped."""
    if not defaults:
        return
    for target, path in list(_targets(found.document.data, ())):
        fitting = [default for default in defaults if default.fits(target)]
        if not fitting:
            continue
        known = _known_properties(target["type"])
        weak = [_kept(default, known) for default in fitting if not default.forced]
        strong = [_kept(default, known) for default in fitting if default.forced]
        for values in weak:
            _fill(found.document, target, values, path, forced=False)
        for values in reversed(strong):
            _fill(found.document, target, values, path, forced=True)


def _kept(default: PluginDefault, known: frozenset[str] | None) -> dict[str, Any]:
    return {name: value for name, value in default.values.items() if known is None or name in known}


_WITHOUT_TYPES = ("pluginDefaults", "variables", "inputs", "outputs", "labels")


def _targets(value: Any, path: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Every map with a text `type`, outer ones first."""
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _targets(item, (*path, place))
    elif isinstance(value, dict):
        if path and isinstance(value.get("type"), str):
            yield value, path
        for name, below in value.items():
            if isinstance(below, (dict, list)) and (path or name not in _WITHOUT_TYPES):
                yield from _targets(below, (*path, name))


def _fill(
    document: Document, target: dict[str, Any], values: dict[str, Any], path: Path, *, forced: bool
) -> None:
    """Merge `values` into `target`: maps key by key, lists one after the other, null never over something."""
    for name, value in values.items():
        if value is None:
            continue
        own = target.get(name)
        if isinstance(own, dict) and isinstance(value, dict):
            _fill(document, own, value, (*path, name), forced=forced)
        elif isinstance(own, list) and isinstance(value, list):
            target[name] = own + _copy(value) if forced else _copy(value) + own
            if not forced:
                document.shift((*path, name), len(value))
        elif own is None or forced:
            target[name] = _copy(value)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
