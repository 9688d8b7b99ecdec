"""What to look for: `filters[field][OPERATION]=value`, groups of them, and the older flat parameters.

The result is the store's `Criteria`. All wrong filters of a request are told at once (API spec §3.1, §3.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from batuta import iso8601
from batuta.errors import InvalidRequest, RequestError
from batuta.store.port import AllOf, AnyOf, Condition, Criteria
from batuta.web.query import BadQuery, Query, read_instant

_EQUAL = frozenset({"EQUALS", "NOT_EQUALS"})
_LISTED = _EQUAL | {"IN", "NOT_IN"}
_COMPARED = _EQUAL | {"GREATER_THAN", "LESS_THAN", "GREATER_THAN_OR_EQUAL_TO", "LESS_THAN_OR_EQUAL_TO"}
_PLACED = _LISTED | {"CONTAINS", "NOT_CONTAINS", "STARTS_WITH", "ENDS_WITH", "REGEX", "PREFIX"}
_NAMED = _LISTED | {"CONTAINS", "STARTS_WITH", "ENDS_WITH"}
_NULLNESS = frozenset({"IS_NULL", "IS_NOT_NULL"})

OPERATIONS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("q", "scope", "childFilter", "existingOnly", "enabled"), _EQUAL),
    "level": _COMPARED | _LISTED,
    **dict.fromkeys(("namespace", "flowId"), _PLACED),
    **dict.fromkeys(("kind", "state"), _LISTED | _NULLNESS),
    "labels": _LISTED | {"CONTAINS"},
    **dict.fromkeys(("startDate", "endDate", "updated", "expirationDate"), _COMPARED | _NULLNESS),
    **dict.fromkeys(("flowRevision", "attemptNumber"), _COMPARED),
    "timeRange": frozenset({"EQUALS"}),
    **dict.fromkeys(("triggerState", "locked"), _EQUAL),
    **dict.fromkeys(("lastTriggeredDate", "nextExecutionDate"), _COMPARED | _NULLNESS),
    "workerId": _NAMED | _NULLNESS,
    **dict.fromkeys(
        ("id", "executionId", "triggerExecutionId", "triggerId", "taskId", "taskRunId", "parentId"),
        _NAMED | _NULLNESS,
    ),
}
"""Which operations suit which field."""

FLOWS = frozenset({"labels", "namespace", "q", "scope", "flowId", "enabled", "updated"})
EXECUTIONS = frozenset(
    {
        "q",
        "scope",
        "flowId",
        "namespace",
        "state",
        "labels",
        "kind",
        "startDate",
        "endDate",
        "timeRange",
        "triggerExecutionId",
        "triggerId",
        "childFilter",
        "parentId",
        "id",
        "flowRevision",
        "taskId",
    }
)
LOGS = frozenset(
    {
        "q",
        "scope",
        "namespace",
        "flowId",
        "triggerId",
        "executionId",
        "taskId",
        "taskRunId",
        "attemptNumber",
        "level",
        "startDate",
        "endDate",
        "timeRange",
    }
)
TRIGGERS = frozenset(
    {
        "q",
        "scope",
        "namespace",
        "flowId",
        "triggerId",
        "triggerState",
        "workerId",
        "locked",
        "startDate",
        "endDate",
        "timeRange",
        "lastTriggeredDate",
        "nextExecutionDate",
    }
)
KV = frozenset({"q", "namespace", "updated", "expirationDate"})
SECRETS = frozenset({"q", "namespace"})
NAMESPACES = frozenset({"q", "existingOnly"})

_DATES = frozenset(
    {"startDate", "endDate", "updated", "expirationDate", "lastTriggeredDate", "nextExecutionDate"}
)
_NUMBERS = frozenset({"flowRevision", "attemptNumber"})
_CHOICES = frozenset({"scope", "childFilter", "triggerState"})
"""Fields of two words; naming both asks for everything."""
_RENAMED = {"QUERY": "q", "MIN_LEVEL": "level", "minLevel": "level"}
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_FLAT_NAMES = frozenset(
    {
        "q",
        "namespace",
        "flowId",
        "scope",
        "state",
        "labels",
        "startDate",
        "endDate",
        "timeRange",
        "triggerExecutionId",
        "childFilter",
        "minLevel",
        "level",
        "triggerId",
        "workerId",
    }
)


class InvalidFilters(RequestError):
    """A filter names what cannot be looked for. `problems` has one sentence for each."""

    code = "request.invalid-filters"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class _Leaf(msgspec.Struct):
    field: str
    operation: str
    key: str | None
    value: str


def criteria(query: Query, allowed: frozenset[str], now: datetime) -> Criteria:
    """What a search or an export is asked for; the flat parameters count only where no filter is given."""
    if any(name.startswith("filters[") for name, _ in query.pairs):
        return _from_filters(query.pairs, allowed, now)
    return _flat(query, allowed, now)


def criteria_of_change(query: Query, allowed: frozenset[str], now: datetime) -> Criteria:
    """The same for a request that changes what it finds; flat parameters are refused, not overlooked.

    One that repeats what a filter says is fine: clients of servers of both generations send both.
    """
    for name, value in query.pairs:
        if name in _FLAT_NAMES and (f"filters[{name}][EQUALS]", value) not in query.pairs:
            raise InvalidFilters(
                [f"'{name}' is not a supported query parameter here, use filters[{name}][EQUALS]=<value>"]
            )
    return _from_filters(query.pairs, allowed, now)


def criteria_of_body(body: Any, allowed: frozenset[str], now: datetime) -> Criteria:
    """The same from a JSON body: `{"filters": [{"field", "operation", "value"}]}`, with groups
    `{"logical": "and", "children": [...]}` among them."""
    listed = body.get("filters") if isinstance(body, dict) else body
    if not isinstance(listed, list):
        raise InvalidFilters(['the body must be {"filters": [{"field", "operation", "value"}]}'])
    problems: list[str] = []
    parts = [_of_document(each, allowed, now, problems) for each in listed]
    if problems:
        raise InvalidFilters(problems)
    return _one(AllOf, parts)


def _of_document(document: Any, allowed: frozenset[str], now: datetime, problems: list[str]) -> Criteria:
    if not isinstance(document, dict):
        problems.append("a filter is a map of `field`, `operation` and `value`")
        return AllOf()
    if "logical" in document:
        parts = [_of_document(each, allowed, now, problems) for each in document.get("children") or ()]
        return _one(AnyOf if str(document["logical"]).lower() == "or" else AllOf, parts)
    written = str(document.get("field", ""))
    field, operation = _field_name(written), str(document.get("operation", "")).upper()
    value = document.get("value")
    texts = (
        [str(each) for each in value] if isinstance(value, list) else ["" if value is None else str(value)]
    )
    if isinstance(value, dict):
        leaves = [_Leaf(field, operation, str(key), str(each)) for key, each in value.items()]
    else:
        leaves = [_Leaf(field, operation, None, text) for text in texts]
    complaints = [found for leaf in leaves if (found := _complaint(leaf, written, allowed))]
    if complaints or not leaves:
        problems += complaints or [f"`{written}` has no value"]
        return AllOf()
    return _condition(field, operation, leaves, now)


# Filters


def _from_filters(pairs: Iterable[tuple[str, str]], allowed: frozenset[str], now: datetime) -> Criteria:
    problems: list[str] = []
    root: dict[tuple[Any, ...], list[_Leaf]] = {}
    for name, value in pairs:
        if not name.startswith("filters["):
            continue
        parts = _BRACKETS.findall(name)
        group: list[tuple[str, str]] = []
        while len(parts) > 2 and parts[0] in ("and", "or") and parts[1].isdigit() and len(group) < 2:
            group.append((parts[0], parts[1]))
            parts = parts[2:]
        if len(parts) not in (2, 3) or not all(parts):
            problems.append(f"`{name}` is not a filter; write filters[field][OPERATION]=value")
            continue
        field, operation = _field_name(parts[0]), parts[1].upper()
        leaf = _Leaf(field, operation, parts[2] if len(parts) == 3 else None, value)
        complaint = _complaint(leaf, parts[0], allowed)
        if complaint:
            problems.append(complaint)
        else:
            root.setdefault(tuple(group), []).append(leaf)
    if problems:
        raise InvalidFilters(problems)
    return _combined(root, now)


def _complaint(leaf: _Leaf, written: str, allowed: frozenset[str]) -> str | None:
    if leaf.field not in allowed:
        return f"`{written}` cannot be filtered by here; known fields: {', '.join(sorted(allowed))}"
    operations = OPERATIONS[leaf.field]
    if leaf.operation not in operations:
        known = ", ".join(sorted(operations))
        return f"`{written}` does not know the operation {leaf.operation}; it knows {known}"
    if leaf.key is not None and leaf.field != "labels":
        return f"`{written}` takes a plain value, not one by key"
    return None


def _combined(groups: dict[tuple[Any, ...], list[_Leaf]], now: datetime) -> Criteria:
    """One level of groups, and within an `and` group one level more; indices only keep together."""
    plain = _conditions(groups.pop((), []), now)
    tops: dict[str, dict[str, list[Criteria]]] = {"and": {}, "or": {}}
    nested: dict[tuple[str, str], dict[str, list[Criteria]]] = {}
    for path, leaves in groups.items():
        (kind, index), *inner = path
        made = _one(AllOf, _conditions(leaves, now))
        if inner:
            nested.setdefault((kind, index), {"and": [], "or": []})[inner[0][0]].append(made)
        else:
            tops[kind].setdefault(index, []).append(made)
    for (kind, index), parts in nested.items():
        members: list[Criteria] = list(parts["and"])
        if parts["or"]:
            members.append(_one(AnyOf, parts["or"]))
        tops[kind].setdefault(index, []).append(_one(AllOf, members))
    everything: list[Criteria] = [*plain]
    everything += [part for members in tops["and"].values() for part in members]
    if tops["or"]:
        everything.append(_one(AnyOf, [_one(AllOf, members) for members in tops["or"].values()]))
    return _one(AllOf, everything)


def _one(kind: type[AllOf] | type[AnyOf], parts: list[Criteria]) -> Criteria:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def _conditions(leaves: list[_Leaf], now: datetime) -> list[Criteria]:
    gathered: dict[tuple[str, str], list[_Leaf]] = {}
    for leaf in leaves:
        gathered.setdefault((leaf.field, leaf.operation), []).append(leaf)
    return [_condition(field, operation, each, now) for (field, operation), each in gathered.items()]


def _condition(field: str, operation: str, leaves: list[_Leaf], now: datetime) -> Criteria:
    if operation in _NULLNESS:
        return Condition(field, operation, None)
    if field == "labels":
        return Condition(field, operation, _label_values(operation, leaves))
    if field == "timeRange":
        return Condition(
            "startDate", "GREATER_THAN_OR_EQUAL_TO", now - read_duration(leaves[-1].value, field)
        )
    if operation in ("IN", "NOT_IN"):
        texts = [part.strip() for leaf in leaves for part in _listed(leaf.value) if part.strip()]
        return Condition(field, operation, [_typed(field, text) for text in texts])
    if field in _CHOICES:
        return Condition(field, operation, [part.strip() for leaf in leaves for part in _listed(leaf.value)])
    values = [_typed(field, leaf.value) for leaf in leaves]
    if len(values) == 1:
        return Condition(field, operation, values[0])
    if operation == "EQUALS" and "IN" in OPERATIONS[field]:
        return Condition(field, "IN", values)
    if operation == "NOT_EQUALS" and "NOT_IN" in OPERATIONS[field]:
        return Condition(field, "NOT_IN", values)
    return AllOf(tuple(Condition(field, operation, value) for value in values))


def _label_values(operation: str, leaves: list[_Leaf]) -> dict[str, str | list[str]]:
    """The value of each label, or the values it may have; a value of a list may itself hold commas."""
    if operation == "EQUALS":
        return dict(_label_pair(leaf) for leaf in leaves)
    found: dict[str, str | list[str]] = {}
    for key, value in map(_label_pair, leaves):
        parts = [value, *map(str.strip, _listed(value))] if operation in ("IN", "NOT_IN") else [value]
        found[key] = list(dict.fromkeys([*found.get(key, ()), *parts]))
    return found


def _label_pair(leaf: _Leaf) -> tuple[str, str]:
    if leaf.key is not None:
        return leaf.key, leaf.value
    return label_text(leaf.value)


def label_text(text: str) -> tuple[str, str]:
    """`key:value` as a pair; a value may hold more colons, and a blank may part them too."""
    key, sign, value = text.partition(":")
    if not sign:
        key, sign, value = text.partition(" ")
    if not sign or not key.strip() or not value.strip():
        raise InvalidRequest(f"`{text}` is not a label", where="labels", mend="write `key:value`")
    return key.strip(), value.strip()


def _listed(value: str) -> list[str]:
    return value.strip().removeprefix("[").removesuffix("]").split(",")


def _typed(field: str, text: str) -> Any:
    if field in _DATES:
        return read_instant(text, field)
    if field in _NUMBERS:
        try:
            return int(text)
        except ValueError:
            raise BadQuery(f"`{field}` must be a whole number, not `{text}`", where=field) from None
    return text


def read_duration(text: str, name: str) -> Any:
    """A duration such as PT24H or P7D."""
    try:
        return iso8601.parse_duration(text)
    except ValueError as error:
        raise BadQuery(str(error), where=name) from None


def _field_name(written: str) -> str:
    if written in _RENAMED:
        return _RENAMED[written]
    if written.isupper() or "_" in written:
        first, *rest = written.lower().split("_")
        return first + "".join(part.capitalize() for part in rest)
    return written


# Flat parameters


def _flat(query: Query, allowed: frozenset[str], now: datetime) -> Criteria:
    parts: list[Criteria] = []
    if query.text("timeRange") and query.text("startDate"):
        raise InvalidRequest(
            "Parameters 'startDate' and 'timeRange' are mutually exclusive", where="timeRange"
        )
    for name in ("q", "flowId", "triggerExecutionId", "triggerId", "executionId", "taskId", "taskRunId"):
        value = query.text(name)
        if value is not None and name in allowed:
            parts.append(Condition(name, "EQUALS", value))
    namespace = query.text("namespace")
    if namespace is not None and "namespace" in allowed:
        parts.append(Condition("namespace", "PREFIX", namespace))
    for name in ("state", "scope", "childFilter"):
        values = query.joined(name)
        if values and name in allowed:
            parts.append(
                _condition(name, "EQUALS", [_Leaf(name, "EQUALS", None, value) for value in values], now)
            )
    labels = query.all("labels")
    if labels and "labels" in allowed:
        parts.append(Condition("labels", "EQUALS", dict(map(label_text, labels))))
    level = query.text("minLevel") or query.text("level")
    if level is not None and "level" in allowed:
        parts.append(Condition("level", "EQUALS", level.upper()))
    parts += _flat_dates(query, allowed, now)
    return _one(AllOf, parts)


def _flat_dates(query: Query, allowed: frozenset[str], now: datetime) -> list[Criteria]:
    if "startDate" not in allowed:
        return []
    parts: list[Criteria] = []
    start, end, span = query.instant("startDate"), query.instant("endDate"), query.text("timeRange")
    if span is not None:
        start = now - read_duration(span, "timeRange")
    if start is not None:
        parts.append(Condition("startDate", "GREATER_THAN_OR_EQUAL_TO", start))
    if end is not None:
        parts.append(Condition("startDate", "LESS_THAN_OR_EQUAL_TO", end))
    return parts
