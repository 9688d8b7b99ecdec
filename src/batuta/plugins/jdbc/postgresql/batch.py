"""Row files into tables of PostgreSQL (plugins spec C1.5)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.jdbc.batch import BatchTask
from batuta.plugins.jdbc.database import BatchDatabase
from batuta.plugins.jdbc.postgresql.connected import EXTRA, SCHEME, open_postgres
from batuta.plugins.jdbc.postgresql.connecting import Cert, Key, KeyPassword, Mode, RootCert, Ssl


@plugin("io.kestra.plugin.jdbc.postgresql.Batch")
class Batch(BatchTask, kw_only=True):
    """Write the rows of a row file into PostgreSQL, chunk by chunk.

    ```yaml
    id: write
    type: io.kestra.plugin.jdbc.postgresql.Batch
    url: jdbc:postgresql://localhost:5432/shop
    username: root
    password: "{{ secret('POSTGRES_PASSWORD') }}"
    from: "{{ outputs.query.uri }}"
    sql: INSERT INTO orders (id, total) VALUES (?, ?) ON CONFLICT (id) DO NOTHING
    columns: [id, total]
    ```
    """

    extra: ClassVar[str | None] = EXTRA
    scheme: ClassVar[str] = SCHEME

    ssl: Ssl = None
    ssl_mode: Mode = None
    ssl_root_cert: RootCert = None
    ssl_cert: Cert = None
    ssl_key: Key = None
    ssl_key_password: KeyPassword = None

    def open_for_rows(self, ctx: RunContext, folder: Path) -> BatchDatabase:
        """Connect."""
        return open_postgres(self, ctx, folder)
