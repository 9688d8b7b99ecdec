"""Drive the pure engine with a scripted worker and a clock that is moved by hand.

```python
done = run("id: f\\nnamespace: n\\ntasks: [...]", given={"b": State.FAILED})
assert done.state is State.FAILED
assert done.runs == {"a": "SUCCESS", "b": "FAILED"}
```

Tasks that do no input or output are really run; every other task ends as `given` says, at once and with
SUCCESS unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batuta import expr
from batuta.testing.outcome import Given, Outcome
from batuta.testing.simulation import Simulation
from batuta.testing.view import Run

__all__ = ["Given", "Outcome", "Run", "Simulation", "run"]


def run(
    *sources: str,
    given: Mapping[str, Given] | None = None,
    inputs: Mapping[str, Any] | None = None,
    facts: Mapping[expr.Fact, Any] | None = None,
) -> Run:
    """Run the first flow of `sources` until nothing moves; the others are there for its Subflows."""
    return Simulation(*sources, given=given, facts=facts).start(inputs=inputs)
