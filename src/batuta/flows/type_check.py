"""The class behind a `type`, and what is wrong with the literal properties that it was given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, get_args, get_origin

import msgspec

from batuta import expr
from batuta.flows import known_types
from batuta.flows.findings import unrecognized
from batuta.flows.section import Section
from batuta.plugin import converters, extras, forms, registry


class Found(msgspec.Struct, frozen=True):
    """What a type name refers to. `cls` is None for a type that nothing here implements, or not to be had."""

    name: str
    cls: type[Any] | None
    problem: str | None = None
    """Why the class is not to be had."""


def resolve(name: str) -> Found | None:
    """The class of a type name of any age, or None when nobody knows it."""
    present = registry.canonical(name)
    if present is None:
        known = known_types.canonical(name)
        if known is None:
            return None
        present = registry.canonical(known)
        if present is None:
            return Found(known, None)
    cls = registry.load(present)
    problem = registry.problem(cls)
    return Found(present, cls) if problem is None else Found(present, None, problem)


def fields(cls: type[Any]) -> dict[str, converters.Field]:
    """The properties of a class by their name in documents."""
    return converters.fields_of(cls)


def find(section: Section, what: str) -> Found | None:
    """The type of a section; noted when it is missing, unknown, renamed or not supported."""
    name = section.data.get("type")
    if not isinstance(name, str) or not name.strip():
        section.wrong(
            "type", "Invalid type: missing type id", hint=f"say what kind of {what} this is: `type: ...`"
        )
        return None
    found = resolve(name)
    if found is None:
        near = known_types.nearest(name)
        hint = f"did you mean `{near}`?" if near else "look the name up in the list of task types"
        section.wrong("type", f"Invalid type: {name}", hint=hint, code="flow.unknown-type")
        return None
    if found.name != name:
        section.found.inform(f"{name} is replaced by {found.name}")
    _warn_missing(section, found, what)
    return found


def _warn_missing(section: Section, found: Found, what: str) -> None:
    """Say what is not installed here: the flow can be kept, for it may run elsewhere, or later."""
    hint = f"the flow can be stored; the {what} fails when it runs"
    extra = getattr(found.cls, "extra", None)
    if found.problem is not None:
        message = f"{found.name} cannot be loaded: {found.problem}"
        section.found.warn(section.at("type"), message, hint=hint, code="flow.broken-type")
    elif isinstance(extra, str) and extras.is_missing(extra):
        message = f"{found.name} needs an optional library that is not installed"
        hint = f"run `{extras.command(extra)}` where it shall run"
        section.found.warn(section.at("type"), message, hint=hint, code="flow.missing-extra")


def warn_unsupported(section: Section, found: Found, what: str) -> None:
    """Say that a type is known and that nothing here implements it."""
    if found.problem is not None:
        return  # said already
    section.found.warn(
        section.at("type"),
        f"known type, not supported by this version: {found.name}",
        hint=f"the flow can be stored; the {what} fails when it runs",
        code="flow.unsupported-type",
    )


def check_properties(
    section: Section, cls: type[Any], properties: Mapping[str, Any], common: Iterable[str], owner: str
) -> None:
    """Note unknown properties, missing ones, and literal values of the wrong type or out of bounds."""
    declared = fields(cls)
    known = {*declared, *common}
    for name in properties:
        if name not in known:
            message, hint = unrecognized(name, owner, known)
            section.found.wrong(section.at(name), message, hint=hint, key=True, code="flow.unknown-property")
    own = {name: value for name, value in properties.items() if name in declared}
    form = forms.Form(cls, own)
    wrong = {finding.path[:1] for finding in form.findings}
    for finding in form.findings:
        _note(section, finding)
    for name, value in own.items():
        field = declared[name]
        if (name,) not in wrong and not field.holds_tasks and value is not None:
            for message in out_of_bounds(field.annotation, value):
                section.wrong(name, message)


_NOT_A_PROPERTY = re.compile(
    r"`(?P<name>[^`]*)` is not a property of (?P<owner>[\w.]+)(?:; (?P<hint>.*))?", re.DOTALL
)
_INVALID_TYPE = re.compile(r"Invalid type: (?P<name>[^;]*)(?:; (?P<hint>.*))?", re.DOTALL)


def _note(section: Section, finding: forms.Finding) -> None:
    path = (*section.path, *finding.path)
    if match := _NOT_A_PROPERTY.fullmatch(finding.message):
        message = f'Unrecognized field "{match["name"]}" (class {match["owner"]}), not marked as ignorable'
        hint = match["hint"] or finding.hint
        section.found.wrong(path, message, hint=hint, key=True, code="flow.unknown-property")
    elif match := _INVALID_TYPE.fullmatch(finding.message):
        name = match["name"]
        if known_types.canonical(name) is not None:
            section.found.warn(
                path,
                f"known type, not supported by this version: {name}",
                hint="the flow can be stored; the task fails when it runs",
                code="flow.unsupported-type",
            )
        else:
            hint = match["hint"] or finding.hint
            section.found.wrong(path, f"Invalid type: {name}", hint=hint, code="flow.unknown-type")
    else:
        section.found.wrong(path, finding.message, hint=finding.hint, code="flow.property")


def out_of_bounds(annotation: Any, value: Any) -> list[str]:
    """What the `Meta` of an annotation has against a literal value."""
    if isinstance(value, str) and expr.is_template(value):
        return []
    complaints: list[str] = []
    if get_origin(annotation) is Annotated:
        for meta in get_args(annotation)[1:]:
            if isinstance(meta, msgspec.Meta):
                complaints.extend(_against(meta, value))
    return complaints


def _against(meta: msgspec.Meta, value: Any) -> Iterable[str]:
    number = _number(value)
    if number is not None:
        if meta.ge is not None and number < meta.ge:
            yield f"must be greater than or equal to {meta.ge}"
        if meta.gt is not None and number <= meta.gt:
            yield f"must be greater than {meta.gt}"
        if meta.le is not None and number > meta.le:
            yield f"must be less than or equal to {meta.le}"
        if meta.lt is not None and number >= meta.lt:
            yield f"must be less than {meta.lt}"
    if isinstance(value, (str, list, dict)):
        least, most = meta.min_length, meta.max_length
        if least is not None and most is None and len(value) < least:
            yield "must not be empty" if least == 1 else f"size must be at least {least}"
        elif (least is not None and len(value) < least) or (most is not None and len(value) > most):
            yield f"size must be between {least or 0} and {most}"
    if meta.pattern is not None and isinstance(value, str) and re.search(meta.pattern, value) is None:
        yield f'must match "{meta.pattern}"'


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def task_fields(cls: type[Any]) -> dict[str, Any]:
    """The properties of a class that hold tasks, with their annotations."""
    return {name: field.annotation for name, field in fields(cls).items() if field.holds_tasks}


def item_struct(annotation: Any) -> type[Any] | None:
    """The struct of which the annotation is a list, or None."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    arguments = get_args(annotation)
    item = arguments[0] if get_origin(annotation) is list and arguments else None
    return item if isinstance(item, type) and issubclass(item, msgspec.Struct) else None
