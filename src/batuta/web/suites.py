"""Test suites that a server keeps, and the results of their runs: files of internal storage.

Storage is the only truth, as it is for files of namespaces: a suite is its text, a result its JSON. What is
read is small and seldom asked for, so lists are made by reading.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from batuta import flows, ids, iso8601
from batuta.errors import NotFound
from batuta.model.flow import TENANT
from batuta.storage.port import Storage
from batuta.storage.uris import ROOT, uri_below

_SUITES = f"{ROOT}_tests/suites/"
_RESULTS = f"{ROOT}_tests/results/"
MOST_RESULTS = 20
"""Results that are kept of each suite; older ones are removed."""

Json = dict[str, Any]


class SuiteKey(NamedTuple):
    """The name of a suite."""

    namespace: str
    id: str


class KeptSuite(msgspec.Struct, frozen=True):
    """A suite as somebody sent it."""

    key: SuiteKey
    source: str
    document: Json
    """The text as plain data."""
    updated_at: datetime

    @property
    def shape(self) -> Json:
        """The suite in the JSON of the REST contract."""
        return {
            **self.document,
            "disabled": self.document.get("disabled") is True,
            "tenantId": TENANT,
            "source": self.source,
            "updated": iso8601.format_instant(self.updated_at),
            "deleted": False,
        }


class Shelf:
    """The suites of a server and their results."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def get(self, key: SuiteKey) -> KeptSuite | None:
        """One suite."""
        return await self._read(key, _suite_uri(key))

    async def need(self, key: SuiteKey) -> KeptSuite:
        """One suite that exists.

        Raises:
            NotFound: it does not.
        """
        found = await self.get(key)
        if found is None:
            raise NotFound(f"there is no test suite `{key.id}` in the namespace `{key.namespace}`")
        return found

    async def all(self) -> list[KeptSuite]:
        """Every suite, by namespace and id."""
        keys = [_key_of(stored.uri) for stored in await self._storage.list(_SUITES)]
        found = [await self.get(key) for key in sorted(keys)]
        return [each for each in found if each is not None]

    async def put(self, key: SuiteKey, source: str) -> KeptSuite:
        """Write a suite; an older one is replaced."""
        await self._storage.put(_suite_uri(key), source.encode())
        return await self.need(key)

    async def delete(self, key: SuiteKey) -> bool:
        """Remove a suite with its results; False when there was none."""
        await self._storage.delete_below(_results_prefix(key))
        return await self._storage.delete(_suite_uri(key))

    async def switch(self, key: SuiteKey, *, disabled: bool) -> None:
        """Let a suite run, or not."""
        kept = await self.need(key)
        await self.put(key, flows.set_disabled(kept.source, disabled))

    async def keep(self, key: SuiteKey, result: Json) -> Json:
        """Keep the result of a run, under an id of its own; the oldest make room."""
        result = {**result, "id": ids.random_id()}
        uri = uri_below(_results_prefix(key), f"{result['id']}.json")
        await self._storage.put(uri, msgspec.json.encode(result))
        stored = await self._storage.list(_results_prefix(key))
        for old in sorted(stored, key=lambda each: each.changed_at)[:-MOST_RESULTS]:
            await self._storage.delete(old.uri)
        return result

    async def results(self, key: SuiteKey | None = None) -> list[Json]:
        """Results of a suite, or of all, the newest first."""
        prefix = _RESULTS if key is None else _results_prefix(key)
        found = [await self._result(stored.uri) for stored in await self._storage.list(prefix)]
        kept = [each for each in found if each is not None]
        return sorted(kept, key=lambda each: str(each["startDate"]), reverse=True)

    async def result(self, result_id: str) -> Json:
        """One result.

        Raises:
            NotFound: there is none of this id.
        """
        for stored in await self._storage.list(_RESULTS):
            if stored.uri.endswith(f"/{result_id}.json"):
                found = await self._result(stored.uri)
                if found is not None:
                    return found
        raise NotFound(f"there is no result `{result_id}` of a test suite")

    async def _read(self, key: SuiteKey, uri: str) -> KeptSuite | None:
        from batuta.testing.suite_reader import read_suite

        stored = await self._storage.stat(uri)
        if stored is None:
            return None
        try:
            source = (await self._storage.read(uri)).decode()
        except NotFound:
            return None
        data = read_suite(source).document.data
        return KeptSuite(key, source, data if isinstance(data, dict) else {}, stored.changed_at)

    async def _result(self, uri: str) -> Json | None:
        try:
            found: Json = msgspec.json.decode(await self._storage.read(uri))
        except (NotFound, msgspec.DecodeError):
            return None
        return found


def _suite_uri(key: SuiteKey) -> str:
    return uri_below(f"{_SUITES}{key.namespace}/", f"{key.id}.yaml")


def _results_prefix(key: SuiteKey) -> str:
    return f"{_RESULTS}{key.namespace}/{key.id}/"


def _key_of(uri: str) -> SuiteKey:
    namespace, _, name = uri.removeprefix(_SUITES).partition("/")
    return SuiteKey(namespace, name.removesuffix(".yaml"))
