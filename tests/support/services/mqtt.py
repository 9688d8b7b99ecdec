"""An MQTT broker."""

from __future__ import annotations

import getpass
from pathlib import Path

from tests.support.services.broker import Broker, program


class MqttBroker(Broker):
    """Mosquitto, which keeps the sessions of its clients on the disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\n"
            "allow_anonymous true\n"
            "persistence true\n"
            f"persistence_location {folder}/\n"
            "autosave_interval 1\n"
            "autosave_on_changes true\n"
            f"user {getpass.getuser()}\n"
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"tcp://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """What starts it."""
        return [program("mosquitto"), "-c", str(self.folder / "mosquitto.conf")]
