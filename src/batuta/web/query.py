"""The query string of a request, read by type; an error names the parameter that does not fit."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from batuta.errors import InvalidRequest, RequestError
from batuta.store.port import Order

E = TypeVar("E", bound=StrEnum)
MOST_PARAMETERS = 2000
MOST_PAGE_SIZE = 10_000


class BadQuery(RequestError):
    """A parameter of the query string is missing or cannot be read."""

    code = "request.invalid-query"


class Query:
    """Parameters in order, each as often as it was given."""

    __slots__ = ("pairs",)

    def __init__(self, query_string: bytes) -> None:
        try:
            text = query_string.decode("ascii", "replace")
            self.pairs = (
                parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS) if text else []
            )
        except ValueError:
            raise BadQuery(f"the query string has more than {MOST_PARAMETERS} parameters") from None

    def all(self, name: str) -> list[str]:
        """Every value of a parameter that is not empty."""
        return [value for key, value in self.pairs if key == name and value]

    def joined(self, name: str) -> list[str]:
        """Every value of a parameter that may also hold several, parted by commas."""
        return [part.strip() for value in self.all(name) for part in value.split(",") if part.strip()]

    def text(self, name: str) -> str | None:
        """The last value, or None where there is none or an empty one."""
        values = self.all(name)
        return values[-1] if values else None

    def need(self, name: str) -> str:
        """The value of a parameter that must be given."""
        value = self.text(name)
        if value is None:
            raise BadQuery(f"the query parameter `{name}` is missing", where=name)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """`true` or `false`."""
        value = self.text(name)
        if value is None:
            return default
        match value.lower():
            case "true" | "1" | "yes" | "on":
                return True
            case "false" | "0" | "no" | "off":
                return False
        raise BadQuery(f"`{name}` must be `true` or `false`, not `{value}`", where=name)

    def number(self, name: str, *, least: int | None = None) -> int | None:
        """A whole number."""
        value = self.text(name)
        if value is None:
            return None
        try:
            number = int(value)
        except ValueError:
            raise BadQuery(f"`{name}` must be a whole number, not `{value}`", where=name) from None
        if least is not None and number < least:
            raise InvalidRequest(f"{name}: must be greater than or equal to {least}", where=name)
        return number

    def instant(self, name: str) -> datetime | None:
        """A date with time; without an offset it is UTC."""
        value = self.text(name)
        return None if value is None else read_instant(value, name)

    def choice(self, name: str, kind: type[E]) -> E | None:
        """One of a closed list of words."""
        value = self.text(name)
        return None if value is None else one_of(value, kind, name)


def of(request: Request[Any, Any, Any]) -> Query:
    """The query of a request."""
    return Query(request.scope["query_string"])


def one_of(value: str, kind: type[E], name: str) -> E:
    """`value` as a member of `kind`."""
    try:
        return kind(value.upper())
    except ValueError:
        known = ", ".join(kind)
        raise BadQuery(f"`{name}` cannot be `{value}`", where=name, mend=f"one of: {known}") from None


def read_instant(value: str, name: str) -> datetime:
    """An instant as clients write it. A blank in place of the `+` of an offset is forgiven."""
    try:
        instant = datetime.fromisoformat(value.strip().replace(" ", "+") if "T" in value else value.strip())
    except ValueError:
        raise BadQuery(
            f"`{name}` must be a date such as 2026-03-01T08:00:00Z, not `{value}`", where=name
        ) from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


class Paging(msgspec.Struct, frozen=True):
    """Which part of a list is wanted, and in which order."""

    offset: int
    limit: int
    order: tuple[Order, ...]


def paging(query: Query) -> Paging:
    """`page`, `size` and `sort` (API spec §3)."""
    page = query.number("page", least=1) or 1
    size = query.number("size", least=1) or 10
    size = min(size, MOST_PAGE_SIZE)
    return Paging((page - 1) * size, size, order(query))


def order(query: Query) -> tuple[Order, ...]:
    """`sort=<column>:asc|desc`, as often as wanted."""
    orders = []
    for text in query.joined("sort"):
        column, _, direction = text.partition(":")
        if not column or direction.lower() not in ("asc", "desc"):
            raise InvalidRequest(
                f"Invalid sort parameter `{text}`",
                where="sort",
                mend="write a column and a direction: `id:asc`",
            )
        orders.append(Order(column, direction.lower() == "desc"))
    return tuple(orders)
