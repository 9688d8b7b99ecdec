"""Criteria held against things in memory, where the store has nothing to search (API spec §3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batuta.errors import InvalidRequest
from batuta.store.patterns import check_pattern, regexp
from batuta.store.port import AllOf, AnyOf, Condition, Criteria


def holds(criteria: Criteria, fields: Mapping[str, str]) -> bool:
    """Whether something with these fields is looked for. `q` is free text: each word is part of it."""
    match criteria:
        case Condition():
            return _holds(criteria, fields[criteria.field])
        case AllOf(parts):
            return all(holds(part, fields) for part in parts)
        case AnyOf(parts):
            return any(holds(part, fields) for part in parts)


def _holds(condition: Condition, text: str) -> bool:
    given: list[Any] = condition.value if isinstance(condition.value, list) else [condition.value]
    wanted = [str(each) for each in given]
    if condition.field == "q":
        found = all(word in text.lower() for each in wanted for word in each.lower().split())
        return found is not (condition.operation == "NOT_EQUALS")
    match condition.operation:
        case "EQUALS" | "IN":
            return text in wanted
        case "NOT_EQUALS" | "NOT_IN":
            return text not in wanted
        case "CONTAINS":
            return any(each in text for each in wanted)
        case "NOT_CONTAINS":
            return not any(each in text for each in wanted)
        case "STARTS_WITH":
            return text.startswith(tuple(wanted))
        case "ENDS_WITH":
            return text.endswith(tuple(wanted))
        case "PREFIX":
            return any(text == each or text.startswith(f"{each.rstrip('.')}.") for each in wanted)
        case "REGEX":
            try:
                return regexp(check_pattern(wanted[0]), text)
            except ValueError as error:
                raise InvalidRequest(str(error), where=condition.field) from None
    raise InvalidRequest(f"`{condition.operation}` cannot be asked of `{condition.field}`")
