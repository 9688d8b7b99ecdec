"""YAML to values with the reference's rules: anchors are not resolved, dates and `yes` stay text."""

from __future__ import annotations

import re
from typing import Any

from batuta.expr.errors import EvaluationError, LimitError
from batuta.expr.kinds import integer

_MOST_LEVELS = 100
_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*", re.ASCII)
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?)",
    re.ASCII,
)
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)", re.ASCII)
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def read_yaml(text: str) -> Any:
    """The value of the first document.

    Raises:
        EvaluationError: the text is not YAML, or holds no document.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        events = iter(yaml.parse(text, Loader=loader))
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                return _node(next(events), events, yaml, 0)
    except yaml.YAMLError as error:
        reason = getattr(error, "problem", None) or str(error)
        raise EvaluationError(f"Invalid yaml: {reason}", seen=[text]) from None
    raise EvaluationError("Invalid yaml: there is no document", seen=[text])


def _node(event: Any, events: Any, yaml: Any, level: int) -> Any:
    if level > _MOST_LEVELS:
        raise LimitError("The YAML text is nested too deeply")
    if isinstance(event, yaml.AliasEvent):
        return str(event.anchor)
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Any] = []
        for following in events:
            if isinstance(following, yaml.SequenceEndEvent):
                break
            items.append(_node(following, events, yaml, level + 1))
        return items
    entries: dict[str, Any] = {}
    for following in events:
        if isinstance(following, yaml.MappingEndEvent):
            break
        if not isinstance(following, (yaml.ScalarEvent, yaml.AliasEvent)):
            raise EvaluationError("Invalid yaml: a key must be a text")
        key = str(following.anchor if isinstance(following, yaml.AliasEvent) else following.value)
        entries[key] = _node(next(events), events, yaml, level + 1)
    return entries


_TAGS = {"tag:yaml.org,2002:str": "str", "!!str": "str"}


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.style not in (None, "") or event.tag in _TAGS or not event.implicit[0]:
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text) and len(text) < 1000:
        return integer(int(text.replace("_", "")))
    if _FLOAT.fullmatch(text) and len(text) < 1000:
        return float(text.replace("_", ""))
    infinite = _INFINITE.fullmatch(text)
    if infinite:
        return float(infinite[1] + "inf")
    return float("nan") if text in (".nan", ".NaN", ".NAN") else text
