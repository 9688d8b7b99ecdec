"""What can go wrong, and how often: drawn for each seed, so that some worlds are calm and some are not."""

from __future__ import annotations

import random

import msgspec


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """Probabilities per occasion, and times in seconds."""

    slowest_commit: float
    """A commit takes up to this time before, and again after it is durable."""
    slow_commits: float
    death_at_commit: float
    """The server dies just before, or just after, the commit reached the disk."""
    refusals: float
    """The database refuses a call."""
    lost_hints: float
    late_hints: float
    doubled_hints: float
    late_items: float
    """A result, a timer or an offer reaches the executor late, behind what came after it."""
    doubled_items: float
    """It comes twice; the second time maybe much later."""
    deaths: float
    """Servers that die out of the blue, per minute."""
    silences: float
    """Workers that hear and say nothing for longer than their lease, per minute."""
    apart: bool
    """Executor, scheduler and two workers are servers of their own; otherwise there is one server."""


CALM = Weather(
    slowest_commit=0.0,
    slow_commits=0.0,
    death_at_commit=0.0,
    refusals=0.0,
    lost_hints=0.0,
    late_hints=0.0,
    doubled_hints=0.0,
    late_items=0.0,
    doubled_items=0.0,
    deaths=0.0,
    silences=0.0,
    apart=False,
)


def drawn(chance: random.Random) -> Weather:
    """The weather of a seed: each kind of fault is absent, rare or frequent."""

    def some(most: float) -> float:
        return chance.choice((0.0, 0.1, 1.0)) * chance.random() * most

    return Weather(
        slowest_commit=chance.choice((0.01, 0.2, 2.0)),
        slow_commits=chance.choice((0.0, 0.1, 0.7)),
        death_at_commit=some(0.03),
        refusals=some(0.03),
        lost_hints=some(0.5),
        late_hints=some(0.5),
        doubled_hints=some(0.2),
        late_items=some(0.3),
        doubled_items=some(0.3),
        deaths=some(3.0),
        silences=some(2.0),
        apart=chance.random() < 0.6,
    )
