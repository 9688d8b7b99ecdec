"""One map of a document, read property by property; what does not fit is noted and left out.

Scalars convert where nothing is lost, as authors expect of YAML: `id: 12` is the text `12`, `disabled:
"true"` is true.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from batuta import expr, iso8601
from batuta.flows.document import Path
from batuta.flows.findings import Findings, unrecognized
from batuta.nearness import did_you_mean

E = TypeVar("E", bound=StrEnum)


class Section:
    """One map of the document. Attributes: `path` where it stands, `data` its entries."""

    def __init__(self, found: Findings, path: Path, data: dict[str, Any]) -> None:
        self.found = found
        self.path = path
        self.data = data

    def at(self, name: str) -> Path:
        """The path of one of its properties."""
        return (*self.path, name)

    def has(self, name: str) -> bool:
        """The property is written and not null."""
        return self.data.get(name) is not None

    def wrong(self, name: str, message: str, *, hint: str | None = None, code: str = "flow.invalid") -> None:
        """Note what is wrong with a property."""
        self.found.wrong(self.at(name), message, hint=hint, code=code)

    def refuse_unknown(self, known: Collection[str], owner: str) -> None:
        """Note every property that is not among `known`."""
        for name in self.data:
            if name not in known:
                message, hint = unrecognized(name, owner, known)
                self.found.wrong(self.at(name), message, hint=hint, key=True, code="flow.unknown-property")

    def text(
        self,
        name: str,
        *,
        required: bool = False,
        pattern: str | None = None,
        least: int = 0,
        most: int | None = None,
    ) -> str | None:
        """A text; `pattern` must match all of it, `least` and `most` bound its length."""
        value = self.data.get(name)
        if value is None:
            if required:
                self.wrong(name, "must not be null", hint=f"add `{name}:`")
            return None
        if isinstance(value, (dict, list)):
            self._unfit(name, "text")
            return None
        text = scalar_text(value)
        if required and not text.strip():
            self.wrong(name, "must not be blank", hint=f"give `{name}` a value")
            return None
        if most is not None and not least <= len(text) <= most:
            self.wrong(
                name, f"size must be between {least} and {most}", hint=f"it has {len(text)} characters"
            )
        if pattern is not None and re.fullmatch(pattern, text) is None:
            self.wrong(name, f'must match "^{pattern}"', hint=_pattern_hint(text))
        return text

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self.data.get(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        if isinstance(value, str) and value.strip().lower() in ("true", "false"):
            return value.strip().lower() == "true"
        self._unfit(name, "true or false", hint="write `true` or `false` without quotes")
        return default

    def integer(self, name: str, *, least: int | None = None, above: int | None = None) -> int | None:
        """A whole number, at least `least` or above `above`."""
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, str) and re.fullmatch(r"[-+]?\d{1,18}", value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self._unfit(name, "a whole number")
            return None
        if least is not None and value < least:
            self.wrong(name, f"must be greater than or equal to {least}")
        if above is not None and value <= above:
            self.wrong(name, f"must be greater than {above}")
        return value

    def number(self, name: str) -> float | None:
        """A number."""
        value = self.data.get(name)
        if isinstance(value, str):
            with suppress(ValueError):
                value = float(value)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._unfit(name, "a number")
            return None
        return float(value)

    def duration(self, name: str, *, required: bool = False, templated: bool = False) -> str | None:
        """An ISO 8601 duration as written; with `templated` an expression may stand for one."""
        text = self.text(name, required=required)
        if text is None or (templated and expr.is_template(text)):
            return text
        return text if self.timedelta(name) is not None else None

    def timedelta(self, name: str) -> timedelta | None:
        """A duration as such; noted when it is none."""
        value = self.data.get(name)
        if value is None:
            return None
        try:
            return iso8601.parse_duration(scalar_text(value))
        except (ValueError, OverflowError):
            self._unfit(name, "an ISO 8601 duration", hint="write it like PT30S, PT15M, PT1H or P1D")
            return None

    def choice(self, name: str, kind: type[E], *, required: bool = False) -> E | None:
        """One of the words of an enumeration."""
        text = self.text(name, required=required)
        if text is None:
            return None
        try:
            return kind(text)
        except ValueError:
            words = [member.value for member in kind]
            self._unfit(name, f"one of {', '.join(words)}", hint=did_you_mean(text.upper(), words))
            return None

    def mapping(self, name: str) -> dict[str, Any]:
        """A map of anything."""
        value = self.data.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._unfit(name, "a map")
            return {}
        return value

    def items(self, name: str) -> list[Any]:
        """A list of anything."""
        value = self.data.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._unfit(name, "a list", hint="start each item with `- `")
            return []
        return value

    def section(self, name: str) -> Section | None:
        """A map, to be read in turn."""
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self._unfit(name, "a map")
            return None
        return Section(self.found, self.at(name), value)

    def sections(self, name: str) -> Iterator[Section]:
        """A list of maps, each to be read in turn."""
        for place, item in enumerate(self.items(name)):
            path = (*self.path, name, place)
            if isinstance(item, dict):
                yield Section(self.found, path, item)
            else:
                self.found.wrong(path, illegal(f"must be a map, but is {shown(item)}"))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; a single text counts as a list of one."""
        value = self.data.get(name)
        if isinstance(value, str):
            return (value,)
        result = []
        for place, item in enumerate(self.items(name)):
            if item is None or isinstance(item, (dict, list)):
                self.found.wrong((*self.path, name, place), illegal(f"must be text, but is {shown(item)}"))
            else:
                result.append(scalar_text(item))
        return tuple(result)

    def _unfit(self, name: str, wanted: str, *, hint: str | None = None) -> None:
        message = illegal(f"`{name}` must be {wanted}, but is {shown(self.data[name])}")
        self.found.wrong(self.at(name), message, hint=hint, code="flow.wrong-type")


def illegal(text: str) -> str:
    """The message for a value of the wrong type (flow spec §17.2)."""
    return f"Illegal flow yaml: {text}"


def scalar_text(value: Any) -> str:
    """A scalar as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def shown(value: Any) -> str:
    """A value in a message, short."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    text = scalar_text(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def _pattern_hint(text: str) -> str:
    odd = sorted({char for char in text if not (char.isascii() and (char.isalnum() or char in "._-"))})
    if odd:
        return f"remove {' '.join(f'`{char}`' if char.isprintable() else repr(char) for char in odd[:5])}"
    return "start with a letter or digit, and use letters, digits, `-`, `_` and, where allowed, `.`"
