"""How long to wait for what cannot be reached: longer each time, and not all at the same moment."""

from __future__ import annotations

import random

FIRST_SECONDS = 1.0
MOST_SECONDS = 300.0


def wait_seconds(failures: int, most: float = MOST_SECONDS) -> float:
    """The wait after so many failures in a row: twice the last one, less up to half of it by chance."""
    longest = min(FIRST_SECONDS * 2.0 ** min(failures - 1, 30), most)
    return longest * random.uniform(0.5, 1)
