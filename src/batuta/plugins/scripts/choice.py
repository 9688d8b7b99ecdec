"""Which runner a script task means: named, in the older form, or none (plugins spec B1, B6.4)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.converters import Unfit, converter
from batuta.plugin.runner import TaskRunner
from batuta.plugins.core.runner.process import Process

if TYPE_CHECKING:
    from batuta.plugins.scripts.docker import Docker
    from batuta.plugins.scripts.script import ScriptTask


class OlderRunner(StrEnum):
    """The two runners of older versions."""

    PROCESS = "PROCESS"
    DOCKER = "DOCKER"


async def choose_runner(script: ScriptTask, ctx: RunContext) -> TaskRunner:
    """The runner of a task. Where it names none, Docker when that can work and otherwise a process."""
    from batuta.plugins.scripts.docker import Docker

    if script.runner is OlderRunner.PROCESS:
        return Process()
    named = script.task_runner
    if script.docker is not None and (named is None or isinstance(named, Docker)):
        return older_docker(script)
    if script.runner is OlderRunner.DOCKER:
        return named if isinstance(named, Docker) else Docker()
    if named is not None:
        assert isinstance(named, TaskRunner)
        return named
    docker = Docker()
    reason = await docker.why_not(script.container_image or script.language.image)
    if reason is None:
        return docker
    ctx.log.info(f"Runs as a process of the worker: {reason}")
    return Process()


def older_docker(script: ScriptTask) -> Docker:
    """A Docker runner with the values of the property `docker`."""
    from batuta.plugins.scripts.docker import Docker

    options: dict[str, Any] = dict(script.docker or {})
    for old, new in (("dockerHost", "host"), ("dockerConfig", "config")):
        if old in options:
            options.setdefault(new, options.pop(old))
    image = options.pop("image", None)
    if image and script.container_image is None:
        script.container_image = str(image)
    try:
        docker = converter(Docker)(options, lambda text: text)
    except Unfit as unfit:
        raise TaskError(f"docker: {unfit.message}") from None
    assert isinstance(docker, Docker)
    return docker
