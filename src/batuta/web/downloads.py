"""Answers that a browser saves as a file."""

from __future__ import annotations

from urllib.parse import quote


def attachment(name: str) -> dict[str, str]:
    """The header by which a browser saves a file under its name."""
    plain = name.encode("ascii", "replace").decode().replace('"', "_").replace("\\", "_")
    return {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=utf-8''{quote(name)}"}
