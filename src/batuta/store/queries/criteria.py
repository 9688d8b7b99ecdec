"""Criteria to clauses: the grammar of filters, and which fields a noun has (API spec §3.1).

Every value is bound; none becomes part of a statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, false, or_, true

from batuta.errors import InvalidRequest
from batuta.store.port import AllOf, AnyOf, Condition, Criteria

Clause = ColumnElement[bool]


class Field(msgspec.Struct, frozen=True):
    """What one field of a filter can be asked, and how: operation and value to clause."""

    operations: frozenset[str]
    clause: Callable[[str, Any], Clause]


Fields = Mapping[str, Field]


def translated(criteria: Criteria, fields: Fields, noun: str) -> Clause:
    """The clause that holds where the criteria hold.

    Raises:
        InvalidRequest: a field or operation is unknown, or a value does not suit its field.
    """
    match criteria:
        case Condition():
            return _condition(criteria, fields, noun)
        case AllOf(parts):
            return and_(true(), *(translated(part, fields, noun) for part in parts))
        case AnyOf(parts):
            return or_(false(), *(translated(part, fields, noun) for part in parts))


def _condition(condition: Condition, fields: Fields, noun: str) -> Clause:
    field = fields.get(condition.field)
    if field is None:
        raise InvalidRequest(
            f"`{condition.field}` is not a filter of {noun}",
            mend=f"known fields: {', '.join(sorted(fields))}",
        )
    if condition.operation not in field.operations:
        raise InvalidRequest(
            f"`{condition.operation}` is not an operation of the filter `{condition.field}` of {noun}",
            mend=f"known operations: {', '.join(sorted(field.operations))}",
        )
    try:
        return field.clause(condition.operation, condition.value)
    except ValueError as error:
        raise InvalidRequest(
            f"The filter `{condition.field}` of {noun} has a value that does not suit it: {error}"
        ) from error


def mentions(criteria: Criteria, field: str) -> bool:
    """Some condition is about this field."""
    if isinstance(criteria, Condition):
        return criteria.field == field
    return any(mentions(part, field) for part in criteria.parts)


def listed(value: Any) -> list[Any]:
    """A value or a list of values as a list."""
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def texts(value: Any) -> list[str]:
    """A text or a list of texts as a list.

    Raises:
        ValueError: something else is among them.
    """
    found = listed(value)
    for each in found:
        if not isinstance(each, str):
            raise ValueError(f"`{each}` is not text")
    return found


def text(value: Any) -> str:
    """A single text.

    Raises:
        ValueError: it is something else, or several.
    """
    found = texts(value)
    if len(found) != 1:
        raise ValueError("it takes one value")
    return found[0]


def negated_when(negative: bool, clause: Clause) -> Clause:
    """The clause, or its opposite."""
    return ~clause if negative else clause


def one_of(value: str, known: Iterable[str]) -> str:
    """The value.

    Raises:
        ValueError: it is none of the known ones.
    """
    names = sorted(known)
    if value not in names:
        raise ValueError(f"`{value}` is none of {', '.join(names)}")
    return value
