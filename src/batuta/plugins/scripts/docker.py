"""The runner that gives each script a container."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.runner import Command, RunnerResult, TaskRunner
from batuta.plugins.scripts.engine import Engine, EngineAway


class PullPolicy(StrEnum):
    """When an image is fetched."""

    IF_NOT_PRESENT = "IF_NOT_PRESENT"
    ALWAYS = "ALWAYS"
    NEVER = "NEVER"


class FileHandling(StrEnum):
    """How files get into a container and out of it."""

    VOLUME = "VOLUME"
    MOUNT = "MOUNT"


class Credentials(msgspec.Struct, kw_only=True, rename="camel"):
    """How to log in at a registry."""

    registry: str | None = None
    username: str | None = None
    password: str | None = None
    registry_token: str | None = None
    identity_token: str | None = None
    auth: str | None = None


class Cpu(msgspec.Struct, kw_only=True, rename="camel"):
    """Limits on processors."""

    cpus: float | None = None


class Memory(msgspec.Struct, kw_only=True, rename="camel"):
    """Limits on memory; sizes such as 512MB."""

    memory: str | None = None
    memory_swap: str | None = None
    memory_swappiness: str | None = None
    memory_reservation: str | None = None
    kernel_memory: str | None = None
    oom_kill_disable: bool | None = None


class DeviceRequest(msgspec.Struct, kw_only=True, rename="camel"):
    """Devices such as GPUs."""

    driver: str | None = None
    count: int | None = None
    device_ids: list[str] | None = None
    capabilities: list[list[str]] | None = None
    options: dict[str, str] | None = None


@plugin(
    "io.kestra.plugin.scripts.runner.docker.Docker",
    aliases=("io.kestra.plugin.scripts.runner.docker.DockerTaskRunner",),
)
class Docker(TaskRunner):
    """Run each script in a container of its own.

    ```yaml
    type: io.kestra.plugin.scripts.runner.docker.Docker
    pullPolicy: IF_NOT_PRESENT
    ```
    """

    host: Annotated[str | None, Meta(description="Address of the engine.")] = None
    config: Annotated[dict[str, Any] | str | None, Meta(description="Docker's `config.json`.")] = None
    credentials: Annotated[Credentials | None, Meta(description="Login at the image's registry.")] = None
    pull_policy: Annotated[PullPolicy, Meta(description="When the image is fetched.")] = (
        PullPolicy.IF_NOT_PRESENT
    )
    user: Annotated[str | None, Meta(description="User inside the container.")] = None
    entry_point: Annotated[
        list[str], Meta(description="Entry point; an empty list keeps the image's, an empty text clears it.")
    ] = msgspec.field(default_factory=lambda: [""])
    extra_hosts: Annotated[list[str], Meta(description="More lines of the hosts file, `name:address`.")] = []
    network_mode: Annotated[str | None, Meta(description="Network of the container, such as `host`.")] = None
    port_bindings: Annotated[list[str], Meta(description="Ports to publish, `host:container`.")] = []
    volumes: Annotated[
        list[str],
        Meta(
            description="Folders of the host to mount, `folder:place` or `folder:place:ro`: those below the "
            "folders that the setting `local_paths` opens to flows; others are left out."
        ),
    ] = []
    cpu: Annotated[Cpu | None, Meta(description="Limits on processors.")] = None
    memory: Annotated[Memory | None, Meta(description="Limits on memory.")] = None
    shm_size: Annotated[str | None, Meta(description="Size of /dev/shm.")] = None
    privileged: Annotated[bool | None, Meta(description="All rights on the host.")] = None
    device_requests: Annotated[list[DeviceRequest], Meta(description="Devices such as GPUs.")] = []
    file_handling_strategy: Annotated[FileHandling, Meta(description="How files travel.")] = (
        FileHandling.VOLUME
    )
    delete: Annotated[bool, Meta(description="Remove the container at the end.")] = True
    wait: Annotated[bool, Meta(description="Wait for the end of the script.")] = True
    kill_grace_period: Annotated[timedelta, Meta(description="Time to end by itself when killed.")] = (
        timedelta()
    )
    resume: Annotated[
        bool,
        Meta(description="Go on with the container of a lost worker; otherwise it is removed."),
    ] = True

    async def why_not(self, image: str) -> str | None:
        """Why a script cannot run in a container here, or None when it can."""
        try:
            async with Engine(self.host) as engine:
                await engine.ping()
                if self.pull_policy is not PullPolicy.ALWAYS and await engine.has_image(image):
                    return None
                if self.pull_policy is PullPolicy.NEVER:
                    return f"the Docker engine has no image `{image}`"
                try:
                    await engine.pull(image, self.authorization(image))
                except TaskError as error:
                    return f"the Docker engine cannot get the image `{image}`: {error.what}"
                return None
        except EngineAway as away:
            return f"no Docker engine answers at {away.where}"

    async def run(self, ctx: RunContext, command: Command) -> RunnerResult:
        """Run the program in a container."""
        from batuta.plugins.scripts.container import run_in_container

        return await run_in_container(self, ctx, command)

    def authorization(self, image: str) -> dict[str, Any] | None:
        """The login for an image's registry: `credentials`, else what `config` says."""
        registry = registry_of(image)
        if self.credentials is not None:
            login = {name: value for name, value in msgspec.to_builtins(self.credentials).items() if value}
            login.setdefault("serveraddress", login.pop("registry", registry))
            return login
        config = self.config
        if isinstance(config, str):
            try:
                config = msgspec.json.decode(config, type=dict[str, Any])
            except (msgspec.DecodeError, msgspec.ValidationError):
                raise TaskError("config: must be a map or JSON text of one") from None
        found: dict[str, Any] | None = ((config or {}).get("auths") or {}).get(registry)
        return found


def registry_of(image: str) -> str:
    """The host part of an image's name; Docker Hub's when there is none."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first
    return "https://index.docker.io/v1/"
