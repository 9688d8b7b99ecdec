"""What every noun needs of the database: the writer, the readers, and searches."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from batuta.store.group import GroupCommit, Write
from batuta.store.port import Page, Search
from batuta.store.sqlite.readers import Readers

if TYPE_CHECKING:
    from batuta.store.queries.statement import Query

T = TypeVar("T")


class Access(msgspec.Struct, frozen=True):
    """The ways to the database."""

    db: sqlite3.Connection
    """The connection of the writer, for use within a write."""
    group: GroupCommit
    readers: Readers

    async def write(self, write: Write[T], *, slow: bool = False) -> T:
        """Do something in a transaction, durably."""
        return await self.group.submit(write, slow=slow)

    async def execute(self, sql: str, parameters: tuple[Any, ...], *, slow: bool = False) -> int:
        """Execute one statement, durably; how many rows it changed."""
        return await self.group.submit(partial(_execute, self.db, sql, parameters), slow=slow)

    async def search(
        self, noun: str, search: Search, result_of: Callable[[Any], T], **parameters: Any
    ) -> Page[T]:
        """The page of a search that `queries/<noun>.py` composes."""

        def made() -> Query:
            from batuta.store.queries import compose  # imports SQLAlchemy

            return compose(noun, search, **parameters)

        return await self.page(made, search.offset, search.limit, result_of)

    async def page(
        self, made: Callable[[], Query], offset: int, limit: int, result_of: Callable[[Any], T]
    ) -> Page[T]:
        """The page of a query that is made in the thread that reads."""

        def work(connection: sqlite3.Connection) -> Page[T]:
            query = made()
            found = connection.execute(query.page, query.page_parameters).fetchall()
            if len(found) < limit and (found or not offset):
                total = offset + len(found)  # the last page tells how many there are
            else:
                (total,) = connection.execute(query.count, query.count_parameters).fetchone()
            return Page([result_of(row) for row in found], total)

        return await self.readers.run(work)


def _execute(db: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> Generator[None, None, int]:
    changed = db.execute(sql, parameters).rowcount
    yield
    return changed
