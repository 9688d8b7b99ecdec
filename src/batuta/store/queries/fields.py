"""The kinds of fields: which operations each allows and what they mean in SQL (API spec §3.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_, select, true
from sqlalchemy.sql.elements import SQLColumnExpression

from batuta.iso8601 import parse_instant
from batuta.store.patterns import check_pattern
from batuta.store.queries.criteria import Clause, Field, listed, negated_when, one_of, text, texts
from batuta.store.sqlite.rows import micros

Column = SQLColumnExpression[Any]

SYSTEM_NAMESPACE = "system"

_EQUAL = frozenset({"EQUALS", "NOT_EQUALS"})
_MEMBER = _EQUAL | {"IN", "NOT_IN"}
_PART = _MEMBER | {"CONTAINS", "STARTS_WITH", "ENDS_WITH"}
_NAME = _PART | {"NOT_CONTAINS", "REGEX", "PREFIX"}
_ORDERED = _EQUAL | {"GREATER_THAN", "LESS_THAN", "GREATER_THAN_OR_EQUAL_TO", "LESS_THAN_OR_EQUAL_TO"}
_NULL = frozenset({"IS_NULL", "IS_NOT_NULL"})
_LABELS = _MEMBER | {"CONTAINS"}


def name(column: Column) -> Field:
    """A namespace or flow id: everything that can be asked of text."""
    return Field(_NAME, partial(_text_clause, column))


def identifier(column: Column, *, nullable: bool = False) -> Field:
    """An id."""
    return Field(_PART | _NULL if nullable else _PART, partial(_text_clause, column))


def word(column: Column, known: Iterable[str]) -> Field:
    """One of a closed set of words."""
    words = frozenset(known)

    def clause(operation: str, value: Any) -> Clause:
        for each in texts(value):
            one_of(each, words)
        return _text_clause(column, operation, value)

    return Field(_MEMBER, clause)


def instant(column: Column, *, nullable: bool = False) -> Field:
    """A point in time, given as an instant or as its ISO 8601 text."""
    return Field(_ORDERED | _NULL if nullable else _ORDERED, partial(_ordered_clause, column, _micros))


def number(column: Column) -> Field:
    """A whole number."""
    return Field(_ORDERED, partial(_ordered_clause, column, _whole))


def flag(column: Column, *, is_opposite: bool = False) -> Field:
    """True or false; with `is_opposite` the column holds the opposite of what is asked."""

    def clause(operation: str, value: Any) -> Clause:
        return column == (_truth(value) ^ is_opposite ^ (operation == "NOT_EQUALS"))

    return Field(_EQUAL, clause)


def words(*columns: Column) -> Field:
    """Free text: each word is part of one of the columns, whatever its case."""

    def clause(operation: str, value: Any) -> Clause:
        parts = text(value).split()
        found = and_(
            true(), *(or_(*(column.icontains(part, autoescape=True) for column in columns)) for part in parts)
        )
        return negated_when(operation == "NOT_EQUALS", found)

    return Field(_EQUAL, clause)


def scope(namespace: Column) -> Field:
    """`USER`: not in the system namespace; `SYSTEM`: in it."""

    def clause(operation: str, value: Any) -> Clause:
        scopes = {one_of(each, ("USER", "SYSTEM")) for each in texts(value)}
        is_system = namespace == SYSTEM_NAMESPACE
        found = true() if len(scopes) == 2 else negated_when("USER" in scopes, is_system)
        return negated_when(operation == "NOT_EQUALS", found)

    return Field(_EQUAL, clause)


def choice(clauses: dict[str, Clause]) -> Field:
    """A word that stands for a clause."""

    def clause(operation: str, value: Any) -> Clause:
        found = or_(*(clauses[one_of(each, clauses)] for each in texts(value)))
        return negated_when(operation == "NOT_EQUALS", found)

    return Field(_EQUAL, clause)


def labels(column: Column) -> Field:
    """A JSON object of labels, asked with a map of labels."""

    def has(key: str, matches: Callable[[ColumnElement[Any]], Clause]) -> Clause:
        each = func.json_each(column).table_valued("key", "value")
        return select(1).select_from(each).where(each.c.key == key, matches(each.c.value)).exists()

    def clause(operation: str, value: Any) -> Clause:
        if not isinstance(value, dict) or not value:
            raise ValueError("labels are given as a map, such as `filters[labels][EQUALS][team]=data`")
        pairs = [(str(key), texts(given)) for key, given in value.items()]
        if operation == "CONTAINS":
            return and_(*(has(key, partial(_contains_any, given)) for key, given in pairs))
        found = [has(key, lambda stored, given=given: stored.in_(given)) for key, given in pairs]  # type: ignore[misc]
        match operation:
            case "EQUALS":
                return and_(*found)
            case "IN":
                return or_(*found)
        return not_(or_(*found))

    return Field(_LABELS, clause)


def _contains_any(parts: list[str], column: Column) -> Clause:
    return or_(*(func.instr(column, part) > 0 for part in parts))


def _text_clause(column: Column, operation: str, value: Any) -> Clause:
    match operation:
        case "EQUALS" | "IN":
            found = texts(value)
            return column == found[0] if len(found) == 1 else column.in_(found)
        case "NOT_EQUALS" | "NOT_IN":
            return or_(column.is_(None), column.not_in(texts(value)))
        case "CONTAINS":
            return _contains_any(texts(value), column)
        case "NOT_CONTAINS":
            return not_(_contains_any(texts(value), column))
        case "STARTS_WITH":
            return or_(*(func.substr(column, 1, len(part)) == part for part in texts(value)))
        case "ENDS_WITH":
            return or_(
                *(func.substr(column, -len(part)) == part if part else true() for part in texts(value))
            )
        case "PREFIX":
            return or_(*(_is_or_is_below(column, part.rstrip(".")) for part in texts(value)))
        case "REGEX":
            return column.regexp_match(check_pattern(text(value)))
    return _null_clause(column, operation)


def _is_or_is_below(column: Column, namespace: str) -> Clause:
    """The namespace itself or a child, as a range that an index can serve: `/` follows on `.`."""
    return or_(column == namespace, and_(column >= f"{namespace}.", column < f"{namespace}/"))


def _ordered_clause(column: Column, convert: Callable[[Any], int], operation: str, value: Any) -> Clause:
    if operation in _NULL:
        return _null_clause(column, operation)
    numbers = [convert(each) for each in listed(value)]
    match operation:
        case "EQUALS":
            return column.in_(numbers)
        case "NOT_EQUALS":
            return or_(column.is_(None), column.not_in(numbers))
        case "GREATER_THAN":
            return and_(*(column > number for number in numbers))
        case "LESS_THAN":
            return and_(*(column < number for number in numbers))
        case "GREATER_THAN_OR_EQUAL_TO":
            return and_(*(column >= number for number in numbers))
    return and_(*(column <= number for number in numbers))


def _null_clause(column: Column, operation: str) -> Clause:
    return column.is_(None) if operation == "IS_NULL" else column.is_not(None)


def _micros(value: Any) -> int:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"`{value}` has no offset")
        return micros(value)
    return micros(parse_instant(text(value)))


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"`{value}` is not a whole number")
    return int(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return one_of(text(value).lower(), ("true", "false")) == "true"
