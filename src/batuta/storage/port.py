"""Internal storage: files that executions produce and namespaces hold, under `kestra:///` URIs.

Layout (triggers-and-stores spec §A17): `<namespace as
path>/<flow>/executions/<execution>/tasks/<task>/<run>/<name>`. Everything is streamed; no operation holds a
whole file in memory except `read`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

SCHEME = "kestra"


class StoredFile(msgspec.Struct, frozen=True):
    """What is known of a stored file without reading it."""

    uri: str
    size: int
    changed_at: datetime


class Storage(Protocol):
    """A tree of files. Paths in URIs go through `batuta.paths`; one that leads outside raises
    `InvalidRequest`."""

    async def put(self, uri: str, source: Path | AsyncIterator[bytes] | bytes) -> StoredFile:
        """Write a file; an older one under the same URI is replaced, and never seen half-written."""

    async def fetch(self, uri: str, target: Path) -> None:
        """Copy a file to a local path. Raises `NotFound`."""

    def stream(self, uri: str) -> AsyncIterator[bytes]:
        """The content in chunks. Raises `NotFound` on the first one."""

    async def read(self, uri: str, most: int | None = None) -> bytes:
        """The content, or its first `most` bytes. Raises `NotFound`."""

    async def stat(self, uri: str) -> StoredFile | None:
        """Size and age, or None when there is no such file."""

    async def list(self, prefix: str) -> list[StoredFile]:
        """All files below a URI prefix that ends with a slash, by URI."""

    async def delete(self, uri: str) -> bool:
        """Remove a file; False when there was none."""

    async def delete_below(self, prefix: str) -> int:
        """Remove every file below a URI prefix that ends with a slash; how many there were."""

    async def close(self) -> None:
        """Let go of connections."""
