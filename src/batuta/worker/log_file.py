"""The log of a task that wants it in a file of the internal storage (flow spec §4, `logToFile`)."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path
from typing import IO

from batuta import iso8601
from batuta.errors import BatutaError
from batuta.model.records import LogLine
from batuta.storage.port import Storage

log = logging.getLogger(__name__)


class LogFile:
    """Takes lines, one text line each, and is stored once the attempt is over."""

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    def add(self, line: LogLine) -> None:
        """Take a line. The file is made with the first one."""
        if self._file is None:
            self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed by `keep`
                "w", encoding="utf-8", prefix="batuta-log-", suffix=".log", delete=False
            )
        self._file.write(f"{iso8601.format_instant(line.at)} {line.level} {line.message}\n")

    async def keep(self, storage: Storage, uri: str) -> bool:
        """Store what was taken; False when there was nothing, or it could not be stored."""
        if self._file is None:
            return False
        self._file.close()
        path = Path(self._file.name)
        try:
            await storage.put(uri, path)
        except BatutaError as error:
            log.error("the log file of an attempt was not stored: %s", error)
            return False
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        return True
