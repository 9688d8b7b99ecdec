"""The store on SQLite."""

from batuta.store.sqlite.store import SqliteStore, open_sqlite, opened

__all__ = ["SqliteStore", "open_sqlite", "opened"]
