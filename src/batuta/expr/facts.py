"""Outside values: given beforehand or asked for, never fetched from inside the evaluator.

`secret('KEY')` in a template asks `Facts` for the fact `("secret", ("KEY", None, None))`. When it is not
known the rendering ends with `MissingFact`; the host fetches the value, adds it with `with_` and renders
again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Fact(NamedTuple):
    """The name of an outside value: which function asks, and what it was given.

    `arguments` are plain hashable values in the order of the function's signature, absent ones as None or as
    their default, so two ways to write one question are one fact. Maps are written as sorted tuples of pairs.
    """

    kind: str
    arguments: tuple[Any, ...] = ()


class MissingFact(Exception):
    """The rendering needs an outside value. Fetch it and render again."""

    def __init__(self, fact: Fact) -> None:
        super().__init__(f"{fact.kind}{fact.arguments!r}")
        self.fact = fact


class FactError(NamedTuple):
    """An outside value that could not be had; asking for it fails the rendering with this message."""

    message: str


class Facts:
    """The outside values known so far. A value of its own: `with_` gives a new one."""

    __slots__ = ("_known",)

    def __init__(self, known: Mapping[Fact, Any] | None = None) -> None:
        self._known: dict[Fact, Any] = dict(known or {})

    def get(self, fact: Fact) -> Any:
        """The value of `fact`.

        Raises:
            MissingFact: nobody has said it yet.
            EvaluationError: it is known that it cannot be had.
        """
        try:
            value = self._known[fact]
        except KeyError:
            raise MissingFact(fact) from None
        if isinstance(value, FactError):
            from batuta.expr.errors import EvaluationError

            raise EvaluationError(value.message)
        return value

    def with_(self, fact: Fact, value: Any) -> Facts:
        """These facts and one more."""
        more = Facts(self._known)
        more._known[fact] = value
        return more

    def with_error(self, fact: Fact, message: str) -> Facts:
        """These facts, and that `fact` cannot be had."""
        return self.with_(fact, FactError(message))

    def put(self, fact: Fact, value: Any) -> None:
        """Add a fact in place; for a host that keeps one `Facts` per rendering."""
        self._known[fact] = value

    def put_error(self, fact: Fact, message: str | Exception) -> None:
        """Add in place that `fact` cannot be had."""
        self._known[fact] = FactError(str(message))

    def secrets(self) -> list[str]:
        """The texts that no message may repeat."""
        return [
            value for fact, value in self._known.items() if fact.kind == "secret" and isinstance(value, str)
        ]

    def __contains__(self, fact: Fact) -> bool:
        return fact in self._known

    def __iter__(self) -> Iterator[Fact]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


NO_FACTS = Facts()
