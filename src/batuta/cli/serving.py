"""A server in this process: its socket, its services, HTTP in front of them, and how all of it stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from batuta.cli import address
from batuta.cli.loading import Loaded, load_folder
from batuta.settings.tree import Settings

STOP_SECONDS = 3
"""How long requests under way, such as followed executions, may hold up the end."""

Ready = Callable[[Settings, Loaded], None]
"""Called once the server answers, with its settings (the real port among them) and what was loaded."""


def serve(settings: Settings, listener: socket.socket, flow_path: Path | None, *, ready: Ready) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: its port is replaced by that of the listener.
        listener: a bound socket; connections that wait in it are answered as soon as everything has started.
        flow_path: a folder of flows to store at the start.
        ready: called when the server answers; must not block.

    Raises:
        OperatorError: the data folder is in use, or cannot be used.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = msgspec.structs.replace(settings, port=listener.getsockname()[1])
    serving = _serve(settings, listener, flow_path, ready)
    if sys.platform == "win32":
        asyncio.run(serving)
    else:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serving)


async def _serve(settings: Settings, listener: socket.socket, flow_path: Path | None, ready: Ready) -> None:
    from batuta.app import running, world_of
    from batuta.web.app import create_app

    async with running(settings) as ports:
        loaded = Loaded() if flow_path is None else await load_folder(ports, flow_path)
        config = uvicorn.Config(
            create_app(ports, settings, world=world_of(settings)),
            http="httptools",
            loop="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            backlog=address.BACKLOG,
        )
        server = Server(config, ready=lambda: ready(settings, loaded), stopping=ports.bus.close)
        with _stopped_by_signals(server):
            await server.serve([listener])


class Server(uvicorn.Server):
    """Uvicorn, telling when it answers and when it stops, and leaving signals to us."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        ready: Callable[[], None],
        stopping: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping
        self._farewell: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def main_loop(self) -> None:
        """Wait for the end. Uvicorn would look ten times a second; once is enough for the header `Date`."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), 1.0)

    def stop(self) -> None:
        """Ask for the end; asked twice, requests under way are not waited for."""
        self.force_exit = self.should_exit
        self.should_exit = True
        if self._farewell is None:
            # Streams and waiting requests end by themselves once they know; nothing has to be cut off.
            self._farewell = asyncio.get_running_loop().create_task(self._stopping())
        self._asked.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: uvicorn would raise the signal again after the end, before the services have stopped."""
        yield


@contextlib.contextmanager
def _stopped_by_signals(server: Server) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, server.stop)
    try:
        yield
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
