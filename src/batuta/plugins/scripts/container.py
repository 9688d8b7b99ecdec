"""A script in a container: files in, output out, files back, and nothing left behind."""

from __future__ import annotations

import asyncio
import re
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from batuta.errors import TaskError
from batuta.paths import is_inside
from batuta.plugin.context import RunContext
from batuta.plugin.runner import Command, RunnerResult
from batuta.plugins.scripts.engine import Engine, EngineAway, PullFailed

if TYPE_CHECKING:
    from batuta.plugins.scripts.docker import Docker

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_MOST_LABEL_CHARACTERS = 63
_HOST_GATEWAY = "host.docker.internal:host-gateway"
_CHUNK_BYTES = 262_144
_MOST_LINE_BYTES = 8 * 1024 * 1024
_PULL_PAUSES_SECONDS = (1.0, 2.0)
"""Before the second and the third try to pull an image."""


async def run_in_container(docker: Docker, ctx: RunContext, command: Command) -> RunnerResult:
    """Run a command in a container of its own; the container is gone when this returns or is cancelled.

    A container that a lost worker has left behind for the task run is taken over, unless `resume` says no.
    """
    image = command.container_image
    if not image:
        raise TaskError("the Docker runner needs the `containerImage` property")
    engine = Engine(docker.host)
    try:
        async with engine:
            await engine.ping()
            container = await _left_behind(docker, engine, ctx) if docker.wait else None
            resumed = container is not None
            if container is None:
                await _ensure_image(docker, engine, image, ctx)
                container = await engine.create(options(docker, ctx, command, image))
            try:
                return await _run(docker, engine, container, command, resumed=resumed)
            finally:
                if docker.wait:
                    await asyncio.shield(_end(docker, engine, container))
    except EngineAway as away:
        raise TaskError(
            f"no Docker engine answers at {away.where}" + (f": {away.why}" if away.refused else ""),
            mend="mount the engine's socket into the worker, set `host`, or use the task runner "
            "io.kestra.plugin.core.runner.Process",
        ) from None


async def _left_behind(docker: Docker, engine: Engine, ctx: RunContext) -> str | None:
    """The container that a worker has started for this task run before it was lost.

    One that has ended counts only where we would have removed it, had we seen its end.
    """
    who = ctx.identity
    labels = _labels({"execution-id": who.execution_id, "taskrun-id": who.task_run_id})
    for container, state in await engine.labelled(labels):
        if state not in ("created", "running") and not docker.delete:
            continue
        if docker.resume and state != "created":
            ctx.log.info(f"Goes on with the container {container[:12]} of a lost worker")
            return container
        await engine.remove(container)
    return None


async def _run(
    docker: Docker, engine: Engine, container: str, command: Command, *, resumed: bool
) -> RunnerResult:
    details = {"containerId": container}
    folder = str(command.folder)
    said = _Lines(command)
    if resumed:
        folder = await engine.working_dir(container)
        await _listen_again(engine, container, said)
    else:
        if not _mounts(docker):
            await engine.put_archive(container, "/", _packed(command.folder))
        if not docker.wait:
            await engine.start(container)
            return RunnerResult(exit_code=0, details=details)
        async with engine.attach(container) as pieces:
            await engine.start(container)
            async for stream, piece in pieces:
                said.add(stream, piece)
    said.end()
    code = await engine.wait(container)
    if (resumed or not _mounts(docker)) and (command.output_files or command.output_dir):
        with tempfile.TemporaryDirectory() as scratch:
            archive = Path(scratch) / "files.tar"
            if await engine.get_archive(container, folder, archive):
                await asyncio.to_thread(_unpacked, archive, command.folder)
    return RunnerResult(exit_code=code, details=details)


async def _listen_again(engine: Engine, container: str, said: _Lines) -> None:
    """All that a container says, from its beginning. The log may end early, so its end is read once more."""
    heard = {1: 0, 2: 0}
    for follow in (True, False):
        before = {1: 0, 2: 0}
        async with engine.logs(container, follow=follow) as pieces:
            async for stream, piece in pieces:
                known = heard[stream] - before[stream]
                before[stream] += len(piece)
                if known < len(piece):
                    said.add(stream, piece[max(known, 0) :])
        heard = before
        await engine.wait(container)


class _Lines:
    """Makes lines of pieces."""

    def __init__(self, command: Command) -> None:
        self._waiting = {1: b"", 2: b""}
        self._says: dict[int, Callable[[str], None]] = {1: command.on_stdout, 2: command.on_stderr}

    def add(self, stream: int, piece: bytes) -> None:
        """Tell the lines that a piece completes."""
        if stream not in self._waiting:
            return
        *lines, rest = (self._waiting[stream] + piece).split(b"\n")
        self._waiting[stream] = rest[:_MOST_LINE_BYTES]
        for line in lines:
            self._says[stream](line.decode("utf-8", "replace").removesuffix("\r"))

    def end(self) -> None:
        """Tell the lines that have no end."""
        for stream, rest in self._waiting.items():
            if rest:
                self._says[stream](rest.decode("utf-8", "replace"))


async def _ensure_image(docker: Docker, engine: Engine, image: str, ctx: RunContext) -> None:
    from batuta.plugins.scripts.docker import PullPolicy

    present = docker.pull_policy is not PullPolicy.ALWAYS and await engine.has_image(image)
    if present:
        return
    if docker.pull_policy is PullPolicy.NEVER:
        raise TaskError(
            f"the Docker engine has no image `{image}`, and `pullPolicy` is NEVER",
            mend=f"run `docker pull {image}`, or set `pullPolicy: IF_NOT_PRESENT`",
        )
    login = docker.authorization(image)
    for pause in (*_PULL_PAUSES_SECONDS, None):
        try:
            return await engine.pull(image, login, ctx.log.debug)
        except PullFailed as failed:
            if pause is None or not failed.passing:
                raise
            ctx.log.debug(f"{failed.what}; the next try is in {pause:g} s")
            await asyncio.sleep(pause)


async def _end(docker: Docker, engine: Engine, container: str) -> None:
    await engine.stop(container, docker.kill_grace_period.total_seconds())
    if docker.delete:
        await engine.remove(container)


def options(docker: Docker, ctx: RunContext, command: Command, image: str) -> dict[str, Any]:
    """The body of the request that makes the container."""
    who = ctx.identity
    labels = {
        "namespace": who.namespace,
        "flow-id": who.flow_id,
        "task-id": who.task_id,
        "execution-id": who.execution_id,
        "taskrun-id": who.task_run_id,
        "taskrun-attempt": str(who.attempt),
    }
    host: dict[str, Any] = {"ExtraHosts": docker.extra_hosts or [_HOST_GATEWAY]}
    binds = _volumes(docker, ctx)
    if _mounts(docker):
        binds.append(f"{command.folder}:{command.folder}")
    if binds:
        host["Binds"] = binds
    if docker.network_mode:
        host["NetworkMode"] = docker.network_mode
        if docker.network_mode == "host" and not docker.extra_hosts:
            del host["ExtraHosts"]
    if docker.cpu and docker.cpu.cpus:
        host["NanoCpus"] = int(docker.cpu.cpus * 1_000_000_000)
    host |= _memory(docker)
    if docker.shm_size:
        host["ShmSize"] = size(docker.shm_size)
    if docker.privileged is not None:
        host["Privileged"] = docker.privileged
    if docker.port_bindings:
        host["PortBindings"] = {
            f"{inner}/tcp": [{"HostPort": outer}]
            for outer, _, inner in (binding.partition(":") for binding in docker.port_bindings)
        }
    if docker.device_requests:
        host["DeviceRequests"] = [
            {
                "Driver": each.driver or "",
                "Count": each.count if each.count is not None else 0,
                "DeviceIDs": each.device_ids,
                "Capabilities": each.capabilities,
                "Options": each.options,
            }
            for each in docker.device_requests
        ]
    body: dict[str, Any] = {
        "Image": image,
        "Cmd": command.argv,
        "Env": [f"{name}={value}" for name, value in command.env.items()],
        "WorkingDir": str(command.folder),
        "Labels": _labels(labels),
        "HostConfig": host,
    }
    if docker.entry_point:
        body["Entrypoint"] = docker.entry_point
    if docker.user:
        body["User"] = docker.user
    return body


def _labels(labels: dict[str, str]) -> dict[str, str]:
    return {f"kestra.io/{name}": value[:_MOST_LABEL_CHARACTERS] for name, value in labels.items()}


def _volumes(docker: Docker, ctx: RunContext) -> list[str]:
    """The `volumes` below folders that the operator has opened to flows; the log names the others."""
    allowed = []
    for volume in docker.volumes:
        try:
            ctx.files.on_machine(volume.partition(":")[0])
        except TaskError as error:
            ctx.log.warn(f"The volume `{volume}` is left out: {error.what}; {error.mend}")
        else:
            allowed.append(volume)
    return allowed


def size(text: str) -> int:
    """Bytes in `512MB`, `1g` or `1024`."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise TaskError(f"`{text}` is not a size; write a number and a unit such as 512MB")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def _memory(docker: Docker) -> dict[str, Any]:
    memory = docker.memory
    if memory is None:
        return {}
    names = {
        "memory": "Memory",
        "memory_swap": "MemorySwap",
        "memory_reservation": "MemoryReservation",
        "kernel_memory": "KernelMemory",
    }
    limits: dict[str, Any] = {
        theirs: size(given) for ours, theirs in names.items() if (given := getattr(memory, ours)) is not None
    }
    if memory.memory_swappiness is not None:
        limits["MemorySwappiness"] = int(memory.memory_swappiness)
    if memory.oom_kill_disable is not None:
        limits["OomKillDisable"] = memory.oom_kill_disable
    return limits


def _mounts(docker: Docker) -> bool:
    return docker.file_handling_strategy.value == "MOUNT"


async def _packed(folder: Path) -> AsyncIterator[bytes]:
    """The folder as a tar archive with its whole path: in the container it lies where it lies here."""
    archive: IO[bytes] = await asyncio.to_thread(_pack, folder)
    try:
        while chunk := await asyncio.to_thread(archive.read, _CHUNK_BYTES):
            yield chunk
    finally:
        archive.close()


def _pack(folder: Path) -> IO[bytes]:
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever reads it
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.add(folder, str(folder).lstrip("/"), filter=_open_to_all)
    file.seek(0)
    return file


def _open_to_all(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Whoever the container runs as may read and change its own copy of the files."""
    member.mode |= 0o777 if member.isdir() or member.mode & 0o111 else 0o666
    return member


def _unpacked(archive: Path, folder: Path) -> None:
    """Unpack an archive of one folder into another folder, whatever the first is called."""
    with tarfile.open(archive) as source:
        for member in source:
            _, _, within = member.name.partition("/")
            place = (folder / within).resolve()
            if not is_inside(folder, place):
                continue
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
            elif member.isfile() and (content := source.extractfile(member)) is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
                with content, place.open("wb") as target:
                    while chunk := content.read(_CHUNK_BYTES):
                        target.write(chunk)
