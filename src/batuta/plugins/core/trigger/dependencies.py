"""Executions that a Flow trigger depends on, as Kestra 2.0 writes them: `dependsOn`, `window`, `mode`."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from batuta import expr
from batuta.errors import BatutaError
from batuta.model.state import State
from batuta.plugin.condition import UpstreamOccasion
from batuta.plugin.task import Template
from batuta.plugins.core.condition.execution_labels import label_pairs
from batuta.plugins.core.trigger.windows import TimeWindow

DEFAULT_STATES = (State.SUCCESS, State.WARNING)
_DAY = timedelta(days=1)
_GROUPS = {
    "deadline": ("deadline",),
    "from and to": ("from_", "to"),
    "every": ("every", "offset"),
    "lookback": ("lookback",),
}


class Dependency(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Executions that meet one entry of `dependsOn`."""

    flow_id: Annotated[str | None, Meta(description="Id of the flow; any without it.")] = None
    namespace: Annotated[str | None, Meta(description="Namespace of the flow; any without it.")] = None
    states: Annotated[
        list[State] | None, Meta(description="States that count; SUCCESS and WARNING without it.")
    ] = None
    labels: Annotated[Any, Meta(description="Labels that the execution must have.")] = None
    when: Annotated[
        Template | None,
        Meta(description="Condition on its `flowId`, `namespace`, `state`, `labels` and `outputs`."),
    ] = None

    @property
    def key(self) -> str:
        """What the entry is known by in its window; its place in the list has no part in it."""
        when = None if self.when is None else str(self.when)
        content = (self.namespace, self.flow_id, when, self.states, self.labels)
        return hashlib.blake2b(msgspec.json.encode(content, order="sorted"), digest_size=8).hexdigest()

    def holds(self, on: UpstreamOccasion) -> bool:
        """The execution meets it."""
        upstream = on.upstream
        if self.namespace not in (None, upstream.namespace) or self.flow_id not in (None, upstream.flow_id):
            return False
        if State(upstream.state) not in (self.states or DEFAULT_STATES):
            return False
        wanted = label_pairs(self.labels) if self.labels else {}
        if not all(upstream.labels.get(key) == value for key, value in wanted.items()):
            return False
        return self.when is None or expr.is_truthy_text((on.render_upstream(self.when) or "").strip())


class DependencyWindow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Within which time all that is depended on has to happen."""

    deadline: Annotated[str | None, Meta(description="Each day until then, such as 09:00:00+01:00.")] = None
    from_: Annotated[str | None, Meta(description="Each day from then ...")] = msgspec.field(
        default=None, name="from"
    )
    to: Annotated[str | None, Meta(description="... until then.")] = None
    every: Annotated[timedelta | None, Meta(description="In windows of this length.")] = None
    offset: Annotated[timedelta | None, Meta(description="Moves the grid of windows from midnight.")] = None
    lookback: Annotated[timedelta | None, Meta(description="Within this time before now.")] = None
    fire_once: Annotated[bool, Meta(description="Start the flow at most once in a window.")] = False

    def conflict(self) -> str | None:
        """Which kinds of windows are mixed up; None when it is one."""
        used = [
            name
            for name, fields in _GROUPS.items()
            if any(getattr(self, field) is not None for field in fields)
        ]
        if len(used) > 1:
            return f"has {' beside '.join(used)}, but can only be one kind of window"
        if (self.from_ is None) != (self.to is None):
            return "needs both `from` and `to`"
        return None

    def around(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Begin and end of the window that `now` falls into; None when it falls into none.

        Raises:
            BatutaError: a time cannot be read.
        """
        if self.deadline is not None:
            midnight, end = _day_time(self.deadline, now, "deadline")
            return (midnight, end) if now <= end else None
        if self.from_ is not None and self.to is not None:
            _, start = _day_time(self.from_, now, "from")
            _, end = _day_time(self.to, now, "to")
            return (start, end) if start <= now <= end else None
        if self.lookback is not None:
            return now - self.lookback, now + self.lookback
        return TimeWindow(window=self.every or _DAY, window_advance=self.offset).around(now)


def last_deadline(window: DependencyWindow | None, now: datetime) -> tuple[datetime, datetime] | None:
    """Begin and end of the last window that a time of the day has closed; None for other windows."""
    text = None if window is None else window.deadline or window.to
    if window is None or text is None:
        return None
    for day in (now, now - _DAY):
        start, end = _day_time(text, day, "window")
        if window.from_ is not None:
            _, start = _day_time(window.from_, day, "from")
        if end < now:
            return start, end
    return None


def _day_time(text: str, now: datetime, name: str) -> tuple[datetime, datetime]:
    """Midnight of the day of `now`, and a time of that day, in the offset that the time names."""
    try:
        found = time.fromisoformat(text.strip())
    except ValueError:
        raise BatutaError(
            f"`{name}` must be a time such as 09:00:00+01:00, but is `{text}`", where=f"window.{name}"
        ) from None
    local = now.astimezone(found.tzinfo or UTC)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight.replace(hour=found.hour, minute=found.minute, second=found.second)
    return midnight.astimezone(UTC), at.astimezone(UTC)


class OnMiss(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What happens when a window closes and not all was met."""

    behavior: Annotated[Literal["FAIL"], Meta(description="FAIL makes an execution that has failed.")] = (
        "FAIL"
    )
    labels: Annotated[Any, Meta(description="Labels of that execution.")] = None
