"""Lists as CSV text, for people with a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from litestar import Response

from batuta.web.downloads import attachment

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response[str]:
    """A CSV file. A text that a spreadsheet would compute gets an apostrophe in front."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return Response(target.getvalue(), media_type="text/csv", headers=attachment(name))


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
