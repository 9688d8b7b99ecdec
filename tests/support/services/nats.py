"""A NATS server."""

from __future__ import annotations

from tests.support.services.broker import Broker, program


class NatsServer(Broker):
    """With JetStream."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """What starts it."""
        store = str(self.folder / "store")
        return [program("nats-server"), "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", store]
