"""The declared inputs and outputs of a flow, from sections of its document (flow spec §2 and §3)."""

from __future__ import annotations

from typing import Any

from batuta import expr
from batuta.flows import input_bounds, input_types
from batuta.flows.inputs import with_members
from batuta.flows.section import Section, scalar_text, shown
from batuta.model.inputs import Choice, DependsOn, FlowOutput, Input, InputType
from batuta.nearness import did_you_mean

ID = r"[a-zA-Z0-9][.a-zA-Z0-9_-]*"
_T = InputType

COMMON = frozenset(
    {"id", "type", "required", "defaults", "prefill", "displayName", "description", "dependsOn"}
)
_SELECT = frozenset({"values", "expression", "allowCustomValue", "autoSelectFirst", "isRadio"})
_BOUNDS = frozenset({"min", "max"})
_PERIOD = frozenset({"after", "before"})
OWN_PROPERTIES: dict[InputType, frozenset[str]] = {
    _T.STRING: frozenset({"validator"}),
    _T.INT: _BOUNDS,
    _T.FLOAT: _BOUNDS,
    _T.BOOL: frozenset(),
    _T.BOOLEAN: frozenset(),
    _T.SELECT: _SELECT,
    _T.MULTISELECT: _SELECT | {"itemType"},
    _T.ENUM: frozenset({"values"}),
    _T.DATETIME: _PERIOD,
    _T.DATE: _PERIOD,
    _T.TIME: _PERIOD,
    _T.DURATION: _BOUNDS,
    _T.FILE: frozenset({"extension", "allowedFileExtensions"}),
    _T.JSON: frozenset(),
    _T.YAML: frozenset(),
    _T.ION: frozenset(),
    _T.URI: frozenset(),
    _T.EMAIL: frozenset(),
    _T.SECRET: frozenset({"validator"}),
    _T.ARRAY: frozenset({"itemType"}),
    _T.FORM: frozenset({"inputs"}),
    _T.OBJECT: frozenset({"properties"}),
    _T.TABLE: frozenset({"columns", "rows"}),
    _T.REUSABLE_INPUTS: frozenset({"ref", "namespace", "revision"}),
}
"""What each type has besides the common properties."""

_NOT_IN_OBJECT = frozenset(
    {_T.OBJECT, _T.TABLE, _T.ARRAY, _T.FORM, _T.FILE, _T.SECRET, _T.JSON, _T.ION, _T.YAML, _T.REUSABLE_INPUTS}
)
_CLASS_NAMES = {_T.DATETIME: "DateTimeInput", _T.URI: "URIInput", _T.BOOL: "BoolInput"}


def inputs(section: Section, name: str) -> tuple[Input, ...]:
    """The inputs declared under `name`; those that cannot be used are left out."""
    return tuple(found for each in section.sections(name) if (found := one_input(each)) is not None)


def one_input(section: Section, *, nested: bool = False, in_form: bool = False) -> Input | None:
    """One input; `nested` for a property of an OBJECT or a column of a TABLE."""
    id = section.text("id", required=True, pattern=ID)
    kind = _type_of(section)
    if kind is None:
        return None
    section.refuse_unknown(COMMON | OWN_PROPERTIES[kind], _class_name(kind))
    if nested:
        _check_nested(section, kind)
    if in_form and kind is _T.FORM:
        section.wrong("type", "forms cannot nest", hint="list the inputs of the inner form directly")
    declared = Input(
        id=id or "",
        type=kind,
        required=section.flag("required", default=True),
        defaults=section.data.get("defaults"),
        prefill=section.data.get("prefill"),
        display_name=section.text("displayName"),
        description=section.text("description"),
        depends_on=_depends_on(section),
        validator=_validator(section),
        minimum=_bound(section, "min", kind),
        maximum=_bound(section, "max", kind),
        after=_bound(section, "after", kind),
        before=_bound(section, "before", kind),
        values=_choices(section),
        expression=section.text("expression"),
        allow_custom_value=section.flag("allowCustomValue"),
        is_radio=section.flag("isRadio"),
        auto_select_first=section.flag("autoSelectFirst"),
        item_type=_item_type(section, kind),
        extension=section.text("extension"),
        allowed_file_extensions=section.texts("allowedFileExtensions") if kind is _T.FILE else (),
        inputs=_below(section, "inputs", in_form=True) if kind is _T.FORM else (),
        properties=_below(section, "properties", nested=True) if kind is _T.OBJECT else (),
        columns=_below(section, "columns", nested=True) if kind is _T.TABLE else (),
        rows=_rows(section) if kind is _T.TABLE else {},
        ref=section.text("ref", required=kind is _T.REUSABLE_INPUTS),
        namespace=section.text("namespace"),
        revision=section.integer("revision", least=1),
    )
    _check_choices(section, kind, declared)
    if not nested:
        _check_default(section, declared)
    return declared


def _type_of(section: Section, name: str = "type") -> InputType | None:
    text = section.text(name, required=True)
    if text is None:
        return None
    try:
        return InputType(text)
    except ValueError:
        known = [kind.value for kind in InputType]
        hint = did_you_mean(text.upper(), known) or f"known types: {', '.join(known)}"
        section.wrong(name, f"Invalid type: {text}", hint=hint, code="flow.unknown-type")
        return None


def _class_name(kind: InputType) -> str:
    return "io.kestra.core.models.flows.input." + _CLASS_NAMES.get(kind, f"{kind.value.capitalize()}Input")


def _check_nested(section: Section, kind: InputType) -> None:
    if kind in _NOT_IN_OBJECT:
        section.wrong("type", f"`{kind}` cannot be used inside an OBJECT or TABLE")
    for name in ("defaults", "prefill", "dependsOn", "expression"):
        if section.has(name):
            section.wrong(name, f"`{name}` cannot be set inside an OBJECT or TABLE")


def _depends_on(section: Section) -> DependsOn | None:
    below = section.section("dependsOn")
    if below is None:
        return None
    below.refuse_unknown({"inputs", "condition"}, "io.kestra.core.models.flows.DependsOn")
    names = below.texts("inputs")
    if not names:
        below.wrong("inputs", "must not be empty", hint="list the ids of the inputs that `condition` reads")
    return DependsOn(inputs=names, condition=below.text("condition"))


def _validator(section: Section) -> str | None:
    pattern = section.text("validator")
    if pattern is not None and (problem := input_bounds.pattern_problem(pattern)) is not None:
        section.wrong("validator", f"invalid pattern [{pattern}]", hint=problem)
    return pattern


def _bound(section: Section, name: str, kind: InputType) -> Any:
    """A bound as written; noted when it is not of the input's type."""
    value = section.data.get(name)
    if value is None or name not in OWN_PROPERTIES[kind]:
        return None
    try:
        input_types.parse(kind, value)
    except input_types.Unfit as unfit:
        section.wrong(name, f"`{name}` must be a value of type {kind}: {unfit.reason}")
        return None
    return value


def _choices(section: Section) -> tuple[Choice, ...]:
    choices = []
    for place, item in enumerate(section.items("values")):
        path = (*section.at("values"), place)
        match item:
            case {"value": value, **rest} if value is not None and not set(rest) - {"label"}:
                choices.append(Choice(scalar_text(rest.get("label") or value), scalar_text(value)))
            case None | dict() | list():
                section.found.wrong(path, f"must be a text or `{{label, value}}`, but is {shown(item)}")
            case _:
                choices.append(Choice(scalar_text(item), scalar_text(item)))
    return tuple(choices)


def _check_choices(section: Section, kind: InputType, declared: Input) -> None:
    if kind is _T.ENUM and not declared.values:
        section.wrong("values", "must not be empty", hint="list the values to choose from")
    elif kind in (_T.SELECT, _T.MULTISELECT) and not declared.values and not declared.expression:
        section.wrong(
            "values", "must not be empty", hint="list the values to choose from, or give an `expression`"
        )
    elif kind in (_T.SELECT, _T.MULTISELECT) and declared.values and declared.expression:
        section.wrong("expression", "`values` and `expression` cannot be set together")


def _check_default(section: Section, declared: Input) -> None:
    """A literal default that the input itself would refuse, each time that it is used."""
    default, kind = declared.defaults, declared.type
    if default is None or kind in _WITHOUT_DEFAULT or _is_rendered(default):
        return
    try:
        value = with_members(declared, input_types.parse(kind, default, declared.item_type))
    except input_types.Unfit as unfit:
        message = f"`defaults` must be a value of type {kind}: {unfit.reason}"
        section.wrong("defaults", message, code="flow.input-default")
        return
    if (kind in _CHOSEN and not declared.values) or not _usable(declared):
        return  # the values are not known yet; a broken pattern is told where it stands
    choices = [choice.value for choice in declared.values]
    try:
        input_bounds.check(declared, value, choices)
    except input_types.Unfit as unfit:
        blamed = input_types.as_text(default if unfit.value is None else unfit.value)
        hint = did_you_mean(blamed, choices)
        if hint is None and kind in _CHOSEN - {_T.ENUM}:
            hint = f"add `{blamed}` to `values`, or set `allowCustomValue: true`"
        section.wrong(
            "defaults", f"`defaults` does not fit: {unfit.reason}", hint=hint, code="flow.input-default"
        )


_CHOSEN = frozenset({_T.SELECT, _T.MULTISELECT, _T.ENUM})
_WITHOUT_DEFAULT = frozenset({_T.FORM, _T.REUSABLE_INPUTS})


def _usable(declared: Input) -> bool:
    return declared.validator is None or input_bounds.pattern_problem(declared.validator) is None


def _is_rendered(value: Any) -> bool:
    """Some text of the value is a template."""
    match value:
        case str():
            return expr.is_template(value)
        case list():
            return any(map(_is_rendered, value))
        case dict():
            return any(map(_is_rendered, value.values()))
    return False


def _item_type(section: Section, kind: InputType) -> InputType | None:
    if "itemType" not in OWN_PROPERTIES[kind]:
        return None
    if not section.has("itemType"):
        if kind is _T.ARRAY:
            section.wrong("itemType", "must not be null", hint="say what the items are: `itemType: STRING`")
        return None
    item = _type_of(section, "itemType")
    if item is _T.ARRAY:
        section.wrong("itemType", "`itemType` cannot be `ARRAY`", hint="use JSON for lists of lists")
    return item


def _below(section: Section, name: str, *, nested: bool = False, in_form: bool = False) -> tuple[Input, ...]:
    found = tuple(
        one
        for each in section.sections(name)
        if (one := one_input(each, nested=nested, in_form=in_form)) is not None
    )
    if not found and not section.items(name):
        section.wrong(name, "must not be empty")
    return found


def _rows(section: Section) -> dict[str, int]:
    below = section.section("rows")
    if below is None:
        return {}
    below.refuse_unknown({"min", "max"}, "io.kestra.core.models.flows.input.TableInput$Rows")
    bounds = {name: below.integer(name, least=0) for name in ("min", "max")}
    return {name: bound for name, bound in bounds.items() if bound is not None}


_OUTPUT = frozenset({"id", "type", "value", "itemType", "description", "displayName", "required"})


def outputs(section: Section, name: str = "outputs") -> tuple[FlowOutput, ...]:
    """The outputs declared under `name`."""
    return tuple(_output(each) for each in section.sections(name))


def _output(section: Section) -> FlowOutput:
    section.refuse_unknown(_OUTPUT, "io.kestra.core.models.flows.Output")
    if "value" not in section.data or section.data["value"] is None:
        section.wrong("value", "must not be null", hint='add `value: "{{ ... }}"`')
    return FlowOutput(
        id=section.text("id", required=True, pattern=ID) or "",
        value=section.data.get("value"),
        type=_type_of(section) if section.has("type") else None,
        item_type=_type_of(section, "itemType") if section.has("itemType") else None,
        display_name=section.text("displayName"),
        description=section.text("description"),
        required=section.flag("required", default=True),
    )
