"""Runs Alembic on a database file. Imported only when a file has an older schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from batuta.errors import StoreError


def upgrade(path: Path, migrations: Path, revision: str = "head") -> None:
    """Take the file to `revision`, one migration after the other.

    Raises:
        StoreError: a migration failed; the file stands at the last one that succeeded.
    """
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except (SQLAlchemyError, CommandError) as error:
        raise StoreError(
            f"The database could not be brought to the newest schema: {error}",
            where=str(path),
            mend="keep a copy of the file, and report this",
        ) from error
    finally:
        engine.dispose()
