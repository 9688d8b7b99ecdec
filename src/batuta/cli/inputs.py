"""Values of inputs from the command line: `key=value` pairs and files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from batuta.errors import InvalidRequest


def of_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """`key=value` texts as a map; a key that comes more than once is a list.

    Raises:
        InvalidRequest: a text has no `=`, or nothing before it.
    """
    given: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidRequest(f"`{pair}` is not an input", mend="write `-i name=value`")
        if name not in given:
            given[name] = value
        elif isinstance(given[name], list):
            given[name].append(value)
        else:
            given[name] = [given[name], value]
    return given


def of_file(path: Path) -> dict[str, Any]:
    """The map in a YAML or JSON file.

    Raises:
        InvalidRequest: it cannot be read, or holds no map.
    """
    from batuta.cli.loading import text_of
    from batuta.flows import reader

    try:
        document = reader.load(text_of(path), reader.ReadLimits())
    except reader.Unreadable as error:
        where = f"{path} (line {error.mark.line}, column {error.mark.column})"
        raise InvalidRequest(error.message, where=where, mend=error.hint) from None
    if document.data is None:
        return {}
    if not isinstance(document.data, dict):
        raise InvalidRequest(
            f"`{path}` does not hold a map of inputs", mend="write one `name: value` per line"
        )
    return document.data
