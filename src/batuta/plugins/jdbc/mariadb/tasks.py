"""SQL in MariaDB: as in MySQL, at addresses that begin with `jdbc:mariadb:`."""

from __future__ import annotations

from typing import ClassVar

from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Found, TriggerContext
from batuta.plugins.jdbc.mysql import tasks as mysql

SCHEME = "jdbc:mariadb:"


@plugin("io.kestra.plugin.jdbc.mariadb.Query")
class Query(mysql.Query, kw_only=True):
    """Run a statement in MariaDB and keep its result.

    ```yaml
    id: orders
    type: io.kestra.plugin.jdbc.mariadb.Query
    url: jdbc:mariadb://localhost:3306/shop
    username: root
    password: "{{ secret('MARIADB_PASSWORD') }}"
    sql: SELECT * FROM orders
    fetchType: STORE
    ```
    """

    scheme: ClassVar[str] = SCHEME
    queries_type: ClassVar[str] = "io.kestra.plugin.jdbc.mariadb.Queries"


@plugin("io.kestra.plugin.jdbc.mariadb.Queries")
class Queries(mysql.Queries, kw_only=True):
    """Run SQL statements in MariaDB, all or nothing, and keep the result of each.

    ```yaml
    id: orders
    type: io.kestra.plugin.jdbc.mariadb.Queries
    url: jdbc:mariadb://localhost:3306/shop
    username: root
    password: "{{ secret('MARIADB_PASSWORD') }}"
    sql: |
      INSERT INTO orders SELECT * FROM new_orders;
      DELETE FROM new_orders;
    ```
    """

    scheme: ClassVar[str] = SCHEME


@plugin("io.kestra.plugin.jdbc.mariadb.Batch")
class Batch(mysql.Batch, kw_only=True):
    """Write the rows of a row file into MariaDB, chunk by chunk.

    ```yaml
    id: write
    type: io.kestra.plugin.jdbc.mariadb.Batch
    url: jdbc:mariadb://localhost:3306/shop
    username: root
    password: "{{ secret('MARIADB_PASSWORD') }}"
    from: "{{ outputs.query.uri }}"
    table: orders
    ```
    """

    scheme: ClassVar[str] = SCHEME


@plugin("io.kestra.plugin.jdbc.mariadb.Trigger")
class Trigger(mysql.Trigger, kw_only=True):
    """Run SQL in MariaDB every now and then, and start the flow when it finds rows.

    The execution sees what `Query` would give: `trigger.rows`, `trigger.row`, `trigger.uri`, `trigger.size`.

    ```yaml
    id: new_orders
    type: io.kestra.plugin.jdbc.mariadb.Trigger
    url: jdbc:mariadb://localhost:3306/shop
    username: root
    password: "{{ secret('MARIADB_PASSWORD') }}"
    sql: SELECT * FROM orders WHERE seen = 0 FOR UPDATE
    afterSQL: UPDATE orders SET seen = 1 WHERE seen = 0
    interval: PT1M
    ```
    """

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Look for rows."""
        return await self.look(Query, ctx)
