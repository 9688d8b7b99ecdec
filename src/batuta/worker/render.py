"""Templates to values, just before a task runs, with whatever outside values they ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from batuta import expr
from batuta.errors import TaskError
from batuta.model.execution import Execution

T = TypeVar("T")

MOST_FACTS = 1_000
"""Outside values that one rendering may ask for."""


class Lookups(Protocol):
    """Fetches outside values; see `batuta.lookups`."""

    async def answer(
        self, fact: expr.Fact, facts: expr.Facts, *, namespace: str, execution: Execution | None = None
    ) -> expr.Facts:
        """`facts` and the value of `fact`, or with it the reason why there is none."""


class TaskNames(Mapping[str, Any]):
    """What a task's expressions see: the context of its run, `workingDir`, and names of the task's own.

    The working directory is made when something asks for it.
    """

    def __init__(
        self,
        base: Mapping[str, Any],
        folder: Callable[[], Path],
        own: Callable[[Path], Mapping[str, Any]] | None = None,
    ) -> None:
        self._base = base
        self._folder = folder
        self._make_own = own
        self._own: Mapping[str, Any] | None = None

    @property
    def holds_stored(self) -> bool:
        """A value may have to be fetched from storage before it can be used."""
        return getattr(self._base, "holds_stored", False)

    def __getitem__(self, name: str) -> Any:
        if name == "workingDir":
            return str(self._folder())
        if self._make_own is not None:
            if self._own is None:
                self._own = self._make_own(self._folder())
            if name in self._own:
                return self._own[name]
        return self._base[name]

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        own = self._own or {}
        return iter(dict.fromkeys((*self._base, "workingDir", *own)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _With(Mapping[str, Any]):
    """Names laid over others."""

    def __init__(self, names: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
        self._names = names
        self._extra = extra

    @property
    def holds_stored(self) -> bool:
        """A value may have to be fetched from storage before it can be used."""
        return getattr(self._names, "holds_stored", False)

    def __getitem__(self, name: str) -> Any:
        return self._extra[name] if name in self._extra else self._names[name]

    def __contains__(self, name: object) -> bool:
        return name in self._extra or name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._names, *self._extra)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Renderer:
    """Renders the templates of one attempt and remembers the outside values that they asked for."""

    def __init__(
        self,
        names: Mapping[str, Any],
        lookups: Lookups,
        execution: Execution,
        options: expr.Options,
        on_facts: Callable[[expr.Facts], None],
    ) -> None:
        self.names = names
        self._lookups = lookups
        self._execution = execution
        self._options = options
        self._on_facts = on_facts
        self._facts = expr.Facts()
        self._loop = asyncio.get_running_loop()

    def text(self, template: str, **extra: Any) -> str | None:
        """Render.

        Raises:
            expr.MissingFact: a value was not fetched before, and this is the loop's own thread.
        """
        template = str(template)
        if not expr.is_template(template):
            return template
        names = _With(self.names, extra) if extra else self.names
        while True:
            try:
                return expr.render(template, names, self._facts, self._options)
            except expr.MissingFact as missing:
                if _on_a_loop():
                    raise
                asyncio.run_coroutine_threadsafe(self._learn(missing.fact), self._loop).result()

    async def rendered(self, template: str, **extra: Any) -> str | None:
        """Render, fetching what is asked for."""
        return await self.settle(lambda: self.text(template, **extra))

    async def native(self, template: str, **extra: Any) -> Any:
        """Render to a value, fetching what is asked for."""
        # Plain text, for a subclass of it could not be stored.
        text, names = str(template), _With(self.names, extra) if extra else self.names
        return await self.settle(lambda: expr.evaluate(text, names, self._facts, self._options))

    async def settle(self, make: Callable[[], T]) -> T:
        """Call `make` until no outside value is missing any more."""
        for _ in range(MOST_FACTS):
            try:
                return make()
            except expr.MissingFact as missing:
                await self._learn(missing.fact)
        raise TaskError(f"the properties ask for more than {MOST_FACTS} outside values")

    async def _learn(self, fact: expr.Fact) -> None:
        self._facts = await self._lookups.answer(
            fact, self._facts, namespace=self._execution.namespace, execution=self._execution
        )
        self._on_facts(self._facts)


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
