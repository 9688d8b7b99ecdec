"""An AMQP broker."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.services.broker import Broker, free_port, program


class AmqpBroker(Broker):
    """RabbitMQ under a name of its own, without its plugins."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._distribution_port = free_port()
        self._names_port = free_port()
        self._names: subprocess.Popen[bytes] | None = None
        (folder / "enabled_plugins").write_text("[].\n")

    def command(self) -> list[str]:
        """What starts it."""
        # Not the one on the path, which becomes another user who may not write here.
        program("rabbitmq-server")
        return ["/usr/lib/rabbitmq/bin/rabbitmq-server"]

    def environment(self) -> dict[str, str]:
        """Its port, its name and its folders."""
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"batuta{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._names_port),
        }

    async def start(self) -> None:
        """Start it, with a name server of its own, which would otherwise stay behind as a daemon."""
        if self._names is None:
            self._names = self._name_server()
        await super().start()

    def _name_server(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([program("epmd"), "-port", str(self._names_port), "-address", "127.0.0.1"])

    async def stop(self) -> None:
        """End both."""
        await super().stop()
        if self._names is not None:
            self._names.kill()
            self._names.wait()
            self._names = None

    async def answers(self) -> bool:
        """It speaks the protocol."""
        import aio_pika

        if not await super().answers():
            return False
        try:
            connection = await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{self.port}/", timeout=5)
        except Exception:
            return False
        await connection.close()
        return True
