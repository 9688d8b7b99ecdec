"""The Docker engine's HTTP API, as far as a script needs it."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from batuta.errors import TaskError

if TYPE_CHECKING:
    import httpx

DEFAULT_SOCKETS = ("/var/run/docker.sock", "/dind/docker.sock")
_API = "/v1.41"
_PING_SECONDS = 2.0


class EngineAway(Exception):
    """No engine answers."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"no Docker engine answers at {where}: {why}")
        self.where = where
        self.why = why
        self.refused = "denied" in why
        """There is an engine, which this user may not use."""


class PullFailed(TaskError):
    """An image could not be had."""

    def __init__(self, image: str, why: str, *, passing: bool) -> None:
        super().__init__(f"the image `{image}` cannot be pulled: {why}")
        self.passing = passing
        """Another try may help: the registry was not reached, or has not answered as it should."""


class Engine:
    """One connection to an engine."""

    def __init__(self, host: str | None = None) -> None:
        self.where = host or os.environ.get("DOCKER_HOST") or default_host()
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Engine:
        if not _may_answer(self.where):
            raise EngineAway(self.where, "there is no such socket")
        import httpx

        if self.where.startswith("unix://"):
            transport = httpx.AsyncHTTPTransport(uds=self.where.removeprefix("unix://"))
            base = "http://docker"
        else:
            transport = httpx.AsyncHTTPTransport()
            base = self.where.replace("tcp://", "http://", 1)
        self._client = httpx.AsyncClient(
            transport=transport, base_url=base, timeout=httpx.Timeout(60, read=None)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def ping(self) -> None:
        """Return when the engine answers.

        Raises:
            EngineAway: it does not.
        """
        import httpx

        try:
            answer = await self._open().get("/_ping", timeout=_PING_SECONDS)
        except httpx.HTTPError as error:
            raise EngineAway(self.where, str(error)) from None
        if answer.status_code != 200:
            raise EngineAway(self.where, f"status {answer.status_code}")

    async def has_image(self, image: str) -> bool:
        """The engine has the image."""
        answer = await self._open().get(f"{_API}/images/{quote(image, safe='/:@')}/json")
        return answer.status_code == 200

    async def pull(
        self,
        image: str,
        login: dict[str, Any] | None = None,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        """Get an image from its registry.

        Raises:
            PullFailed: the engine could not get it.
        """
        name, tag = name_and_tag(image)
        headers = {}
        if login is not None:
            headers["X-Registry-Auth"] = base64.urlsafe_b64encode(msgspec.json.encode(login)).decode()
        parameters = {"fromImage": name, "tag": tag}
        async with self._open().stream(
            "POST", f"{_API}/images/create", params=parameters, headers=headers
        ) as answer:
            if answer.status_code != 200:
                await answer.aread()
                raise PullFailed(image, reason(answer), passing=answer.status_code >= 500)
            async for line in answer.aiter_lines():
                progress = msgspec.json.decode(line, type=dict[str, Any]) if line.strip() else {}
                if "error" in progress:
                    raise PullFailed(image, progress["error"], passing=True)
                if on_progress is not None and progress.get("status") and "progress" not in progress:
                    on_progress(f"{progress.get('id', image)}: {progress['status']}")

    async def create(self, options: dict[str, Any]) -> str:
        """Make a container and give its id."""
        answer = await self._checked("POST", "/containers/create", json=options)
        identity: str = answer.json()["Id"]
        return identity

    async def labelled(self, labels: dict[str, str]) -> list[tuple[str, str]]:
        """Containers that carry all of some labels, the newest first, each with its state."""
        wanted = {"label": [f"{name}={value}" for name, value in labels.items()]}
        parameters = {"all": "true", "filters": msgspec.json.encode(wanted).decode()}
        answer = await self._checked("GET", "/containers/json", params=parameters)
        return [(each["Id"], each["State"]) for each in answer.json()]

    async def working_dir(self, container: str) -> str:
        """The folder in which a container's program runs."""
        answer = await self._checked("GET", f"/containers/{container}/json")
        folder: str = answer.json()["Config"]["WorkingDir"]
        return folder

    async def start(self, container: str) -> None:
        """Start a container."""
        await self._checked("POST", f"/containers/{container}/start")

    @asynccontextmanager
    async def attach(self, container: str) -> AsyncIterator[AsyncIterator[tuple[int, bytes]]]:
        """What a container is going to say, as pieces of stream 1 (stdout) and 2 (stderr), until it ends.

        Open it before the container starts. Unlike the log, which an engine may end before the last piece of
        a line without an end, this is all of it; and it is there whatever the engine does with logs.
        """
        async with self._pieces("POST", f"/containers/{container}/attach", stream="true") as pieces:
            yield pieces

    @asynccontextmanager
    async def logs(self, container: str, *, follow: bool) -> AsyncIterator[AsyncIterator[tuple[int, bytes]]]:
        """What a container has said so far; with `follow` and then what it says, until it ends."""
        asked = {"follow": "true"} if follow else {}
        async with self._pieces("GET", f"/containers/{container}/logs", **asked) as pieces:
            yield pieces

    @asynccontextmanager
    async def _pieces(
        self, method: str, path: str, **parameters: str
    ) -> AsyncIterator[AsyncIterator[tuple[int, bytes]]]:
        parameters |= {"stdout": "true", "stderr": "true"}
        async with self._open().stream(method, _API + path, params=parameters) as answer:
            if answer.status_code != 200:
                await answer.aread()
                raise TaskError(f"the Docker engine refused `{method} {path}`: {reason(answer)}")
            yield _pieces_of(answer)

    async def wait(self, container: str) -> int:
        """The exit code, when the container has ended."""
        answer = await self._checked("POST", f"/containers/{container}/wait")
        code: int = answer.json()["StatusCode"]
        return code

    async def stop(self, container: str, seconds: float) -> None:
        """End a container; at once when `seconds` is 0."""
        if seconds > 0:
            await self._open().post(f"{_API}/containers/{container}/stop", params={"t": int(seconds + 0.999)})
        else:
            await self._open().post(f"{_API}/containers/{container}/kill")

    async def remove(self, container: str) -> None:
        """Remove a container with its volumes, running or not."""
        await self._open().delete(f"{_API}/containers/{container}", params={"force": "true", "v": "true"})

    async def put_archive(self, container: str, folder: str, content: AsyncIterator[bytes]) -> None:
        """Unpack a tar archive in a folder of the container."""
        await self._checked(
            "PUT", f"/containers/{container}/archive", params={"path": folder}, content=content
        )

    async def get_archive(self, container: str, path: str, target: Path) -> bool:
        """Write a tar archive of a path of the container into a file; False when there is no such path."""
        async with self._open().stream(
            "GET", f"{_API}/containers/{container}/archive", params={"path": path}
        ) as answer:
            if answer.status_code == 404:
                return False
            if answer.status_code != 200:
                await answer.aread()
                raise TaskError(f"files cannot be copied out of the container: {reason(answer)}")
            with target.open("wb") as file:
                async for chunk in answer.aiter_bytes():
                    file.write(chunk)
        return True

    async def _checked(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        answer = await self._open().request(method, _API + path, **arguments)
        if answer.status_code >= 400:
            raise TaskError(f"the Docker engine refused `{method} {path}`: {reason(answer)}")
        return answer

    def _open(self) -> httpx.AsyncClient:
        assert self._client is not None, "use `async with`"
        return self._client


async def _pieces_of(answer: httpx.Response) -> AsyncIterator[tuple[int, bytes]]:
    """Each piece has a head of eight bytes: the stream, three zeros, and the length."""
    waiting = b""
    async for chunk in answer.aiter_raw():
        waiting += chunk
        while len(waiting) >= 8:
            size = int.from_bytes(waiting[4:8], "big")
            if len(waiting) < 8 + size:
                break
            yield waiting[0], waiting[8 : 8 + size]
            waiting = waiting[8 + size :]


def _may_answer(where: str) -> bool:
    return not where.startswith("unix://") or Path(where.removeprefix("unix://")).exists()


def default_host() -> str:
    """The socket that exists; the usual one when none does."""
    found = next((path for path in DEFAULT_SOCKETS if Path(path).exists()), DEFAULT_SOCKETS[0])
    return f"unix://{found}"


def name_and_tag(image: str) -> tuple[str, str]:
    """The name of an image, and its tag or digest; `latest` when it has none."""
    name, at, digest = image.partition("@")
    if at:
        return name, digest
    name, _, tag = image.rpartition(":")
    return (name, tag) if name and "/" not in tag else (image, "latest")


def reason(answer: httpx.Response) -> str:
    """Why the engine said no."""
    try:
        return str(msgspec.json.decode(answer.content, type=dict[str, Any])["message"])
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError):
        return f"status {answer.status_code}"
