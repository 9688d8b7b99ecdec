"""What a service is given: the store, the bus, storage, secrets, a clock, and the way to the executor."""

from __future__ import annotations

from typing import Protocol

import msgspec

from batuta.bus.port import Bus
from batuta.clock import Clock
from batuta.engine.events import AnyEvent
from batuta.secrets.cipher import Cipher
from batuta.secrets.port import Secrets
from batuta.storage.port import Storage
from batuta.store.batch import Batch
from batuta.store.port import Store


class Inbox(Protocol):
    """The way to the executor."""

    async def accept(self, *events: AnyEvent, batch: Batch | None = None) -> None:
        """Make the events durable, together with `batch`, and wake the executor.

        Returns when they are on the disk: from then on they are not lost, whatever happens to the process.
        """

    async def report(self, *events: AnyEvent) -> None:
        """Hand over what a worker saw. If the process dies first, the attempt is lost and runs again."""


class Ports(msgspec.Struct, kw_only=True):
    """All ports of one process."""

    store: Store
    bus: Bus
    storage: Storage
    secrets: Secrets
    cipher: Cipher
    clock: Clock
    inbox: Inbox
