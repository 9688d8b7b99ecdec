"""Dashboards that a server keeps: files of internal storage, as test suites are.

What is read is small and seldom asked for, so lists are made by reading.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from batuta import dashboards, ids
from batuta.dashboards import Dashboard
from batuta.dashboards.definition import DEFAULT_WINDOW, LONGEST_WINDOW
from batuta.errors import NotFound
from batuta.model.flow import TENANT
from batuta.storage.port import Storage
from batuta.storage.uris import ROOT, uri_below
from batuta.web.rejections import Invalid, Part
from batuta.web.saving import parts_of

_PLACE = f"{ROOT}_dashboards/"
_WINDOW = {"default": f"P{DEFAULT_WINDOW.days}D", "max": f"P{LONGEST_WINDOW.days}D"}

Json = dict[str, Any]


class KeptDashboard(msgspec.Struct, frozen=True):
    """A dashboard as somebody sent it."""

    id: str
    source: str
    created_at: datetime
    updated_at: datetime

    @property
    def definition(self) -> Dashboard:
        """What it says."""
        return dashboards.parse(self.source)

    @property
    def shape(self) -> Json:
        """The dashboard in the JSON of the REST contract."""
        found = self.definition
        told = {
            "tenantId": TENANT,
            "id": self.id,
            "title": found.title,
            "description": found.description,
            "timeWindow": {**_WINDOW, **(found.document.get("timeWindow") or {})},
            "charts": [chart.document for chart in found.charts],
            "deleted": False,
            "created": self.created_at,
            "updated": self.updated_at,
            "sourceCode": self.source,
        }
        return {name: value for name, value in told.items() if value is not None}


class Gallery:
    """The dashboards of a server."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def get(self, id: str) -> KeptDashboard | None:
        """One dashboard."""
        try:
            content = await self._storage.read(_uri(id))
        except NotFound:
            return None
        return msgspec.json.decode(content, type=KeptDashboard)

    async def need(self, id: str) -> KeptDashboard:
        """One dashboard that exists.

        Raises:
            NotFound: it does not.
        """
        found = await self.get(id)
        if found is None:
            raise NotFound(f"there is no dashboard `{id}`")
        return found

    async def all(self) -> list[KeptDashboard]:
        """Every dashboard, by title."""
        files = [stored.uri.rpartition("/")[2] for stored in await self._storage.list(_PLACE)]
        found = [await self.get(file.removesuffix(".json")) for file in files]
        kept = [each for each in found if each is not None]
        return sorted(kept, key=lambda each: (each.definition.title.lower(), each.id))

    async def create(self, source: str, now: datetime) -> KeptDashboard:
        """Keep a new dashboard, under the id that its author gave, or one of its own.

        Raises:
            Invalid: there is one of this id, or something is wrong with it.
        """
        definition = checked(source)
        id = definition.id or ids.random_id()
        if await self.get(id) is not None:
            raise Invalid([Part(message="Dashboard id already exists", path="id", pointer="/id")])
        return await self._put(KeptDashboard(id, source, now, now))

    async def update(self, id: str, source: str, now: datetime) -> KeptDashboard:
        """Keep another text of a dashboard.

        Raises:
            NotFound: there is none of this id.
            Invalid: something is wrong with it.
        """
        present = await self.need(id)
        definition = checked(source)
        if definition.id not in (None, id):
            raise Invalid([Part(message="Illegal dashboard id update", path="id", pointer="/id")])
        return await self._put(KeptDashboard(id, source, present.created_at, now))

    async def delete(self, id: str) -> None:
        """Remove a dashboard.

        Raises:
            NotFound: there is none of this id.
        """
        await self.need(id)
        await self._storage.delete(_uri(id))

    async def _put(self, kept: KeptDashboard) -> KeptDashboard:
        await self._storage.put(_uri(kept.id), msgspec.json.encode(kept))
        return kept


def _uri(id: str) -> str:
    return uri_below(_PLACE, f"{id}.json")


def checked(source: str) -> Dashboard:
    """What a dashboard says.

    Raises:
        Invalid: all that is wrong with it.
    """
    reading = dashboards.read(source)
    if reading.result is None:
        raise Invalid(parts_of(reading.violations))
    return reading.result
