"""An engine for tests: Docker's HTTP API on a socket; its containers are folders and processes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class Engine(ThreadingHTTPServer):
    """Knows some images, can pull others, and remembers what it was asked."""

    address_family = UnixStreamServer.address_family
    daemon_threads = True

    def __init__(self, socket: Path, root: Path, images: set[str], registry: set[str]) -> None:
        self.images, self.registry, self.root = images, registry, root
        self.containers: dict[str, dict[str, Any]] = {}
        self.created: list[dict[str, Any]] = []
        self.removed: list[str] = []
        self.logins: list[str | None] = []
        self.failures = 0
        """How many more pulls fail, as when a registry is away."""
        super().__init__(str(socket), Answers)

    def server_bind(self) -> None:
        UnixStreamServer.server_bind(self)
        self.server_name, self.server_port = "engine", 0

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for container in self.containers.values():
            if container["process"] is not None:
                container["process"].kill()
                container["process"].wait()


class Answers(BaseHTTPRequestHandler):
    """One request."""

    server: Engine
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "socket"

    def log_message(self, *arguments: object) -> None:
        pass

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def answer(self, code: int = 200, content: bytes | dict[str, Any] = b"") -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self) -> None:
        place = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(place.query).items()}
        parts = [unquote(part) for part in place.path.removeprefix("/v1.41").strip("/").split("/")]
        body = self.body()
        match self.command, parts:
            case "GET", ["_ping"]:
                self.answer(content=b"OK")
            case "GET", ["images", *name, "json"]:
                known = "/".join(name) in self.server.images
                self.answer(200 if known else 404, {"message": "No such image"})
            case "POST", ["images", "create"]:
                self.pull(f"{query['fromImage']}:{query['tag']}")
            case "POST", ["containers", "create"]:
                self.create(json.loads(body))
            case "GET", ["containers", "json"]:
                self.answer(content=b"[]")
            case method, ["containers", name, *rest]:
                self.container(method, self.server.containers[name], rest, query, body)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def pull(self, image: str) -> None:
        self.server.logins.append(self.headers.get("X-Registry-Auth"))
        if self.server.failures:
            self.server.failures -= 1
            self.answer(500, {"message": "Get https://private.test/v2/: i/o timeout"})
            return
        if image not in self.server.registry:
            self.answer(404, {"message": f"pull access denied for {image}"})
            return
        self.server.images.add(image)
        self.answer(content=b'{"status":"Pulling"}\n{"status":"Done","id":"abc"}\n')

    def create(self, options: dict[str, Any]) -> None:
        name = f"c{len(self.server.created)}"
        root = self.server.root / name
        root.mkdir()
        self.server.created.append(options)
        self.server.containers[name] = {"name": name, "root": root, "options": options, "process": None}
        self.server.containers[name]["started"] = threading.Event()
        self.answer(201, {"Id": name})

    def container(
        self, method: str, container: dict[str, Any], rest: list[str], query: dict[str, str], body: bytes
    ) -> None:
        folder = container["root"] / container["options"]["WorkingDir"].lstrip("/")
        match method, rest:
            case "PUT", ["archive"]:
                with tarfile.open(fileobj=io.BytesIO(body)) as archive:
                    archive.extractall(container["root"], filter="data")
                self.answer()
            case "GET", ["archive"]:
                content = io.BytesIO()
                with tarfile.open(fileobj=content, mode="w") as archive:
                    archive.add(folder, Path(query["path"]).name)
                self.answer(content=content.getvalue())
            case "POST", ["start"]:
                pairs = (pair.partition("=") for pair in container["options"]["Env"])
                container["process"] = subprocess.Popen(
                    container["options"]["Cmd"],
                    cwd=folder,
                    env={"PATH": os.environ["PATH"]} | {name: value for name, _, value in pairs},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
                container["started"].set()
                self.answer(204)
            case "POST", ["attach"]:
                self.attach(container)
            case "POST", ["wait"]:
                self.answer(content={"StatusCode": container["process"].wait()})
            case "POST", ["kill" | "stop"]:
                if container["process"] is not None:
                    container["process"].kill()
                self.answer(204)
            case "DELETE", []:
                self.server.removed.append(container["name"])
                self.answer(204)

    def attach(self, container: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        container["started"].wait()
        for number, pipe in ((1, container["process"].stdout), (2, container["process"].stderr)):
            while piece := pipe.read1(7):
                self.wfile.write(bytes([number, 0, 0, 0]) + len(piece).to_bytes(4, "big") + piece)
