"""A task type's class as JSON Schema and as a reference page, for editors and forms.

Fields give the properties, their annotations the types and bounds, `Meta` the descriptions, the docstring
title, text and example. Every property may also be written as an expression, which the schema adds by itself.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any, Union, cast, get_args, get_origin

import msgspec

from batuta.plugin import converters, pages
from batuta.plugin.condition import AnyCondition
from batuta.plugin.task import AnyRunner, AnyTask, Output, Template

DRAFT = "http://json-schema.org/draft-07/schema#"
TASK = "task"
RUNNER = "taskRunner"
"""Names under `definitions` that the schema of a whole flow fills in."""
EXPRESSION = {"type": "string", "pattern": r"\{[{%#]", "description": "An expression."}

Json = dict[str, Any]


def type_schema(annotation: Any, definitions: Json, *, dynamic: bool = True) -> Json:
    """The schema of an annotation. Structs are added to `definitions` and referred to.

    With `dynamic` an expression may stand for whatever is not text anyway.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        found = type_schema(arguments[0], definitions, dynamic=dynamic)
        return _with_meta(found, [meta for meta in arguments[1:] if isinstance(meta, msgspec.Meta)])
    if origin in (Union, types.UnionType):
        return _union(arguments, definitions, dynamic=dynamic)
    plain = _plain_schema(annotation, origin, arguments, definitions, dynamic=dynamic)
    is_text = plain.get("type") == "string" and "enum" not in plain and "format" not in plain
    if not dynamic or not plain or is_text or "$ref" in plain:
        return plain
    return {"anyOf": [plain, EXPRESSION]}


def _plain_schema(
    annotation: Any, origin: Any, arguments: tuple[Any, ...], definitions: Json, *, dynamic: bool
) -> Json:
    if annotation in _SCALARS:
        return dict(_SCALARS[annotation])
    if annotation is AnyTask:
        return {"$ref": f"#/definitions/{TASK}"}
    if annotation is AnyRunner:
        return {"$ref": f"#/definitions/{RUNNER}"}
    if annotation is AnyCondition:
        return {"type": "object", "required": ["type"], "properties": {"type": {"type": "string"}}}
    if origin in (list, tuple, set, frozenset) or annotation in (list, tuple):
        item = type_schema(arguments[0], definitions, dynamic=dynamic) if arguments else {}
        return {"type": "array", "items": item}
    if origin in (dict, Mapping) or annotation is dict:
        value = type_schema(arguments[1], definitions, dynamic=dynamic) if arguments else {}
        return {"type": "object", "additionalProperties": value}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return {"type": "string", "enum": [member.value for member in annotation]}
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return {"$ref": f"#/definitions/{define(annotation, definitions, dynamic=dynamic)}"}
    return {}


_SCALARS: dict[Any, Json] = {
    str: {"type": "string"},
    Template: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    timedelta: {"type": "string", "format": "duration"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
    type(None): {"type": "null"},
}


def _union(options: tuple[Any, ...], definitions: Json, *, dynamic: bool) -> Json:
    """Optional is told by `required`, so null is left out; one expression serves all alternatives."""
    found = [
        type_schema(option, definitions, dynamic=False) for option in options if option is not type(None)
    ]
    texts = any(option.get("type") == "string" and "enum" not in option for option in found)
    if dynamic and not texts and all(found):
        found.append(EXPRESSION)
    return found[0] if len(found) == 1 else {"anyOf": found}


def _with_meta(schema: Json, metas: list[msgspec.Meta]) -> Json:
    """Bounds go to the alternative that they speak of, words to the whole."""
    for meta in metas:
        bounds = {name: value for name in _BOUNDS if (value := getattr(meta, _BOUNDS[name])) is not None}
        schema = _bounded(schema, bounds) if bounds else schema
        if meta.description or meta.title or meta.examples:
            schema = {"allOf": [schema]} if "$ref" in schema else dict(schema)
            words = {"title": meta.title, "description": meta.description, "examples": meta.examples}
            schema.update({name: value for name, value in words.items() if value})
    return schema


_BOUNDS = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
    "pattern": "pattern",
    "minLength": "min_length",
    "maxLength": "max_length",
}


def _bounded(schema: Json, bounds: Json) -> Json:
    if "anyOf" in schema:
        first, *others = schema["anyOf"]
        return {**schema, "anyOf": [_bounded(first, bounds), *others]}
    if schema.get("type") == "array":
        bounds = {name.replace("Length", "Items"): value for name, value in bounds.items()}
    return {**schema, **bounds}


def define(struct: type[Any], definitions: Json, *, dynamic: bool = True) -> str:
    """Add a struct to `definitions` and give its name there."""
    name = (
        converters.type_name(struct)
        if hasattr(struct, "type_name")
        else f"{struct.__module__}.{struct.__qualname__}"
    )
    if name not in definitions:
        definitions[name] = {}  # a struct may hold itself
        definitions[name] = object_schema(struct, definitions, dynamic=dynamic)
    return name


def object_schema(struct: type[Any], definitions: Json, *, dynamic: bool = True) -> Json:
    """The schema of a struct's members; unknown ones are refused."""
    properties: Json = {}
    required: list[str] = []
    hints = typing.get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(cast(type[msgspec.Struct], struct)):
        hint = hints[field.name]
        found = type_schema(hint, definitions, dynamic=dynamic and not converters.mentions(hint, AnyTask))
        default = _plain_default(field.default)
        if default is not None:
            found = {**({"allOf": [found]} if "$ref" in found else found), "default": default}
        properties[field.encode_name] = found
        if field.required:
            required.append(field.encode_name)
    schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _plain_default(default: Any) -> Any:
    """A default as JSON data, None for none or for one that says nothing."""
    if default is msgspec.NODEFAULT or default is None:
        return None
    try:
        return msgspec.to_builtins(default)
    except (TypeError, msgspec.MsgspecError):
        return None


class Page(msgspec.Struct, frozen=True):
    """A class's docstring, taken apart."""

    title: str
    """Its first sentence."""
    description: str
    """The rest of its words."""
    examples: tuple[str, ...]
    """The texts of its fenced YAML blocks."""


_FENCE = re.compile(r"^```ya?ml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page_of(cls: type[Any]) -> Page:
    """What the docstring says."""
    text = inspect.cleandoc(cls.__doc__ or "")
    examples = tuple(match.group(1) for match in _FENCE.finditer(text))
    title, _, rest = _FENCE.sub("", text).strip().partition("\n\n")
    return Page(" ".join(title.split()), rest.strip(), examples)


def task_schema(cls: type[Any], common: Json, definitions: Json) -> Json:
    """The schema of a task of this class: its `type`, the properties `common` to all tasks, and its own."""
    page = page_of(cls)
    own = object_schema(cls, definitions)
    names = [converters.type_name(cls), *getattr(cls, "type_aliases", ())]
    schema: Json = {
        "type": "object",
        "title": page.title,
        "properties": {
            **common,
            **own["properties"],
            "type": {"enum": names} if names[1:] else {"const": names[0]},
        },
        "required": ["id", "type", *own.get("required", ())],
        "additionalProperties": False,
    }
    return {**schema, "description": page.description} if page.description else schema


def documentation(cls: type[Any], common: Json | None = None) -> Json:
    """What the API tells about a type: `markdown`, and `schema` with `properties`, `outputs` and
    `definitions`.

    `common` are the schemas of properties that all tasks have; None leaves them out.
    """
    page = page_of(cls)
    definitions: Json = {}
    own = object_schema(cls, definitions)
    fields = converters.fields_of(cls)
    described = {
        name: {
            **schema,
            "$dynamic": not fields[name].holds_tasks,
            "$required": fields[name].required,
        }
        for name, schema in own["properties"].items()
    }
    properties: Json = {
        "$schema": DRAFT,
        "title": page.title,
        "required": own.get("required", []),
        "properties": {**(common or {}), **described},
        "$examples": [{"full": False, "code": code, "lang": "yaml", "title": ""} for code in page.examples],
    }
    if page.description:
        properties["description"] = page.description
    return {
        "markdown": _markdown(cls, page),
        "schema": {
            "properties": properties,
            "outputs": outputs_schema(cls, definitions),
            "definitions": definitions,
        },
    }


def outputs_schema(cls: type[Any], definitions: Json) -> Json:
    """The schema of what tasks of this class leave; without properties for those that leave nothing."""
    output = output_struct(cls)
    found = object_schema(output, definitions, dynamic=False)["properties"] if output is not None else {}
    return {"$schema": DRAFT, "properties": found}


def output_struct(cls: type[Any]) -> type[msgspec.Struct] | None:
    """What tasks of this class leave: the nested `Output`, else what `run` or `compute` says it returns."""
    declared = getattr(cls, "Output", None)
    if declared is None:
        method = getattr(cls, "run", None) or getattr(cls, "compute", None)
        try:
            declared = typing.get_type_hints(method).get("return") if method is not None else None
        except NameError:  # a name that only the type checker sees
            return None
    is_struct = isinstance(declared, type) and issubclass(declared, Output) and declared is not Output
    return cast(type[msgspec.Struct], declared) if is_struct else None


def _markdown(cls: type[Any], page: Page) -> str:
    """The reference page."""
    definitions: Json = {}
    own = object_schema(cls, definitions, dynamic=False)
    outputs = outputs_schema(cls, definitions)
    words = (page.title, page.description)
    return pages.page(converters.type_name(cls), words, page.examples, own, outputs, definitions)
