"""A Redis server."""

from __future__ import annotations

from tests.support.services.broker import Broker, program


class RedisServer(Broker):
    """Every write is on the disk before it is answered."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """What starts it."""
        return [
            program("redis-server"), "--bind", "127.0.0.1", "--port", str(self.port),
            "--dir", str(self.folder),
            "--appendonly", "yes", "--appendfsync", "always", "--save", "",
        ]  # fmt: skip
