"""What the PostgreSQL tasks have in common: how they connect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from batuta.plugin.context import RunContext
from batuta.plugins.jdbc.connection import zone_of
from batuta.plugins.jdbc.postgresql.connecting import Security, SslMode, access
from batuta.plugins.jdbc.url import parse

if TYPE_CHECKING:
    from batuta.plugins.jdbc.postgresql.database import PostgresDatabase

EXTRA = "postgres"
SCHEME = "jdbc:postgresql:"


class PostgresAccess(Protocol):
    """The properties that say where the server is and how to log in."""

    username: str | None
    password: str | None
    time_zone_id: str | None
    ssl: bool | None
    ssl_mode: SslMode | None
    ssl_root_cert: str | None
    ssl_cert: str | None
    ssl_key: str | None
    ssl_key_password: str | None

    def address(self, default: str | None = None) -> str:
        """What follows the scheme in `url`."""


def open_postgres(task: PostgresAccess, ctx: RunContext, folder: Path) -> PostgresDatabase:
    """Connect; in a thread.

    Raises:
        TaskError: there is nobody at the address, or the login is refused.
    """
    url = parse(task.address(), SCHEME)
    security = Security(
        ssl=bool(task.ssl),
        mode=task.ssl_mode,
        root_cert=task.ssl_root_cert,
        cert=task.ssl_cert,
        key=task.ssl_key,
        key_password=task.ssl_key_password,
    )
    found = access(url, security, username=task.username, password=task.password, folder=folder)
    zone = zone_of(task.time_zone_id)
    # The library is imported by whoever first connects.
    from batuta.plugins.jdbc.postgresql.database import PostgresDatabase

    return PostgresDatabase(found, zone, ctx.log, run_id=ctx.identity.task_run_id)
