"""Reads `statements.sql`: each statement by its name, as an attribute."""

from __future__ import annotations

from importlib import resources
from types import SimpleNamespace


def named(text: str) -> dict[str, str]:
    """Statements by name. A statement begins with `-- name: <name>`; comment lines below it describe it."""
    statements = {}
    for part in text.split("-- name: ")[1:]:
        name, _, body = part.partition("\n")
        lines = [line.strip() for line in body.splitlines() if not line.startswith("--")]
        statements[name.strip()] = " ".join(line for line in lines if line).rstrip(";")
    return statements


SQL = SimpleNamespace(
    **named(resources.files(__package__).joinpath("statements.sql").read_text(encoding="utf-8"))
)
"""The hot statements: `SQL.put_execution` and so on."""
