"""A Kafka broker, which no Debian package brings: its classes are fetched by `scripts/install.py`."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.services.broker import Broker, free_port

CLUSTER = "4L6g3nShT-eMCtK--X86sw"


def classes() -> list[Path]:
    """The archives that make a broker; none where they could not be fetched, or there is no Java."""
    folder = Path(os.environ.get("KAFKA_LIBS") or Path(sys.prefix) / "kafka")
    return sorted(folder.glob("*.jar")) if shutil.which("java") else []


class KafkaBroker(Broker):
    """A broker that is its own controller."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._controller_port = free_port()
        self._settings = folder / "server.properties"
        self._settings.write_text(
            "\n".join(f"{name}={value}" for name, value in self._properties().items()) + "\n"
        )

    def _properties(self) -> dict[str, object]:
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.folder / "logs",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.num.partitions": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 500,
        }

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """What starts it."""
        return [*self._java(), "kafka.Kafka", str(self._settings)]

    def _java(self) -> list[str]:
        # Quick to start, and small: several run beside each other.
        return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]

    def environment(self) -> dict[str, str]:
        """Its classes."""
        return {"CLASSPATH": os.pathsep.join(map(str, classes()))}

    async def start(self) -> None:
        """Start it, with a log directory of its own the first time."""
        if not (self.folder / "logs").exists():
            await asyncio.to_thread(self._format)
        await super().start()

    def _format(self) -> None:
        tool = [*self._java(), "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._settings)]
        environment = {**os.environ, **self.environment()}
        subprocess.run(tool, env=environment, check=True, capture_output=True)
