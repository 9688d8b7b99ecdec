"""Names that nobody gave: execution ids by chance, task-run ids derived from their execution.

A task run's id follows from its execution and its ordinal, so that a step which is made twice is the same
step.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 22
"""Characters in an id: 128 bits in base 62."""

_draw: ContextVar[Callable[[int], int]] = ContextVar("batuta_ids_draw", default=secrets.randbits)


def base62(number: int, length: int = LENGTH) -> str:
    """`number` in base 62, padded to `length` characters."""
    digits = []
    while number:
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits)).rjust(length, "0")


def random_id() -> str:
    """A new id that nobody can guess."""
    return base62(_draw.get()(128))


@contextmanager
def drawing(draw: Callable[[int], int]) -> Iterator[None]:
    """Within this context ids that nobody gave come from `draw`, which is asked for a number of bits.

    For tests, which are to give the same names whenever they run.
    """
    token = _draw.set(draw)
    try:
        yield
    finally:
        _draw.reset(token)


def derived_id(*parts: str | int) -> str:
    """The id that follows from `parts`; the same parts give the same id."""
    text = "\x00".join(map(str, parts)).encode()
    return base62(int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big"))
