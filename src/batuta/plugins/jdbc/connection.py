"""Where a database is and how to log in: properties of every SQL task and trigger (plugins spec C1.1)."""

from __future__ import annotations

from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.task import RunnableTask
from batuta.plugins.jdbc.database import Database

Url = Annotated[str | None, Meta(description="Address of the database, in JDBC's form.")]
Username = Annotated[str | None, Meta(description="Name to log in with.")]
Password = Annotated[str | None, Meta(description="Password to log in with.")]
TimeZoneId = Annotated[
    str | None, Meta(description="Zone of timestamps, such as Europe/Paris; UTC if absent.")
]
Pooling = Annotated[bool | None, Meta(description="Accepted; each task connects for itself.")]
PoolSize = Annotated[int | None, Meta(description="Accepted and without effect.")]


class ConnectedTask(RunnableTask, kw_only=True):
    """Base of the tasks that talk to a database."""

    scheme: ClassVar[str]
    """How the address of the family begins."""

    url: Url = None
    username: Username = None
    password: Password = None
    time_zone_id: TimeZoneId = None
    connection_pooling: Pooling = None
    connection_pool_size: PoolSize = None

    def address(self, default: str | None = None) -> str:
        """What follows the family's scheme in `url`."""
        return address(self.url if self.url is not None else default, self.scheme)

    def open(self, ctx: RunContext, folder: Path) -> Database:
        """Connect. Called in a thread; `folder` is the attempt's working directory.

        Raises:
            errors.TaskError: there is nobody at the address, or the login is refused.
        """
        raise NotImplementedError


def address(url: str | None, scheme: str) -> str:
    """What follows the scheme in an address.

    Raises:
        TaskError: there is none, or it belongs to another family.
    """
    if url is None or not url.strip():
        raise TaskError("Rendered value of `url` is blank.")
    url = url.strip()
    if not url.startswith(scheme):
        raise TaskError(f"URL scheme is invalid: `{url.partition('?')[0]}`", mend=f"begin it with `{scheme}`")
    return url.removeprefix(scheme)


def zone_of(name: str | None) -> tzinfo:
    """A zone by name; UTC when none is given."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise TaskError(
            f"timeZoneId: `{name}` is not a time zone", mend="use a name such as Europe/Paris"
        ) from None
