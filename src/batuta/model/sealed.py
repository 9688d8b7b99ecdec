"""Values that are kept encrypted: what they look like among plain data, and the way there and back.

A text is sealed as a whole: `{"type": TYPE, "value": "<base64>"}` stands in its place (spec §A14). Where
only a text can stand, as in the value of an iteration, it is that map written as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

TYPE = "io.kestra.datatype:aes_encrypted"
"""How a sealed value says what it is."""

_AS_TEXT = '{"type":"' + TYPE + '","value":"'

Encrypt = Callable[[str], Any]
Decrypt = Callable[[dict[str, Any]], Any]
Holds = Callable[[str], bool]
"""Whether a text contains something that must not be seen."""


def is_sealed(value: Any) -> bool:
    """The value is a sealed text."""
    return isinstance(value, dict) and value.get("type") == TYPE and isinstance(value.get("value"), str)


def is_sealed_text(value: Any) -> bool:
    """The value is a sealed text that is written as text."""
    return isinstance(value, str) and value.startswith(_AS_TEXT) and value.endswith('"}')


def has_sealed(value: Any) -> bool:
    """Somewhere in the value is a sealed text."""
    if isinstance(value, dict):
        return is_sealed(value) or any(has_sealed(each) for each in value.values())
    if isinstance(value, list | tuple):
        return any(has_sealed(each) for each in value)
    return is_sealed_text(value)


def sealed(value: Any, holds: Holds, encrypt: Encrypt) -> Any:
    """The value with every text encrypted that holds a secret; the same object when none does.

    Names of members are not values: one that holds a secret is left out with what it names.
    """
    if isinstance(value, str):
        return encrypt(value) if holds(value) else value
    if isinstance(value, dict):
        if is_sealed(value):
            return value
        members = {
            name: sealed(each, holds, encrypt)
            for name, each in value.items()
            if not (isinstance(name, str) and holds(name))
        }
        same = len(members) == len(value) and all(members[name] is value[name] for name in members)
        return value if same else members
    if isinstance(value, list | tuple):
        items = [sealed(each, holds, encrypt) for each in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value


def sealed_text(text: str, holds: Holds, encrypt: Encrypt) -> str:
    """The same for a place where only text can stand."""
    if not holds(text):
        return text
    found = encrypt(text)
    return f'{_AS_TEXT}{found["value"]}"}}' if is_sealed(found) else str(found)


def opened(value: Any, decrypt: Decrypt) -> Any:
    """The value with every sealed text in the clear; the same object when there is none."""
    if isinstance(value, dict):
        if is_sealed(value):
            return decrypt(value)
        members = {name: opened(each, decrypt) for name, each in value.items()}
        return value if all(members[name] is value[name] for name in members) else members
    if isinstance(value, list | tuple):
        items = [opened(each, decrypt) for each in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if is_sealed_text(value):
        found = decrypt({"type": TYPE, "value": value[len(_AS_TEXT) : -2]})
        return found if isinstance(found, str) else value
    return value


def texts(value: Any, opened: Any) -> Iterator[str]:
    """The texts that are sealed in a value, from what it is when opened."""
    if isinstance(opened, str):
        if opened is not value:
            yield opened
    elif isinstance(value, dict) and isinstance(opened, dict):
        for name, each in value.items():
            yield from texts(each, opened[name])
    elif isinstance(value, list | tuple):
        for one, other in zip(value, opened, strict=True):
            yield from texts(one, other)
