"""Functions that need nothing from outside: parsing, rendering, identifiers, time."""

from __future__ import annotations

from typing import Any

from batuta.clock import SystemClock
from batuta.expr import operators
from batuta.expr.budget import Nodes
from batuta.expr.catalogue import function
from batuta.expr.dates import moment as moments
from batuta.expr.errors import (
    ArgumentError,
    EvaluationError,
    LimitError,
    UndefinedError,
    UndefinedInRenderError,
    UnknownNameError,
)
from batuta.expr.filters.dates import written, zone_argument
from batuta.expr.kinds import Long, is_number
from batuta.expr.parsing import parse_json
from batuta.expr.printing import plain_text
from batuta.expr.run import Run
from batuta.expr.values import as_double

_NANO_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
_KSUID_EPOCH = 1_400_000_000
_MOST_NANO_ID = 1000


# Numbers


@function("max")
def max_(*numbers: Any) -> Any:
    """The greatest of the numbers; null without any.

    {{ max(3, 7, 5) }} -> 7
    """
    return _winner("max", numbers)


@function("min")
def min_(*numbers: Any) -> Any:
    """The least of the numbers; null without any.

    {{ min(3, 7, 5) }} -> 3
    """
    return _winner("min", numbers)


def _winner(name: str, numbers: tuple[Any, ...]) -> Any:
    best = None
    for number in numbers:
        if not is_number(number):
            raise EvaluationError(f"`{name}` wants numbers", seen=[number])
        if best is None:
            best = number
            continue
        first, second = as_double(number), as_double(best)
        if first > second if name == "max" else first < second:
            best = number
    return best


@function("range")
def range_(run: Run, start: Any, end: Any, increment: Any = 1) -> list[Any]:
    """The numbers or letters from `start` to `end`, both included.

    {{ range(0, 6, 2) }} -> [0,2,4,6]
    """
    return operators.range_(run, start, end, increment)


@function("block")
def block(run: Run, name: Any) -> str:
    """What a block of the template prints; nothing when there is no such block.

    {% block a %}x{% endblock %}{{ block('a') }} -> xx
    """
    body = run.template.blocks.get(plain_text(name))
    return "" if body is None else run.capture(body)


@function("parent")
def parent() -> str:
    """Nothing: templates do not inherit.

    [{{ parent() }}] -> []
    """
    return ""


# Parsing


def _text_or_null(value: Any, name: str, argument: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ArgumentError(f"`{name}` expects a text as '{argument}'", expected="String", seen=[value])


@function("fromJson", "json")
def from_json(json: Any) -> Any:
    """The value of a JSON text; null of null.

    {{ fromJson('{"a": [1, 2]}').a[1] }} -> 2
    """
    text = _text_or_null(json, "fromJson", "json")
    if text is None:
        return None
    try:
        return parse_json(text)
    except ValueError as error:
        raise EvaluationError(f"Invalid json: {error}", seen=[text]) from None


@function("fromIon")
def from_ion(ion: Any, all_rows: Any = False) -> Any:
    """The first value of an Ion text, or with `allRows` the list of all; null of null.

    {{ fromIon('{a: 1}').a }} -> 1
    """
    text = _text_or_null(ion, "fromIon", "ion")
    if text is None:
        return None
    from batuta.expr.documents.ion import read_ion

    rows = read_ion(text)
    if all_rows is True:
        return rows
    if not rows:
        raise EvaluationError("Invalid ion: there is no value", seen=[text])
    return rows[0]


@function("yaml")
def yaml(yaml: Any) -> Any:
    """The value of a YAML text.

    {{ yaml('a: [1, 2]').a[1] }} -> 2
    """
    if not isinstance(yaml, str):
        raise ArgumentError("`yaml` expects a text as 'yaml'", expected="String", seen=[yaml])
    from batuta.expr.documents.yaml_reader import read_yaml

    return read_yaml(yaml)


# Rendering


@function("render")
def render(run: Run, to_render: Any, recursive: Any = True) -> Any:
    """The text rendered with the present variables, again and again until it stands still.

    Every text inside a list or a map is rendered, keys too.

    {{ render('{{ 1 + 1 }}') }} -> 2
    """
    if not isinstance(recursive, bool):
        raise ArgumentError("`render` expects a boolean as 'recursive'", expected="Boolean", seen=[recursive])
    return _render_value(run, "render", to_render, recursive)


@function("renderOnce")
def render_once(run: Run, to_render: Any) -> Any:
    """The text rendered once with the present variables.

    {{ renderOnce('{{ 1 + 1 }}') }} -> 2
    """
    return _render_value(run, "renderOnce", to_render, False)


def _render_value(run: Run, name: str, value: Any, recursive: bool) -> Any:
    if run.options.recursive:
        # Every rendering is recursive already, and these two do not exist.
        raise UnknownNameError(f"Function or Macro [{name}] does not exist")
    most = run.options.limits.render_depth
    if run.render_depth >= most:
        raise LimitError(f"More than {most} calls of `render` inside each other")
    run.render_depth += 1
    try:
        return _render_deep(run, value, recursive, 0, Nodes())
    except UndefinedError as error:
        raise error.becoming(UndefinedInRenderError) from None
    finally:
        run.render_depth -= 1


def _render_deep(run: Run, value: Any, recursive: bool, level: int, nodes: Nodes) -> Any:
    if isinstance(value, str):
        return _render_text(run, value, recursive)
    if isinstance(value, (list, dict)):
        nodes.take(len(value), level)
    if isinstance(value, list):
        return [_render_deep(run, item, recursive, level + 1, nodes) for item in value]
    if isinstance(value, dict):
        rendered: dict[Any, Any] = {}
        for key, item in value.items():
            rendered.setdefault(
                _render_deep(run, key, recursive, level, nodes),
                _render_deep(run, item, recursive, level + 1, nodes),
            )
        return rendered
    return value


def _render_text(run: Run, text: str, recursive: bool) -> str:
    from batuta.expr.template import compile, is_template

    if not is_template(text):
        return text
    for _ in range(run.options.limits.render_passes if recursive else 1):
        run.tick()
        before, text = text, run.nested(compile(text))
        if not recursive or text == before or not is_template(text):
            return text
    raise LimitError("Too many rendering attempts")


@function("fetchContext", "printContext")
def fetch_context(run: Run) -> dict[str, Any]:
    """All variables of the context, as a map.

    {{ fetchContext() | className }} -> java.util.LinkedHashMap
    """
    return {**{name: run.names[name] for name in run.names}, **run.locals}


# Identifiers and chance


@function("id")
def id_(run: Run) -> str:
    """A short unique identifier of 22 letters and digits.

    {{ id() | length }} -> 22
    """
    from batuta.ids import base62

    return base62(run.random().getrandbits(128))


@function("uuid")
def uuid(run: Run) -> str:
    """A random UUID.

    {{ uuid() | length }} -> 36
    """
    from uuid import UUID

    return str(UUID(int=run.random().getrandbits(128), version=4))


@function("ksuid")
def ksuid(run: Run) -> str:
    """An identifier of 27 letters and digits that sorts by the second in which it was made.

    {{ ksuid() | length }} -> 27
    """
    from batuta.ids import base62

    now = run.options.now or SystemClock().now()
    seconds = max(0, int(now.timestamp()) - _KSUID_EPOCH) % 2**32
    return base62(seconds << 128 | run.random().getrandbits(128), 27)


@function("nanoId")
def nano_id(run: Run, length: Any = 21, alphabet: Any = _NANO_ALPHABET) -> str:
    """A random identifier of `length` characters of `alphabet`.

    {{ nanoId(8, 'ab') | length }} -> 8
    """
    if isinstance(length, bool) or not isinstance(length, int) or not 0 < length <= _MOST_NANO_ID:
        raise EvaluationError(
            f"`length` of `nanoId` must be an integer from 1 to {_MOST_NANO_ID}", seen=[length]
        )
    if not isinstance(alphabet, str) or not alphabet:
        raise EvaluationError("`alphabet` of `nanoId` must be a text", seen=[alphabet])
    return "".join(run.random().choice(alphabet) for _ in range(length))


@function("randomInt")
def random_int(run: Run, lower: Any, upper: Any) -> int:
    """A random integer from `lower` (included) to `upper` (excluded).

    {{ randomInt(3, 4) }} -> 3
    """
    for value in (lower, upper):
        if isinstance(value, bool) or not isinstance(value, int):
            raise EvaluationError(
                "`randomInt` wants integers", expected="Integer or Long", seen=[lower, upper]
            )
    if upper < lower:
        raise EvaluationError("`upper` of `randomInt` must not be below `lower`", seen=[lower, upper])
    return Long(lower if lower == upper else run.random().randrange(int(lower), int(upper)))


# Time


@function("now")
def now(
    run: Run, format: Any = "iso", time_zone: Any = None, existing_format: Any = None, locale: Any = None
) -> str:
    """The present instant as a text, by a named format or a pattern.

    {{ now('yyyy') | length }} -> 4
    """
    zone = zone_argument(run, time_zone)
    instant = run.options.now or SystemClock().now()
    return written(run, moments.in_zone(moments.of_datetime(instant, zone), zone), format, locale)
