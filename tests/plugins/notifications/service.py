"""A chat service on the loopback: takes whatever is posted, remembers it, and answers as it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

TOKEN = "T0123ABCD-very-secret-token"


class Heard(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Service:
    """Answers 204 unless told otherwise."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.heard: list[Heard] = []
        self.code, self.said, self.location = 204, "", ""
        self._arrived = threading.Condition()
        self.pages: dict[str, Any] = {}
        """What is to be had with GET, by path: a text as it is, anything else as JSON."""

    @property
    def url(self) -> str:
        """The address of a webhook, which holds a token."""
        return f"{self.address}/services/{TOKEN}"

    def add(self, heard: Heard) -> None:
        with self._arrived:
            self.heard.append(heard)
            self._arrived.notify_all()

    def wait_for(self, count: int, seconds: float = 60) -> None:
        """Return once so many messages have come."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.heard) >= count, seconds), "nothing has come"

    @property
    def last(self) -> Any:
        return self.heard[-1].json


@contextmanager
def service() -> Iterator[Service]:
    """The service, until the context ends."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            page = told.pages.get(self.path)
            page = (page if isinstance(page, str) else json.dumps(page)).encode()
            self.send_response(200 if self.path in told.pages else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.add(Heard(self.command, self.path, headers, body))
            said = told.said.replace("PATH", self.path).encode()
            self.send_response(told.code)
            if told.location:
                self.send_header("Location", told.location)
            self.send_header("X-Message-Id", "m1")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Service(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
