"""Play one example of the invariants again: `python -m tests.unit.engine.again SEED`."""

from __future__ import annotations

import sys

from tests.simulation import work
from tests.unit.engine.random_events import Example


def main() -> None:
    """The command."""
    with work.registered():
        world = Example(int(sys.argv[1])).play()
    print(f"{len(world.ledgers)} executions, {world.steps} steps, nothing to complain of")


if __name__ == "__main__":
    main()
