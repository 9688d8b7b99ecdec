"""Conditions of triggers: one small typed class each; its fields are its properties (triggers spec A10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Protocol

import msgspec

from batuta.errors import BatutaError
from batuta.plugin import registry


class AnyCondition:
    """Marks a property that holds a condition: it is kept as written, and built when it is asked."""


class Upstream(Protocol):
    """The execution that a Flow trigger looks at."""

    @property
    def namespace(self) -> str:
        """Namespace of its flow."""

    @property
    def flow_id(self) -> str:
        """Id of its flow."""

    @property
    def state(self) -> str:
        """The state that it came to."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""

    @property
    def outputs(self) -> Mapping[str, Any] | None:
        """What its flow gives; None while there is nothing."""

    @property
    def retried_states(self) -> Sequence[str]:
        """States of the attempts of those of its task runs that had more than one."""


class Occasion(Protocol):
    """What a condition may look at."""

    @property
    def owner(self) -> tuple[str, str]:
        """Namespace and id of the flow that has the trigger."""

    @property
    def upstream(self) -> Upstream:
        """The execution whose change is looked at.

        Raises:
            BatutaError: this trigger does not react to an execution.
        """

    def render(self, template: str) -> str | None:
        """Render a template with the names of the occasion, `trigger` among them."""

    def holds(self, condition: Any) -> bool:
        """What a condition, as written in a document, says about this occasion."""


class UpstreamOccasion(Occasion, Protocol):
    """An execution of another flow has come to some state."""

    def render_upstream(self, template: str) -> str | None:
        """Render a template with the names of that execution: `flowId`, `namespace`, `state`, `labels`,
        `outputs`, `hasRetryAttempt`."""


class Condition(msgspec.Struct, kw_only=True, rename="camel"):
    """Says yes or no to an occasion."""

    of_dates: ClassVar[bool] = False
    """It looks at the tick alone, so a schedule searches for a tick for which it holds."""
    of_days: ClassVar[bool] = False
    """It gives the same answer for all ticks of a day, unless `date` is set."""

    def holds(self, on: Occasion) -> bool:
        """The answer.

        Raises:
            BatutaError: the condition does not suit the trigger, or its properties are wrong.
        """
        raise NotImplementedError


class DateCondition(Condition, kw_only=True):
    """A condition about a date: that of the tick unless `date` says another."""

    of_dates: ClassVar[bool] = True

    date: str | None = None

    def moment(self, on: Occasion) -> datetime:
        """The date, in the offset that it was given in."""
        text = self.date or on.render("{{ trigger.date }}") or ""
        return read_moment(text, "date")


def read_moment(text: str, name: str) -> datetime:
    """A date, or a date and time with an offset; without one it is UTC.

    Raises:
        BatutaError: it is neither.
    """
    text = text.strip()
    if text.endswith("]"):
        text = text.partition("[")[0]  # a zone behind the offset, as in 2026-01-01T00:00+01:00[Europe/Paris]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BatutaError(
            f"`{name}` must be a date such as 2026-03-01T08:00:00Z, but is `{text}`", where=name
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def weekday(moment: date, name: str) -> bool:
    """The date is on the day of the week called `name`, such as MONDAY."""
    days = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
    return days[moment.weekday()] == name


def load(document: Any) -> type[Condition]:
    """The class of a condition in document form.

    Raises:
        BatutaError: its type is missing, unknown, or none of a condition.
    """
    written = document.get("type") if isinstance(document, Mapping) else None
    name = registry.canonical(written) if isinstance(written, str) else None
    if name is None:
        raise BatutaError(f"`{written}` is not the type of a condition")
    cls = registry.load(name)
    if not issubclass(cls, Condition):
        raise BatutaError(f"`{name}` is not the type of a condition")
    return cls
