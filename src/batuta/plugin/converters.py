"""From a raw value of a document to a typed one, by the annotation of the property it is written for.

Text goes through `render` first; what does not fit raises `Unfit` with the path to the place
(expressions spec §12, "typed properties").
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin

import msgspec

from batuta import expr, iso8601
from batuta.nearness import did_you_mean
from batuta.plugin import registry
from batuta.plugin.condition import AnyCondition
from batuta.plugin.task import AnyRunner, AnyTask, Template

Render = Callable[[str], "str | None"]


class Unfit(Exception):
    """A value does not fit the type of its property."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def below(self, part: str | int) -> Unfit:
        """The same complaint seen from one level further up."""
        return Unfit(self.message, (part, *self.path))


class Converter(typing.Protocol):
    """Turns a raw value into a typed one; strings go through `render` first."""

    def __call__(self, raw: Any, render: Render, /) -> Any:
        """Raises `Unfit` where the value does not fit."""


class Field(msgspec.Struct, frozen=True):
    """One property of a class."""

    attribute: str
    convert: Converter
    required: bool
    holds_tasks: bool
    annotation: Any


_FIELDS: dict[type[Any], dict[str, Field]] = {}


def fields_of(cls: type[Any]) -> dict[str, Field]:
    """The properties of a class by their name in documents."""
    fields = _FIELDS.get(cls)
    if fields is None:
        hints = typing.get_type_hints(cls, include_extras=True)
        fields = _FIELDS[cls] = {
            field.encode_name: Field(
                field.name,
                converter(hints[field.name]),
                field.required,
                mentions(hints[field.name], AnyTask),
                hints[field.name],
            )
            for field in msgspec.structs.fields(cls)
        }
    return fields


def type_name(cls: type[Any]) -> str:
    """The type name of a plugin class; the class's own name for a nested one."""
    return getattr(cls, "type_name", cls.__name__)


def path_text(path: tuple[str | int, ...]) -> str:
    """`options.headers[0]` for ("options", "headers", 0)."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def mentions(annotation: Any, marker: type[Any], inside: frozenset[type[Any]] = frozenset()) -> bool:
    """The annotation is or contains `marker`, in a struct's fields too. `inside` are structs on the way."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        if annotation in inside:
            return False
        hints = typing.get_type_hints(annotation, include_extras=True)
        return any(mentions(hint, marker, inside | {annotation}) for hint in hints.values())
    return annotation is marker or any(mentions(each, marker, inside) for each in get_args(annotation))


def holds_template(value: Any) -> bool:
    """Some text in the value has to be rendered."""
    if isinstance(value, str):
        return expr.is_template(value)
    if isinstance(value, Mapping):
        return any(holds_template(key) or holds_template(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(holds_template, value))
    return False


def as_written(text: str) -> str:
    return text


# Converters, one per kind of annotation.


@cache
def converter(annotation: Any) -> Converter:
    """The converter of a type annotation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return converter(arguments[0])
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if annotation is Any or annotation is object:
        return lambda raw, render: expr_deep(raw, render)
    if annotation is Template:
        return _template
    if annotation is AnyTask or annotation is AnyCondition:
        return lambda raw, render: raw
    if annotation is AnyRunner:
        return _typed_by_name
    if origin is list or annotation is list:
        return _list(converter(arguments[0]) if arguments else converter(Any))
    if origin in (dict, Mapping) or annotation is dict:
        return _dict(converter(arguments[1]) if arguments else converter(Any))
    if origin is typing.Literal:
        return _literal(arguments)
    if isinstance(annotation, type):
        if issubclass(annotation, msgspec.Struct):
            return _struct(annotation)
        if issubclass(annotation, Enum):
            return _enum(annotation)
        if annotation in _SCALARS:
            return _SCALARS[annotation]
    raise TypeError(f"a property cannot be of type {annotation!r}")


def expr_deep(raw: Any, render: Render) -> Any:
    """Render every text in a value, keys included; two keys that render alike: the first stands."""
    if isinstance(raw, str):
        return render(raw) if expr.is_template(raw) else raw
    if isinstance(raw, Mapping):
        result: dict[str, Any] = {}
        for key, value in raw.items():
            rendered = render(key) if isinstance(key, str) and expr.is_template(key) else key
            result.setdefault(as_text(rendered), expr_deep(value, render))
        return result
    if isinstance(raw, list):
        return [expr_deep(item, render) for item in raw]
    return raw


def as_text(value: Any) -> str:
    """A scalar of a document as text; lists and maps as JSON."""
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, (list, dict)):
        return msgspec.json.encode(value).decode()
    return str(value)


def _rendered(raw: Any, render: Render) -> Any:
    return render(raw) if isinstance(raw, str) and expr.is_template(raw) else raw


def _template(raw: Any, render: Render) -> Template:
    return Template(as_text(raw))


def _text(raw: Any, render: Render) -> str:
    if isinstance(raw, (list, Mapping)):
        return as_text(expr_deep(raw, render))
    return as_text(_rendered(raw, render))


def _boolean(raw: Any, render: Render) -> bool:
    value = _rendered(raw, render)
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise Unfit(f"must be true or false, but is {_shown(value)}")


def _integer(raw: Any, render: Render) -> int:
    value = _rendered(raw, render)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value.strip())
        except ValueError:
            pass
    raise Unfit(f"must be an integer, but is {_shown(value)}")


def _number(raw: Any, render: Render) -> float:
    value = _rendered(raw, render)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value.strip())
        except ValueError:
            pass
    raise Unfit(f"must be a number, but is {_shown(value)}")


def _duration(raw: Any, render: Render) -> timedelta:
    value = _rendered(raw, render)
    try:
        return iso8601.parse_duration(as_text(value))
    except (ValueError, OverflowError):
        raise Unfit(f"must be an ISO 8601 duration such as PT15M or P1D, but is {_shown(value)}") from None


def _instant(raw: Any, render: Render) -> datetime:
    value = _rendered(raw, render)
    try:
        return iso8601.parse_instant(as_text(value))
    except ValueError as error:
        raise Unfit(str(error)) from None


_SCALARS: dict[Any, Converter] = {
    str: _text,
    bool: _boolean,
    int: _integer,
    float: _number,
    timedelta: _duration,
    datetime: _instant,
}


def _shown(value: Any) -> str:
    text = as_text(value) if value is not None else "null"
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def _enum(cls: type[Enum]) -> Converter:
    def convert(raw: Any, render: Render) -> Enum:
        text = as_text(_rendered(raw, render))
        try:
            return cls(text)
        except ValueError:
            allowed = ", ".join(str(member.value) for member in cls)
            raise Unfit(f"must be one of {allowed}, but is {_shown(text)}") from None

    return convert


def _literal(allowed: tuple[Any, ...]) -> Converter:
    def convert(raw: Any, render: Render) -> Any:
        value = _rendered(raw, render)
        for each in allowed:
            if value == each or as_text(value) == as_text(each):
                return each
        raise Unfit(f"must be one of {', '.join(map(as_text, allowed))}, but is {_shown(value)}")

    return convert


def _list(item: Converter) -> Converter:
    def convert(raw: Any, render: Render) -> list[Any]:
        if isinstance(raw, str):
            raw = _parsed(render(raw) if expr.is_template(raw) else raw, list, "a list")
            render = as_written
        if not isinstance(raw, list):
            raise Unfit(f"must be a list, but is {_shown(raw)}")
        result = []
        for place, each in enumerate(raw):
            try:
                result.append(item(each, render))
            except Unfit as unfit:
                raise unfit.below(place) from None
        return result

    return convert


def _dict(item: Converter) -> Converter:
    def convert(raw: Any, render: Render) -> dict[str, Any]:
        if isinstance(raw, str):
            raw = _parsed(render(raw) if expr.is_template(raw) else raw, dict, "a map")
            render = as_written
        if not isinstance(raw, Mapping):
            raise Unfit(f"must be a map, but is {_shown(raw)}")
        result: dict[str, Any] = {}
        for key, each in raw.items():
            name = as_text(_rendered(key, render))
            if name in result:
                continue
            try:
                result[name] = None if each is None else item(each, render)
            except Unfit as unfit:
                raise unfit.below(as_text(key)) from None
        return result

    return convert


def _parsed(text: str | None, kind: type[Any], what: str) -> Any:
    try:
        value = msgspec.json.decode(text or "")
    except msgspec.DecodeError:
        raise Unfit(f"must be {what}, but is {_shown(text)}") from None
    if not isinstance(value, kind):
        raise Unfit(f"must be {what}, but is {_shown(text)}")
    return value


def _struct(cls: type[msgspec.Struct]) -> Converter:
    def convert(raw: Any, render: Render) -> Any:
        if isinstance(raw, str):
            raw = _parsed(render(raw) if expr.is_template(raw) else raw, dict, "a map")
            render = as_written
        if not isinstance(raw, Mapping):
            raise Unfit(f"must be a map, but is {_shown(raw)}")
        return _filled(cls, raw, render)

    return convert


def _filled(cls: type[Any], raw: Mapping[str, Any], render: Render) -> Any:
    fields = fields_of(cls)
    values: dict[str, Any] = {}
    for name, each in raw.items():
        field = fields.get(name)
        if field is None:
            hint = did_you_mean(name, fields)
            more = f"; {hint}" if hint else ""
            raise Unfit(f"`{name}` is not a property of {type_name(cls)}{more}", (name,))
        if each is None:
            continue
        try:
            values[field.attribute] = field.convert(each, render)
        except Unfit as unfit:
            raise unfit.below(name) from None
    for name, field in fields.items():
        if field.required and field.attribute not in values:
            raise Unfit("must not be null", (name,))
    return cls(**values)


def _typed_by_name(raw: Any, render: Render) -> Any:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("type"), str):
        raise Unfit("must be a map with a `type`")
    name = registry.canonical(raw["type"])
    if name is None:
        near = registry.nearest(raw["type"])
        raise Unfit(f"Invalid type: {raw['type']}" + (f"; did you mean `{near}`?" if near else ""), ("type",))
    rest = {key: value for key, value in raw.items() if key not in ("type", "version")}
    return _filled(registry.load(name), rest, render)


def _union(options: tuple[Any, ...]) -> Converter:
    """The first option that fits the kind of value: lists and maps before text, None for an empty text of a
    number."""
    choices = [option for option in options if option is not type(None)]
    if Template in choices:
        return lambda raw, render: None if raw is None else _template(raw, render)
    optional = len(choices) < len(options)
    containers = [c for c in choices if _takes(c, (list, dict))]
    scalars = [c for c in choices if c not in containers]
    ordered = [converter(choice) for choice in (*containers, *scalars)]
    blank_is_none = optional and str not in [
        get_args(c)[0] if get_origin(c) is typing.Annotated else c for c in choices
    ]

    def convert(raw: Any, render: Render) -> Any:
        if raw is None and optional:
            return None
        if len(ordered) > 1 and isinstance(raw, str):
            # Rendered once, so that each option sees the same text.
            raw, render = _rendered(raw, render), as_written
        if blank_is_none and isinstance(raw, str):
            text = _rendered(raw, render)
            if text is None or not text.strip():
                return None
            raw, render = text, as_written
        complaint: Unfit | None = None
        for each in ordered:
            try:
                return each(raw, render)
            except Unfit as unfit:
                complaint = complaint or unfit if isinstance(raw, (list, Mapping)) else unfit
        assert complaint is not None
        raise complaint

    return convert


def _takes(annotation: Any, kinds: tuple[type[Any], ...]) -> bool:
    if get_origin(annotation) is typing.Annotated:
        annotation = get_args(annotation)[0]
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and (
        issubclass(origin, kinds) or issubclass(origin, (msgspec.Struct, AnyRunner))
    )
