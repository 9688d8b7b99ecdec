"""What a flow document demands of its executions besides tasks: quotas, SLAs and checks (flow spec §13.3,
§14).

The parser has checked the document; it is read here as it was written, older spellings included.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

import msgspec

from batuta import iso8601
from batuta.model.flow import ConcurrencyBehavior
from batuta.model.labels import Label, Labels
from batuta.plugin.converters import as_text


class SlaBehavior(StrEnum):
    """What a violation does."""

    FAIL = "FAIL"
    CANCEL = "CANCEL"
    NONE = "NONE"


class Sla(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that every execution has to keep to."""

    id: str
    behavior: SlaBehavior
    labels: Labels = ()
    duration: timedelta | None = None
    """Set for a MAX_DURATION."""
    condition: str | None = None
    """Set for an EXECUTION_ASSERTION."""


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """How many executions may be created in each window of time."""

    duration: timedelta
    limit: int
    behavior: ConcurrencyBehavior
    """CANCEL or FAIL: what becomes of an execution that is one too many."""


class QuotaUse(msgspec.Struct, frozen=True):
    """A quota, and how many executions of the present window came before this one."""

    quota: Quota
    used: int


class CheckBehavior(StrEnum):
    """What a failed check does to an execution that is about to be created; the strongest comes first."""

    BLOCK_EXECUTION = "BLOCK_EXECUTION"
    FAIL_EXECUTION = "FAIL_EXECUTION"
    CREATE_EXECUTION = "CREATE_EXECUTION"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A condition on the inputs of an execution."""

    when: str
    message: str
    style: str = "INFO"
    behavior: CheckBehavior = CheckBehavior.BLOCK_EXECUTION


def slas_of(document: dict[str, Any]) -> tuple[Sla, ...]:
    """The SLAs of a flow, in order."""
    return tuple(map(_sla, document.get("sla") or ()))


def _sla(written: dict[str, Any]) -> Sla:
    is_duration = written["type"] == "MAX_DURATION"
    return Sla(
        id=as_text(written["id"]),
        behavior=SlaBehavior(written["behavior"]),
        labels=_labels(written.get("labels")),
        duration=iso8601.parse_duration(as_text(written["duration"])) if is_duration else None,
        condition=None if is_duration else as_text(written["assert"]),
    )


def quotas_of(document: dict[str, Any]) -> tuple[Quota, ...]:
    """The quotas of a flow, in order."""
    return tuple(
        Quota(
            duration=iso8601.parse_duration(as_text(each["duration"])),
            limit=int(each["limit"]),
            behavior=ConcurrencyBehavior(each["behavior"]),
        )
        for each in document.get("quotas") or ()
    )


def _labels(written: Any) -> Labels:
    pairs = (
        written.items()
        if isinstance(written, dict)
        else ((each["key"], each["value"]) for each in written or ())
    )
    return tuple(Label(as_text(key), as_text(value)) for key, value in pairs)


def checks_of(document: dict[str, Any]) -> tuple[Check, ...]:
    """The checks of a flow, in order."""
    return tuple(
        Check(
            when=as_text(each.get("when", each.get("condition"))),
            message=as_text(each["message"]),
            style=each.get("style") or "INFO",
            behavior=CheckBehavior(each.get("behavior") or "BLOCK_EXECUTION"),
        )
        for each in document.get("checks") or ()
    )
