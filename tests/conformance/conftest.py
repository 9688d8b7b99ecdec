"""Every implementation of every port."""

from __future__ import annotations

import pytest

from batuta.bus.local import LocalBus
from batuta.storage.local import LocalStorage
from batuta.store.sqlite import open_sqlite


@pytest.fixture(params=["sqlite"])
async def store(request, tmp_path):
    store = await open_sqlite(tmp_path / "batuta.db")
    yield store
    await store.close()


@pytest.fixture(params=["local"])
async def bus(request):
    bus = LocalBus(most=100)
    yield bus
    await bus.close()


@pytest.fixture(params=["local"])
async def storage(request, tmp_path):
    storage = LocalStorage(tmp_path / "storage")
    yield storage
    await storage.close()
