"""A client of the REST API for commands that speak to a server. Httpx is imported by the first request."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import click

from batuta.errors import BatutaError, Conflict, InvalidRequest, NotFound, OperatorError, RequestError

DEFAULT_SERVER = "http://localhost:8080"
TIMEOUT_SECONDS = 30.0
"""How long an answer may take; streams and waiting requests have no such limit."""

F = TypeVar("F", bound=Callable[..., Any])


class NoServer(OperatorError):
    """No server answers."""

    code = "operator.no-server"


PAGE = 1000
"""Entries of a list that one request asks for."""


class Client:
    """Requests to one server, for the tenant `main`."""

    def __init__(self, server: str, user: str | None = None, password: str | None = None) -> None:
        self.server = server.rstrip("/")
        if "://" not in self.server:
            self.server = f"http://{self.server}"
        self._credentials = None if user is None else (user, password or "")

    def get(self, *path: str, **query: Any) -> Any:
        """The JSON of an answer."""
        return self._json(self._send("GET", path, params=query))

    def pages(self, *path: str, **query: Any) -> list[Any]:
        """All results of a list, page by page."""
        found: list[Any] = []
        while True:
            page = self.get(*path, page=len(found) // PAGE + 1, size=PAGE, **query)
            found += page["results"]
            if len(found) >= page["total"] or not page["results"]:
                return found

    def content(self, *path: str, **query: Any) -> bytes:
        """The bytes of an answer."""
        content: bytes = self._send("GET", path, params=query).content
        return content

    def chunks(self, *path: str, **query: Any) -> Iterator[bytes]:
        """The bytes of an answer as they come, for files that need not fit into memory."""
        import httpx

        try:
            with (
                self._client(timeout=TIMEOUT_SECONDS) as client,
                client.stream("GET", self._url(path), params=_texts(query)) as answer,
            ):
                if answer.is_error:
                    answer.read()
                    raise _refusal(answer)
                yield from answer.iter_bytes()
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def command(self, words: str) -> str:
        """A command as a person would type it to reach the same server."""
        server = "" if self.server == DEFAULT_SERVER else f" --server {self.server}"
        return f"`batuta {words}{server}`"

    def post(self, *path: str, query: Mapping[str, Any] | None = None, **body: Any) -> Any:
        """Post a body: `content` with `headers`, `data` with `files`, or nothing."""
        return self._json(self._send("POST", path, params=query or {}, **body))

    def post_for_text(self, *path: str, **body: Any) -> str:
        """Post a body; the text of the answer."""
        text: str = self._send("POST", path, **body).text
        return text

    def put(self, *path: str, **body: Any) -> Any:
        """Put a body."""
        return self._json(self._send("PUT", path, **body))

    def delete(self, *path: str, **query: Any) -> Any:
        """Delete something."""
        return self._json(self._send("DELETE", path, params=query))

    def events(self, *path: str, **query: Any) -> Iterator[tuple[str, Any]]:
        """The id and the data of each event of a stream, until it ends."""
        import httpx

        try:
            with (
                self._client(timeout=None) as client,
                client.stream("GET", self._url(path), params=_texts(query)) as answer,
            ):
                if answer.is_error:
                    answer.read()
                    raise _refusal(answer)
                marker = ""
                for line in answer.iter_lines():
                    if line.startswith("id:"):
                        marker = line[3:].strip()
                    elif line.startswith("data:"):
                        yield marker, json.loads(line[5:])
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def _send(self, method: str, path: tuple[str, ...], **request: Any) -> Any:
        import httpx

        request["params"] = _texts(request.get("params") or {})
        try:
            with self._client(timeout=TIMEOUT_SECONDS) as client:
                answer = client.request(method, self._url(path), **request)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from None
        if answer.is_error:
            raise _refusal(answer)
        return answer

    def _client(self, *, timeout: float | None) -> Any:
        import httpx

        return httpx.Client(auth=self._credentials, timeout=timeout)

    def _url(self, path: tuple[str, ...]) -> str:
        return f"{self.server}/api/v1/main/" + "/".join(quote(part, safe="") for part in path)

    def _json(self, answer: Any) -> Any:
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise RequestError(
                f"what answers at {self.server} is not a Batuta server",
                mend="check `--server` or BATUTA_SERVER",
            ) from None

    def _unreachable(self, error: Exception) -> NoServer:
        reason = str(error) or type(error).__name__
        return NoServer(
            f"no server answers at {self.server}: {reason}",
            mend="start one with `batuta server local`, or name it with `--server URL` or BATUTA_SERVER",
        )


def _texts(query: Mapping[str, Any]) -> dict[str, Any]:
    """A query string's values; None is left out."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in query.items()
        if value is not None
    }


KINDS: dict[int, type[BatutaError]] = {
    400: InvalidRequest,
    401: RequestError,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    422: InvalidRequest,
}
"""Class of error for a status; others are RequestError, or OperatorError from 500 on."""


def _refusal(answer: Any) -> BatutaError:
    """What the server said, as an error of ours."""
    kind = KINDS.get(answer.status_code, RequestError if answer.status_code < 500 else OperatorError)
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return kind(f"the server answered {answer.status_code} {answer.reason_phrase}", where=str(answer.url))
    parts = [part for part in body.get("errors") or () if isinstance(part, dict)]
    what = "\n".join(_part_text(part, with_fix=len(parts) > 1) for part in parts)
    what = what or body.get("detail") or body.get("message") or f"the server answered {answer.status_code}"
    mend = parts[0].get("fix") if len(parts) == 1 else body.get("fix")
    if answer.status_code == 401:
        mend = "give `--user` and `--password`, or BATUTA_USER and BATUTA_PASSWORD"
    return kind(what, mend=mend)


def _part_text(part: Mapping[str, Any], *, with_fix: bool) -> str:
    place = str(part.get("path") or "")
    if part.get("line"):
        place += f" (line {part['line']})"
    text = f"{place}: {part.get('detail')}" if place else str(part.get("detail"))
    return f"{text}\n  fix: {part['fix']}" if with_fix and part.get("fix") else text


def speaks_to_server(command: F) -> F:
    """Options of every command that speaks to a server; the command gets a `client`."""

    @click.option(
        "--server",
        envvar="BATUTA_SERVER",
        default=DEFAULT_SERVER,
        show_default=True,
        metavar="URL",
        help="The server.",
    )
    @click.option(
        "--user", envvar="BATUTA_USER", metavar="NAME", help="User of the server, where it asks for one."
    )
    @click.option("--password", envvar="BATUTA_PASSWORD", metavar="TEXT", help="Password of the user.")
    @functools.wraps(command)
    def with_client(*args: Any, server: str, user: str | None, password: str | None, **kwargs: Any) -> Any:
        return command(*args, client=Client(server, user, password), **kwargs)

    return with_client  # type: ignore[return-value]


def output_option(command: F) -> F:
    """`--output`: a table for people, or the JSON of the server."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Form of the answer.",
    )(command)


def verbose_option(command: F) -> F:
    """`--verbose`, of every command that shows how an execution goes."""
    return click.option(
        "-v", "--verbose", is_flag=True, help="Show log lines of the levels DEBUG and TRACE, too."
    )(command)


def print_json(document: Any) -> None:
    """A document, indented."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_table(titles: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Rows in columns as wide as they need to be; numbers stand to the right."""
    texts = [tuple("" if cell is None else str(cell) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *texts, strict=True)]
    right = [bool(rows) and all(isinstance(row[n], int | float) for row in rows) for n in range(len(titles))]
    for row in [titles, *texts]:
        cells = zip(row, widths, right, strict=True)
        click.echo(
            "  ".join(
                f"{cell:>{width}}" if last else f"{cell:<{width}}" for cell, width, last in cells
            ).rstrip()
        )
