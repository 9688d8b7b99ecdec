"""Filters of texts."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from batuta.expr.budget import Nodes
from batuta.expr.catalogue import filter_
from batuta.expr.errors import EvaluationError
from batuta.expr.kinds import Char
from batuta.expr.printing import plain_text
from batuta.expr.run import Run

# What the reference trims: everything up to and including the space.
_TRIMMED = "".join(map(chr, range(0x21)))
_NEWLINES = re.compile(r"\r\n|\r|\n")
_WORD_START = re.compile(r"(^|\s)(\S)")


def need_text(value: Any, name: str) -> str:
    """`value` when it is a text.

    Raises:
        EvaluationError: it is something else.
    """
    if not isinstance(value, str) or type(value) is Char:
        raise EvaluationError(f"The filter `{name}` wants a text", expected="String", seen=[value])
    return value


def need_integer(value: Any, name: str, argument: str) -> int:
    """`value` when it is an integer argument."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise EvaluationError(
            f"`{argument}` of `{name}` must be an integer", expected="Integer or Long", seen=[value]
        )
    return int(value)


@filter_("upper")
def upper(value: Any) -> str:
    """All letters in upper case.

    {{ 'Hello' | upper }} -> HELLO
    """
    return plain_text(value).upper()


@filter_("lower")
def lower(value: Any) -> str:
    """All letters in lower case.

    {{ 'Hello' | lower }} -> hello
    """
    return plain_text(value).lower()


@filter_("capitalize")
def capitalize(value: Any) -> str:
    """The first character that is not blank in upper case, the rest untouched.

    {{ 'article title' | capitalize }} -> Article title
    """
    text = need_text(value, "capitalize")
    start = len(text) - len(text.lstrip())
    return text[:start] + text[start : start + 1].title() + text[start + 1 :]


@filter_("title")
def title(value: Any) -> str:
    """The first letter of every word in upper case, the rest untouched.

    {{ 'article title' | title }} -> Article Title
    """
    return _WORD_START.sub(lambda match: match[1] + match[2].title(), need_text(value, "title"))


@filter_("trim")
def trim(value: Any) -> str:
    """The text without white space and control characters at both ends.

    [{{ '  x y  ' | trim }}] -> [x y]
    """
    return need_text(value, "trim").strip(_TRIMMED)


@filter_("abbreviate")
def abbreviate(value: Any, length: Any) -> str:
    """The text cut to `length` characters, the dots included.

    A text of exactly `length` characters is cut too; a length of 3 or less cuts without dots.

    {{ 'hello world' | abbreviate(8) }} -> hello...
    """
    text = need_text(value, "abbreviate")
    most = need_integer(length, "abbreviate", "length")
    if most < 0:
        raise EvaluationError("`length` of `abbreviate` must not be negative", seen=[length])
    if len(text) < most or len(text) <= 3:
        return text
    return text[:most] if most <= 3 else text[: most - 3] + "..."


@filter_("startsWith", null=True)
def starts_with(value_: Any, value: Any) -> bool:
    """Whether the text begins with another.

    {{ 'Hello World' | startsWith('Hello') }} -> true
    """
    return value_ is not None and plain_text(value_).startswith(_form(value))


@filter_("endsWith", null=True)
def ends_with(value_: Any, value: Any) -> bool:
    """Whether the text ends with another.

    {{ 'Hello World' | endsWith('World') }} -> true
    """
    return value_ is not None and plain_text(value_).endswith(_form(value))


def _form(value: Any) -> str:
    return "null" if value is None else plain_text(value)


@filter_("substringBefore")
def substring_before(value: Any, separator: Any) -> str:
    """The text before the first `separator`; all of it when there is none.

    {{ 'a.b.c' | substringBefore('.') }} -> a
    """
    text, mark = plain_text(value), _form(separator)
    return text.split(mark, 1)[0] if mark else ""


@filter_("substringBeforeLast")
def substring_before_last(value: Any, separator: Any) -> str:
    """The text before the last `separator`; all of it when there is none.

    {{ 'a.b.c' | substringBeforeLast('.') }} -> a.b
    """
    text, mark = plain_text(value), _form(separator)
    return text.rsplit(mark, 1)[0] if mark else text


@filter_("substringAfter")
def substring_after(value: Any, separator: Any) -> str:
    """The text after the first `separator`; nothing when there is none.

    {{ 'a.b.c' | substringAfter('.') }} -> b.c
    """
    text, mark = plain_text(value), _form(separator)
    return text.partition(mark)[2] if mark else text


@filter_("substringAfterLast")
def substring_after_last(value: Any, separator: Any) -> str:
    """The text after the last `separator`; nothing when there is none.

    {{ 'a.b.c' | substringAfterLast('.') }} -> c
    """
    text, mark = plain_text(value), _form(separator)
    return text.rpartition(mark)[2] if mark and mark in text else ""


@filter_("slugify")
def slugify(value: Any) -> str:
    """The text as a part of an address: ASCII letters, digits and single hyphens.

    {{ 'Élan Vital!' | slugify }} -> elan-vital
    """
    text = re.sub(r"\s", "-", plain_text(value))
    text = unicodedata.normalize("NFD", text)
    text = re.sub(r"[^A-Za-z0-9_-]", "", text)
    text = re.sub(r"-{2,}", "-", text.replace("_", "-"))
    return re.sub(r"^-|-$", "", text).lower()


@filter_("nl2br")
def nl2br(value: Any) -> str:
    """Every newline as `<br />`.

    {{ "a
    b" | nl2br }} -> a<br />b
    """
    return _NEWLINES.sub("<br />", need_text(value, "nl2br"))


_ESCAPES = {"single": ("'", "\\'"), "double": ('"', '\\"'), "shell": ("'", "'\\''")}


@filter_("escapeChar")
def escape_char(value: Any, type: Any) -> Any:
    """Quotes escaped for a text in `single` or `double` quotes, or for a `shell`; inside lists and maps too.

    {{ "it's" | escapeChar('single') }} -> it\\'s
    """
    pair = _ESCAPES.get(type.lower()) if isinstance(type, str) else None
    if pair is None:
        raise EvaluationError(
            "`type` of `escapeChar` is unknown", expected="`single`, `double` or `shell`", seen=[type]
        )
    return map_texts(value, lambda text: text.replace(*pair))


def map_texts(value: Any, change: Any, level: int = 0, nodes: Nodes | None = None) -> Any:
    """`change` applied to every leaf of `value`, as text; nulls stay."""
    nodes = nodes or Nodes()
    if isinstance(value, (list, dict)):
        nodes.take(len(value), level)
    if isinstance(value, list):
        return [map_texts(item, change, level + 1, nodes) for item in value]
    if isinstance(value, dict):
        return {key: map_texts(item, change, level + 1, nodes) for key, item in value.items()}
    return None if value is None else change(plain_text(value))


@filter_("indent")
def indent(run: Run, value: Any, amount: Any, prefix: Any = " ") -> str:
    """Every line but the first begins with `prefix`, `amount` times.

    {{ "a
    b" | indent(2, '>') }} -> a
    >>b
    """
    return _indented(run, value, amount, prefix, "indent", first="")


@filter_("nindent")
def nindent(run: Run, value: Any, amount: Any, prefix: Any = " ") -> str:
    """A newline, then every line begins with `prefix`, `amount` times.

    a:{{ 'b: 1' | nindent(2) }} -> a:
      b: 1
    """
    return _indented(run, value, amount, prefix, "nindent", first="\n")


def _indented(run: Run, value: Any, amount: Any, prefix: Any, name: str, first: str) -> str:
    count = need_integer(amount, name, "amount")
    if count < 0:
        raise EvaluationError(f"`amount` of `{name}` must not be negative", seen=[amount])
    text = plain_text(value)
    newline = "\r\n" if "\r\n" in text else "\n" if "\n" in text else "\r" if "\r" in text else "\n"
    if not text:
        return ""
    lead = plain_text(prefix)
    run.fits(len(text) + len(lead) * count * (text.count(newline) + 1))
    margin = lead * count
    body = text.replace(newline, newline + margin)
    return newline + margin + body if first else body


@filter_("string")
def string(value: Any) -> str:
    """The text form of any value.

    {{ [1, 'a'] | string }} -> [1, a]
    """
    return plain_text(value)
