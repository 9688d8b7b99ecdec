"""Expired entries give their room back by themselves."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from batuta.app import running
from batuta.model.records import KvEntry, KvType
from batuta.settings.tree import Settings


async def test_expired_entries_are_cleared_now_and_then_and_others_stay(tmp_path):
    async with running(Settings(data_dir=tmp_path, purge_expired_kv_seconds=0.02)) as ports:
        past = ports.clock.now() - timedelta(days=1)
        for key, lives in (("expired", timedelta(hours=1)), ("alive", timedelta(days=9)), ("endless", None)):
            await ports.store.kv.put(
                KvEntry(
                    namespace="a",
                    key=key,
                    type=KvType.STRING,
                    value="x",
                    created_at=past,
                    updated_at=past,
                    expires_at=None if lives is None else past + lives,
                )
            )

        async with asyncio.timeout(30):
            left = await ports.store.kv.versions()
            while len(left) > 2:
                await asyncio.sleep(0.01)
                left = await ports.store.kv.versions()

    assert [each.key for each in left] == ["alive", "endless"]
