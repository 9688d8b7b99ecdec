"""The zone of schedules that name none: that of the server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

LOCAL_TIME = Path("/etc/localtime")


@cache
def server_zone() -> str:
    """`TZ`, else the machine's, else UTC."""
    return zone_of(os.environ, LOCAL_TIME)


def zone_of(environment: Mapping[str, str], local_time: Path) -> str:
    """The zone that an environment and a link to a zone file say."""
    named = environment.get("TZ", "").removeprefix(":")
    if named and _exists(named):
        return named
    try:
        target = str(local_time.readlink()) if local_time.is_symlink() else ""
    except OSError:
        target = ""
    _, found, name = target.partition("zoneinfo/")
    return name if found and _exists(name) else "UTC"


def _exists(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True
