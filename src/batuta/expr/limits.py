"""What one rendering may cost, and what the host hands in: the instant, the zone, the seed.

Everything that a rendering may depend on is here, in its names or in its facts, so a rendering made twice
gives the same text.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Limits(NamedTuple):
    """Budgets of one rendering; going beyond one is an error of kind `limit`."""

    steps: int = 5_000_000
    """Loop rounds, calls and filters together."""
    output_characters: int = 10_485_760
    """Characters of the result, and of any text made on the way."""
    range_elements: int = 1_000_000
    """Elements of one range."""
    collection_elements: int = 1_000_000
    """Elements of one list or map made by the template."""
    total_elements: int = 2_000_000
    """Elements of all lists and maps made by one rendering together."""
    depth: int = 64
    """Calls of macros and blocks inside each other."""
    nesting: int = 100
    """Brackets, tags and operators inside each other, and levels of a value that is printed."""
    render_depth: int = 16
    """Calls of `render` inside each other."""
    render_passes: int = 100
    """Repetitions of a recursive rendering until the text stands still."""
    template_characters: int = 10_485_760
    """Characters of a template."""
    wall_seconds: float = 1.5
    """Seconds by the clock."""


class Options(NamedTuple):
    """How to render, apart from the names and the facts."""

    recursive: bool = False
    """Repeat every rendering until it stands still (the server's `variables.recursive-rendering`)."""
    now: datetime | None = None
    """The instant that `now()` gives; without it the clock is read."""
    zone: str = "UTC"
    """Zone of dates that name none."""
    locale: str = "en_US"
    """Language of names and number signs."""
    seed: int | None = None
    """Where the random functions draw from; without it from the machine's own source."""
    limits: Limits = Limits()
