"""Reference pages in Markdown, from the JSON Schemas of a type's properties and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

Json = dict[str, Any]

_FORMATS = {"duration": "duration", "date-time": "instant", "date": "date", "time": "time of day"}
_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_KNOWN = {"task": "task", "taskRunner": "task runner"}
_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matching `{}`",
}
_EXPRESSION = "An expression."
"""What schemas for editors allow beside each type; the pages say it once for all."""
_PREFIX = "#/definitions/"


def page(
    title: str,
    words: Iterable[str],
    examples: Iterable[str],
    own: Json,
    outputs: Json,
    definitions: Mapping[str, Json],
    *,
    level: int = 1,
) -> str:
    """The page of one type.

    Args:
        title: its name.
        words: paragraphs.
        examples: texts of YAML.
        own: schema of an object with its properties.
        outputs: the same for its outputs.
        definitions: what the schemas refer to.
        level: of the title; the headings below it follow.
    """
    deeper = "#" * (level + 1)
    parts = [f"{'#' * level} {title}", *(paragraph for paragraph in words if paragraph)]
    parts.extend(f"```yaml\n{code.rstrip()}\n```" for code in examples)
    if own["properties"]:
        parts += [f"{deeper} Properties", properties_table(own)]
    if outputs["properties"]:
        parts += [f"{deeper} Outputs", _outputs_table(outputs["properties"])]
    for name in _mentioned([own, outputs], definitions):
        parts += [f"{deeper} {_last(name)}", properties_table(definitions[name])]
    return "\n\n".join(parts) + "\n"


def properties_table(schema: Json) -> str:
    """The properties of an object, those that must be set first."""
    properties, required = schema["properties"], schema.get("required", ())
    rows = []
    for name in sorted(properties, key=lambda each: each not in required):
        found = properties[name]
        default = f"`{msgspec.json.encode(found['default']).decode()}`" if "default" in found else ""
        rows.append(
            (f"`{name}`", type_words(found), "required" if name in required else default, _meaning(found))
        )
    return _table(("Name", "Type", "Default", "Meaning"), rows)


def _outputs_table(properties: Mapping[str, Json]) -> str:
    rows = [(f"`{name}`", type_words(found), _meaning(found)) for name, found in properties.items()]
    return _table(("Name", "Type", "Meaning"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def type_words(schema: Json) -> str:
    """What may stand there, in words; nothing where anything may."""
    if alternatives := schema.get("anyOf") or schema.get("allOf"):
        told = (type_words(each) for each in alternatives if each.get("description") != _EXPRESSION)
        return " or ".join(dict.fromkeys(filter(None, told)))
    if reference := schema.get("$ref"):
        name = reference.removeprefix(_PREFIX)
        return _KNOWN.get(name, f"`{_last(name)}`")
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "array":
            items = type_words(schema.get("items", {}))
            return f"list of {items}" if items else "list"
        case "object":
            inner = schema.get("additionalProperties")
            values = type_words(inner) if isinstance(inner, dict) else ""
            return f"map of {values}" if values else "map"
        case str() as plain:
            return _FORMATS.get(schema.get("format", ""), _TYPES.get(plain, plain))
    return ""


def _meaning(schema: Json) -> str:
    """The description, and the bounds of the value."""
    described = str(schema.get("description", ""))
    bounds = ", ".join(
        words.format(each[name])
        for each in [schema, *schema.get("anyOf", ()), *schema.get("allOf", ())]
        if each.get("description") != _EXPRESSION
        for name, words in _LIMITS.items()
        if name in each
    )
    return f"{described} ({bounds})" if described and bounds else described or bounds


def _mentioned(schemas: Iterable[Json], definitions: Mapping[str, Json]) -> list[str]:
    """The definitions that schemas refer to, directly or through others, in the order of their mention."""
    found: list[str] = []
    pending = list(schemas)
    while pending:
        for name in _references(pending.pop(0)):
            if name in definitions and name not in found and definitions[name].get("properties"):
                found.append(name)
                pending.append(definitions[name])
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(_PREFIX)
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _last(name: str) -> str:
    return name.rpartition(".")[2]
