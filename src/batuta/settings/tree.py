"""Every setting with its type, unit, default and a sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator can decide."""

    data_dir: Annotated[
        Path, Meta(description="Folder of the database, the internal storage and caches.")
    ] = Path(".batuta")
    host: Annotated[str, Meta(description="Address to listen on; loopback unless told otherwise.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(description="Port of the REST API; 0 takes a free one.")] = 8080
    url: Annotated[str | None, Meta(description="Address under which people reach the server.")] = None
    worker_slots: Annotated[int, Meta(ge=1, description="Most attempts that run at once in a worker.")] = 16
    lease_seconds: Annotated[
        float, Meta(gt=0, description="Seconds after which a silent worker counts as gone.")
    ] = 30.0
    kill_grace_seconds: Annotated[
        float, Meta(ge=0, description="Seconds between asking a process to end and ending it.")
    ] = 2.0
    most_log_line_bytes: Annotated[int, Meta(ge=1024, description="A longer log line is cut.")] = 1_048_576
    encryption_key: Annotated[
        str | None,
        Meta(
            description="Key of SECRET inputs, 16 to 32 bytes in base64; by default one kept in `data_dir`."
        ),
    ] = None
    previous_encryption_keys: Annotated[
        str | None,
        Meta(description="Keys that were `encryption_key` before, joined by commas: they still read."),
    ] = None
    purge_expired_kv_seconds: Annotated[
        float, Meta(ge=0, description="Seconds between two clearings of expired KV entries; 0 for never.")
    ] = 3600.0
    recover_missed_schedules: Annotated[
        Literal["ALL", "LAST", "NONE"],
        Meta(description="Which missed ticks are made good where a schedule says nothing about it."),
    ] = "ALL"
    local_paths: Annotated[
        str | None,
        Meta(description="Folders of this machine that flows may use, joined by `:`; none by default."),
    ] = None
    home_dashboard: Annotated[
        str | None,
        Meta(description="Id of the dashboard to show first, for the built-in one."),
    ] = None
    flow_dashboard: Annotated[
        str | None, Meta(description="Id of the dashboard of flows, for the built-in one.")
    ] = None
    namespace_dashboard: Annotated[
        str | None,
        Meta(description="Id of the dashboard of namespaces, for the built-in one."),
    ] = None
    recursive_rendering: Annotated[
        bool,
        Meta(description="Render results of expressions again until they stand still, as Kestra 0.x did."),
    ] = False

    @property
    def older_keys(self) -> list[str]:
        """Encryption keys that were in use before."""
        return [key for each in (self.previous_encryption_keys or "").split(",") if (key := each.strip())]

    @property
    def local_roots(self) -> tuple[Path, ...]:
        """Folders of this machine that flows may use."""
        return tuple(Path(each) for each in (self.local_paths or "").split(os.pathsep) if each.strip())

    @property
    def base_url(self) -> str:
        """The address to print and to put into links, without a slash at the end."""
        if self.url:
            return self.url.rstrip("/")
        host = "localhost" if self.host in ("127.0.0.1", "::1", "0.0.0.0") else self.host
        return f"http://{host}:{self.port}"
