"""Given values to typed inputs, and rendered values to typed outputs (flow spec §2.4, §2.5 and §3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from batuta import expr
from batuta.errors import FlowError
from batuta.flows import input_bounds, input_types
from batuta.flows.findings import Violation
from batuta.flows.input_types import Unfit, as_text
from batuta.model import sealed
from batuta.model.inputs import FlowOutput, Input, InputType
from batuta.model.masking import MASK, Masker
from batuta.nearness import did_you_mean

Encrypt = Callable[[str], Any]
"""Turns a secret text into what may be stored."""

_T = InputType
_STRUCTURED = frozenset({_T.JSON, _T.YAML, _T.ION, _T.ARRAY, _T.MULTISELECT, _T.OBJECT, _T.TABLE})
_BLANK_IS_TEXT = frozenset({_T.STRING, _T.SECRET, _T.EMAIL, _T.SELECT, _T.ENUM, _T.BOOL, _T.BOOLEAN})
"""Types for which an empty text is a value; for the others a form that was left blank gives none."""
NO_ENCRYPTION = "Unable to use a `SECRET` input/output as encryption is not configured"


class ResolvedInput(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one input."""

    input: Input
    value: Any = None
    """As shown to whoever asked: plain data, durations as text; what was given where it is wrong."""
    enabled: bool = True
    is_default: bool = False
    errors: tuple[str, ...] = ()
    is_missing: bool = False
    """Its error is that it is required and was not given."""
    stored: Any = None
    """As the execution keeps it."""


class Resolution(msgspec.Struct, frozen=True):
    """What came of all inputs, in the order of their declaration."""

    inputs: tuple[ResolvedInput, ...]
    secrets: tuple[str, ...] = ()
    """What the defaults have seen of secrets, in the clear."""

    @property
    def values(self) -> dict[str, Any]:
        """What the execution keeps and `inputs` is in expressions: nested at the dots of the ids, plain JSON
        data."""
        return nested(
            {each.input.id: each.stored for each in self.inputs if each.enabled and not each.errors}
        )

    @property
    def violations(self) -> tuple[Violation, ...]:
        """All errors of all inputs."""
        return self._violations(self.inputs)

    @property
    def violations_of_given(self) -> tuple[Violation, ...]:
        """The errors but for those of inputs that are missing."""
        return self._violations(each for each in self.inputs if not each.is_missing)

    def _violations(self, inputs: Iterable[ResolvedInput]) -> tuple[Violation, ...]:
        return tuple(
            Violation(message=message, path=each.input.id, index_path=each.input.id, code="input.invalid")
            for each in inputs
            for message in each.errors
        )


def resolve(
    inputs: Sequence[Input],
    given: Mapping[str, Any],
    names: Mapping[str, Any],
    facts: expr.Facts | None = None,
    *,
    encrypt: Encrypt | None = None,
    options: expr.Options | None = None,
) -> Resolution:
    """Type all inputs of a flow. What is wrong is told for every one of them.

    Args:
        inputs: as declared.
        given: the caller's values by input id, typed or as text; what is not declared is ignored. Files are
        given by
            the address they were stored under.
        names: what templates see besides `inputs`: `flow`, `namespace` ...
        facts: outside values known so far.
        encrypt: for inputs of type SECRET; without it they are refused.
        options: instant, zone and budgets of the templates.

    Raises:
        expr.MissingFact: a template asks for an outside value; fetch it and call again.
    """
    resolver = _Resolver(flattened(inputs), given, names, facts, encrypt, options or expr.Options())
    results = tuple(resolver.result(each.id) for each in resolver.declared.values())
    secrets = () if facts is None else tuple(facts.secrets())
    return Resolution(tuple(_masked(each, secrets) for each in results) if secrets else results, secrets)


def _masked(result: ResolvedInput, secrets: tuple[str, ...]) -> ResolvedInput:
    """The result as it may be shown: without secrets that its default asked for."""
    masker = Masker(secrets)
    return msgspec.structs.replace(
        result,
        value=sealed.sealed(result.value, masker.holds, masker.mask),
        errors=tuple(masker.mask(error) for error in result.errors),
    )


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a.b": 1}` as `{"a": {"b": 1}}`."""
    result: dict[str, Any] = {}
    for id, value in values.items():
        *parents, leaf = id.split(".")
        node = result
        for part in parents:
            below = node.get(part)
            if not isinstance(below, dict):
                below = node[part] = {}
            node = below
        node[leaf] = value
    return result


def unknown(inputs: Sequence[Input], given: Iterable[str]) -> dict[str, str]:
    """Names that no input has, and with each what may have been meant; values under them are ignored."""
    if any(each.type is _T.REUSABLE_INPUTS for each in inputs):
        return {}  # what there is, is declared elsewhere
    names = {name for each in flattened(inputs) for name in (each.id, each.id.partition(".")[0])}
    listed = ", ".join(sorted(names))
    instead = f"it has {listed}" if listed else "it has no inputs"
    return {
        name: did_you_mean(name, names) or instead
        for name in given
        if name not in names and name.partition(".")[0] not in names
    }


def flattened(inputs: Sequence[Input], prefix: str = "") -> list[Input]:
    """Inputs without FORMs: the children of one stand under its id and depend on what it depends on."""
    flat: list[Input] = []
    for each in inputs:
        if each.type is not _T.FORM:
            flat.append(msgspec.structs.replace(each, id=prefix + each.id) if prefix else each)
            continue
        for child in flattened(each.inputs, f"{prefix}{each.id}."):
            inherits = each.depends_on is not None and child.depends_on is None
            flat.append(msgspec.structs.replace(child, depends_on=each.depends_on) if inherits else child)
    return flat


class _Resolver:
    """Resolves inputs on demand, each once, so that one may depend on those declared after it."""

    def __init__(
        self,
        inputs: Sequence[Input],
        given: Mapping[str, Any],
        names: Mapping[str, Any],
        facts: expr.Facts | None,
        encrypt: Encrypt | None,
        options: expr.Options,
    ) -> None:
        self.declared = {each.id: each for each in inputs}
        self._given = given
        self._names = names
        self._facts = facts
        self._encrypt = encrypt
        self._options = options
        self._results: dict[str, ResolvedInput] = {}
        self._plain: dict[str, Any] = {}
        """Typed values as templates of other inputs see them: a SECRET in clear."""
        self._under_way: set[str] = set()

    def result(self, id: str) -> ResolvedInput:
        """What came of one input."""
        if id not in self._results:
            self._under_way.add(id)
            self._results[id] = self._resolve(self.declared[id])
            self._under_way.discard(id)
        return self._results[id]

    def _resolve(self, declared: Input) -> ResolvedInput:
        disabled = self._why_disabled(declared)
        if disabled is not None:
            return disabled
        choices = [choice.value for choice in declared.values]
        raw, is_default = self._raw(declared), False
        try:
            if declared.expression is not None:
                choices = self._choices(declared)
            if raw is None and declared.defaults is not None:
                raw, is_default = self._default(declared), True
            if raw is None and declared.auto_select_first and choices:
                raw, is_default = ([choices[0]] if declared.type is _T.MULTISELECT else choices[0]), True
            if raw is None:
                return self._missing(declared)
            value = input_types.parse(declared.type, raw, declared.item_type)
            value = with_members(declared, value)
            input_bounds.check(declared, value, choices)
            stored = self._sealed(value) if declared.type is _T.SECRET else input_types.stored(value)
        except Unfit as unfit:
            message = f"Invalid value for input `{declared.id}`. Cause: {_discreet(declared, raw, unfit)}"
            return ResolvedInput(
                input=declared, value=_echo(declared, raw), is_default=is_default, errors=(message,)
            )
        self._plain[declared.id] = input_types.stored(value)
        shown = stored if declared.type is _T.SECRET else input_types.shown(value)
        return ResolvedInput(input=declared, value=shown, is_default=is_default, stored=stored)

    def _missing(self, declared: Input) -> ResolvedInput:
        if declared.required:
            message = f"Missing required input:{declared.id}"
            return ResolvedInput(input=declared, errors=(message,), is_missing=True)
        self._plain[declared.id] = None
        return ResolvedInput(input=declared)

    def _raw(self, declared: Input) -> Any:
        """The caller's value: under the id as a whole, or inside maps at its dots."""
        value: Any = self._given.get(declared.id)
        if value is None and "." in declared.id:
            value = self._given
            for part in declared.id.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
        return None if value == "" and declared.type not in _BLANK_IS_TEXT else value

    def _why_disabled(self, declared: Input) -> ResolvedInput | None:
        """The result of an input that is not asked for; None for one that is."""
        depends_on = declared.depends_on
        if depends_on is None:
            return None
        for name in depends_on.inputs:
            if name in self.declared and name not in self._under_way and not self.result(name).enabled:
                return ResolvedInput(input=declared, enabled=False)
        if depends_on.condition is None:
            return None
        try:
            holds = expr.render(depends_on.condition, self._visible(), self._facts, self._options)
        except expr.ExpressionError as error:
            return ResolvedInput(input=declared, enabled=False, errors=(f"Invalid condition: {error.what}",))
        return None if (holds or "").strip() == "true" else ResolvedInput(input=declared, enabled=False)

    def _visible(self) -> dict[str, Any]:
        return {**self._names, "inputs": nested(self._plain)}

    def _choices(self, declared: Input) -> list[str]:
        try:
            found = expr.evaluate(declared.expression, self._visible(), self._facts, self._options)
        except expr.ExpressionError as error:
            raise Unfit(f"Cannot render 'expression'. Cause: {error.what}") from None
        if not isinstance(found, list):
            kind = _KINDS.get(type(found), type(found).__name__)
            raise Unfit(f"Invalid expression result. Expected a list of strings, but received {kind}")
        return [as_text(item) for item in found if item is not None]

    def _default(self, declared: Input) -> Any:
        """The default, rendered."""
        default = declared.defaults
        try:
            if not isinstance(default, str):
                return expr.render_deep(default, self._visible(), self._facts, self._options)
            if declared.type in _STRUCTURED and expr.is_template(default):
                return expr.evaluate(default, self._visible(), self._facts, self._options)
            return expr.render(default, self._visible(), self._facts, self._options)
        except expr.ExpressionError as error:
            raise Unfit(f"Cannot render 'defaults'. Cause: {error.what}") from None

    def _sealed(self, value: str) -> Any:
        if self._encrypt is None:
            raise Unfit(NO_ENCRYPTION)
        return self._encrypt(value)


_KINDS = {str: "String", int: "Integer", float: "Double", bool: "Boolean", dict: "Map", type(None): "null"}


def _echo(declared: Input, raw: Any) -> Any:
    """What was given, told back; a secret is not."""
    return MASK if declared.type is _T.SECRET and raw is not None else raw


def _discreet(declared: Input, raw: Any, unfit: Unfit) -> str:
    """Why a value does not fit, without the value where it is a secret."""
    is_secret = declared.type is _T.SECRET and isinstance(raw, str)
    return Masker([raw]).mask(unfit.reason) if is_secret else unfit.reason


def with_members(declared: Input, value: Any) -> Any:
    """The properties of an OBJECT, or the columns of each row of a TABLE, typed in turn."""
    if declared.type is _T.OBJECT and declared.properties:
        return _members(declared.properties, value)
    if declared.type is _T.TABLE and declared.columns:
        return [_members(declared.columns, row) for row in value]
    if declared.type is _T.REUSABLE_INPUTS:
        raise Unfit(f"the reusable inputs `{declared.ref}` are not known")
    return value


def _members(members: Sequence[Input], value: Mapping[str, Any]) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    for member in members:
        raw = value.get(member.id)
        if raw is None:
            if member.required:
                raise Unfit(f"`{member.id}` is missing")
            typed[member.id] = None
            continue
        try:
            typed[member.id] = input_types.parse(member.type, raw, member.item_type)
            input_bounds.check(member, typed[member.id], [choice.value for choice in member.values])
        except Unfit as unfit:
            raise Unfit(f"`{member.id}`: {unfit.reason}", raw) from None
    return typed


_UNTYPED = frozenset({_T.FORM, _T.OBJECT, _T.TABLE, _T.REUSABLE_INPUTS})


def type_outputs(
    outputs: Sequence[FlowOutput], rendered: Mapping[str, Any], *, encrypt: Encrypt | None = None
) -> dict[str, Any]:
    """The outputs of an execution: each rendered value by the type of its output, as plain JSON data.

    Raises:
        FlowError: a value is missing or does not fit; all such outputs are named.
    """
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for output in outputs:
        try:
            values[output.id] = _typed_output(output, rendered.get(output.id), encrypt)
        except Unfit as unfit:
            wrong.append(unfit.reason)
    if wrong:
        raise FlowError(", ".join(wrong), where="outputs")
    return values


def _typed_output(output: FlowOutput, raw: Any, encrypt: Encrypt | None) -> Any:
    if raw is None:
        if output.required:
            raise Unfit(f"Missing required output:{output.id}")
        return None
    if output.type is None or output.type in _UNTYPED:
        return raw
    try:
        value = input_types.parse(output.type, raw, output.item_type)
        if output.type is not _T.SECRET:
            return input_types.stored(value)
        if encrypt is None:
            raise Unfit(NO_ENCRYPTION)
        return encrypt(value)
    except Unfit as unfit:
        raise Unfit(f"Invalid value for output `{output.id}`. Cause: {unfit.reason}") from None
