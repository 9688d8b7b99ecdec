"""How much of a value may be walked through.

A template can make a small value that contains itself many times (`[s, s]`, again and again). Whatever goes
through nested values counts what it meets, so that such a value is refused instead of being unfolded.
"""

from __future__ import annotations

from batuta.expr.errors import LimitError

MOST_NODES = 1_500_000
_MOST_LEVELS = 150


class Nodes:
    """What is left of one walk."""

    __slots__ = ("left",)

    def __init__(self, most: int = MOST_NODES) -> None:
        self.left = most

    def take(self, count: int, level: int) -> None:
        """Count the elements of a collection at a depth.

        Raises:
            LimitError: there are too many, or they are too deep.
        """
        self.left -= count + 1
        if self.left < 0:
            raise LimitError("A value has too many elements, counted at all depths")
        if level > _MOST_LEVELS:
            raise LimitError("A value is nested too deeply")
