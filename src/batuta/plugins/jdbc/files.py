"""Files that embedded databases write beside their results (plugins spec C1.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugins.jdbc.query import QueriesOutput, QueryOutput


class FilesQueryOutput(QueryOutput, frozen=True):
    """The result of one query, and files."""

    output_files: Annotated[dict[str, str] | None, Meta(description="Files that the SQL wrote.")] = None
    database_uri: Annotated[str | None, Meta(description="URI of the database file.")] = None


class FilesQueriesOutput(QueriesOutput, frozen=True):
    """The results of several statements, and files."""

    output_files: Annotated[dict[str, str] | None, Meta(description="Files that the SQL wrote.")] = None
    database_uri: Annotated[str | None, Meta(description="URI of the database file.")] = None


def places_of(properties: Mapping[str, Any], folder: Path, unique: Callable[[], str]) -> dict[str, str]:
    """Paths to write to, by the names that `outputFiles` declares."""
    declared = properties.get("outputFiles")
    names = [each for each in declared if isinstance(each, str)] if isinstance(declared, list) else []
    return {name: str(folder / f"{unique()}-{Path(name).name}") for name in names}


async def written(ctx: RunContext, names: list[str]) -> dict[str, str] | None:
    """Store the files that the SQL wrote; name -> URI. None when none was declared."""
    if not names:
        return None
    places = ctx.names["outputFiles"]
    paths = {name: Path(places[name]) for name in names if name in places}
    return {name: await ctx.files.put(path, name) for name, path in paths.items() if path.exists()}
