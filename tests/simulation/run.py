"""One simulation: a seed makes flows, weather and people; the checker says what came of it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from batuta import flows, ids
from batuta.model.flow import Flow
from tests.simulation import random_flows, weather, work
from tests.simulation.people import People
from tests.simulation.site import Site
from tests.simulation.ticks import CRONS
from tests.simulation.virtual_time import Stalled, VirtualLoop

MOST_ROUNDS = 60
"""Looks at a world in calm weather until it has to be at rest."""
ROUND_SECONDS = 20.0


class Verdict(msgspec.Struct, frozen=True):
    """What came of a seed."""

    seed: int
    history: str
    """Digest of everything that became durable, with its time."""
    complaints: tuple[str, ...]
    commits: int
    executions: int
    task_runs: int
    virtual_seconds: float


def simulate(seed: int, *, verbose: bool = False) -> Verdict:
    """Run the world of a seed to its end."""
    chance = random.Random(seed)
    loop = VirtualLoop()
    loop.set_exception_handler(lambda _, context: None)
    with (
        tempfile.TemporaryDirectory() as folder,
        work.registered(),
        _quiet(verbose=verbose),
        _seeded_ids(seed),
        _parsed_once(),
    ):
        try:
            return loop.run_until_complete(_simulate(seed, chance, Path(folder), verbose=verbose))
        finally:
            work.Stage.now = None
            loop.close()


async def _simulate(seed: int, chance: random.Random, folder: Path, *, verbose: bool) -> Verdict:
    site = Site(random.Random(chance.random()), weather.drawn(chance), folder, verbose=verbose)
    site.note(str(site.weather))
    work.Stage.now = site.checker.performances
    people = People(site, {}, random.Random(chance.random()))
    for source, flow in _flows(chance):
        site.note(source)
        people.flows[flow.id] = flow
        await people.save(source, flow)
    site.start()
    storms = asyncio.create_task(site.storms())
    duration = chance.choice([20.0, 60.0, 90.0])
    try:
        await people.act(chance.randint(3, 18), within=duration)
        await asyncio.sleep(max(duration - site.loop.time(), 0))
        storms.cancel()
        site.clear_up()
        await _come_to_rest(site, people)
        site.checker.at_rest()
    except Stalled:
        site.checker.wrong("nothing moves any more")
    finally:
        storms.cancel()
        await site.stop()
    known = site.checker.known.values()
    return Verdict(
        seed=seed,
        history=site.digest(),
        complaints=tuple(site.checker.complaints),
        commits=site.commits,
        executions=len(known),
        task_runs=sum(len(each.runs) for each in known),
        virtual_seconds=site.loop.time(),
    )


def _flows(chance: random.Random) -> Iterator[tuple[str, Flow]]:
    """A flow that others start, one or two that start it, and one with schedules."""
    documents = [random_flows.document(chance, "child", rests=chance.random() < 0.3, depth=1)]
    for number in range(chance.randint(1, 2)):
        children = ("child",) if chance.random() < 0.8 else ()
        documents.append(random_flows.document(chance, f"parent{number}", children=children))
    if chance.random() < 0.6:
        crons = chance.sample(sorted(CRONS), chance.randint(1, 2))
        documents.append(
            random_flows.document(
                chance, "ticking", children=("child",), rests=False, depth=chance.randint(0, 1), crons=crons
            )
        )
    for document in documents:
        text = random_flows.source(document)
        yield text, flows.parse(text)


async def _come_to_rest(site: Site, people: People) -> None:
    for number in range(MOST_ROUNDS):
        await asyncio.sleep(ROUND_SECONDS)
        if number > 2:
            await people.wind_up()
        await people.go_on()
        await asyncio.sleep(1.0)
        if site.checker.is_quiet() and await _no_work_left(site):
            return
    site.checker.wrong("the world does not come to rest")


async def _no_work_left(site: Site) -> bool:
    """No row makes work."""
    store = site.store
    counts = [
        store.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("jobs", "timers", "events")
    ]
    return not any(counts)


@contextmanager
def _quiet(*, verbose: bool) -> Iterator[None]:
    """Without the log lines of servers that die, unless they are wanted."""
    before = logging.root.manager.disable
    if not verbose:
        logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _seeded_ids(seed: int) -> Iterator[None]:
    """Ids that nobody can guess are drawn from the seed instead."""
    original = ids.random_id
    chance = random.Random(hashlib.blake2b(str(seed).encode()).digest())
    ids.random_id = lambda: ids.base62(chance.getrandbits(128))
    try:
        yield
    finally:
        ids.random_id = original


@contextmanager
def _parsed_once() -> Iterator[None]:
    """Each text is parsed once, however often servers start: parsing is pure."""
    original: Any = flows.parse
    flows.parse = lru_cache(maxsize=64)(original)  # type: ignore[assignment]
    try:
        yield
    finally:
        flows.parse = original  # type: ignore[assignment]


__all__ = ["Verdict", "simulate"]
