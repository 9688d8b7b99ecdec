"""Route decorators: below `/api/v1`, answering 200 unless told otherwise, as every client expects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import litestar
from litestar.enums import HttpMethod

PREFIX = "/api/v1"
"""Put before each path here: a Litestar `Router` would copy every handler, a third of the start."""

Decorator = Callable[[Callable[..., Any]], Any]


def get(path: str | Sequence[str], *, status_code: int = 200) -> Decorator:
    """Serve GET."""
    return litestar.get(_placed(path), status_code=status_code)


def post(path: str | Sequence[str], *, status_code: int = 200) -> Decorator:
    """Serve POST."""
    return litestar.post(_placed(path), status_code=status_code)


def put(path: str | Sequence[str], *, status_code: int = 200) -> Decorator:
    """Serve PUT."""
    return litestar.put(_placed(path), status_code=status_code)


def patch(path: str | Sequence[str], *, status_code: int = 200) -> Decorator:
    """Serve PATCH."""
    return litestar.patch(_placed(path), status_code=status_code)


def get_post_put(path: str | Sequence[str], *, status_code: int = 200) -> Decorator:
    """Serve GET, POST and PUT alike."""
    methods = [HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT]
    return litestar.route(_placed(path), http_method=methods, status_code=status_code)


def delete(path: str | Sequence[str], *, status_code: int = 200) -> Decorator:
    """Serve DELETE."""
    return litestar.delete(_placed(path), status_code=status_code)


def _placed(path: str | Sequence[str]) -> list[str]:
    return [PREFIX + each for each in ((path,) if isinstance(path, str) else path)]


def nothing() -> litestar.Response[bytes]:
    """A success that has nothing to tell: 200 with an empty body."""
    return litestar.Response(b"", media_type="application/json")
