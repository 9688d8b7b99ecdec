"""Route decorators that answer 200 unless told otherwise, as every client of this API expects."""

from __future__ import annotations

from functools import partial

import litestar

get = partial(litestar.get, status_code=200)
post = partial(litestar.post, status_code=200)
put = partial(litestar.put, status_code=200)
delete = partial(litestar.delete, status_code=200)


def nothing() -> litestar.Response[bytes]:
    """A success that has nothing to tell: 200 with an empty body."""
    return litestar.Response(b"", media_type="application/json")
