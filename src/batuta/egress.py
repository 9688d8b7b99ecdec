"""The one HTTP client for requests that the server makes on a user's behalf: the `http()` function of
expressions."""

from __future__ import annotations

from typing import Any

import msgspec

from batuta.errors import RequestError

MOST_RESPONSE_BYTES = 10_485_760
"""Most bytes of an answer that an expression can hold."""
SECONDS = 30.0
"""Most time of one request."""


async def fetch(
    uri: str,
    method: str = "GET",
    query: Any = None,
    body: Any = None,
    content_type: str = "application/json",
    headers: Any = None,
    options: Any = None,
    accept: str = "application/json",
) -> Any:
    """The body of an answer: JSON and YAML as data, everything else as text.

    Maps come as tuples of pairs, as facts carry them.

    Raises:
        RequestError: the address is wrong, nobody answers, the status is a failure, or the answer is too
        large.
    """
    import httpx

    sent = {"Content-Type": content_type, "Accept": accept, **{str(k): str(v) for k, v in _pairs(headers)}}
    content = body if body is None or isinstance(body, (str, bytes)) else msgspec.json.encode(_plain(body))
    try:
        async with (
            httpx.AsyncClient(timeout=SECONDS, follow_redirects=True) as client,
            client.stream(
                method,
                uri,
                params=[(str(k), str(v)) for k, v in _pairs(query)],
                headers=sent,
                content=content,
            ) as response,
        ):
            if response.is_error:
                raise RequestError(f"server respond with status {response.status_code}", where=uri)
            received = bytearray()
            async for chunk in response.aiter_bytes():
                received += chunk
                if len(received) > MOST_RESPONSE_BYTES:
                    raise RequestError(
                        f"the answer has more than {MOST_RESPONSE_BYTES} bytes",
                        where=uri,
                        mend="use the task `io.kestra.plugin.core.http.Download`",
                    )
            kind = response.headers.get("Content-Type", "")
            return _parsed(bytes(received), kind, response.encoding or "utf-8")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RequestError(f"the request failed: {error or type(error).__name__}", where=uri) from error


def _parsed(content: bytes, content_type: str, encoding: str) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    if kind.endswith("json") and content:
        try:
            return msgspec.json.decode(content)
        except msgspec.DecodeError as error:
            raise RequestError(f"the answer says that it is JSON, but is not: {error}") from error
    if kind.endswith("yaml") and content:
        try:
            return msgspec.yaml.decode(content)
        except msgspec.DecodeError as error:
            raise RequestError(f"the answer says that it is YAML, but is not: {error}") from error
    return content.decode(encoding, errors="replace")


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return [tuple(pair) for pair in value or ()]


def _plain(value: Any) -> Any:
    """Tuples of pairs, as facts carry maps, back to maps."""
    if isinstance(value, tuple):
        if value and all(map(_is_pair, value)):
            return {key: _plain(item) for key, item in value}
        return [_plain(each) for each in value]
    return value


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
