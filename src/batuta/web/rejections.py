"""Errors that only a request can meet."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from batuta.errors import RequestError


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One of the things that are wrong with what was sent."""

    message: str
    path: str = ""
    pointer: str | None = None
    hint: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class Invalid(RequestError):
    """What was sent breaks rules. `parts` has all of them."""

    code = "request.invalid-entity"

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(", ".join(map(str, parts)))
        self.parts = tuple(parts)


class UnsupportedMediaType(RequestError):
    """The body is of a kind that this route does not read."""

    code = "request.unsupported-media-type"


class Unauthenticated(RequestError):
    """This server asks for a user name and a password."""

    code = "request.unauthenticated"


class Expired(RequestError):
    """The value has expired."""

    code = "request.expired"


class WaitedTooLong(RequestError):
    """The executor has not confirmed the change in time; it may still happen."""

    code = "request.timeout"


class NotTerminated(RequestError):
    """The execution must have ended for this."""

    code = "request.not-terminated"
