"""An AMQP broker."""

from __future__ import annotations

from pathlib import Path

from tests.support.services.broker import Broker, free_port, program


class AmqpBroker(Broker):
    """RabbitMQ under a name of its own, without its plugins."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._distribution_port = free_port()
        (folder / "enabled_plugins").write_text("[].\n")

    def command(self) -> list[str]:
        """What starts it."""
        return [program("rabbitmq-server", "/usr/lib/rabbitmq/bin")]

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
        }

    async def answers(self) -> bool:
        """It speaks the protocol."""
        import aio_pika

        try:
            connection = await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{self.port}/", timeout=5)
        except Exception:
            return False
        await connection.close()
        return True
